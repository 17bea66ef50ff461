# Debian packages only; packaging/packages.sh lists them.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
# Debian 12 has Boost 1.74 and 1.81 side by side; Asio, DLL and System are header-only here.
find_package(Boost 1.81 EXACT REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(spdlog REQUIRED)
find_package(fmt REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(SODIUM REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(NICE REQUIRED IMPORTED_TARGET nice)
pkg_check_modules(NL REQUIRED IMPORTED_TARGET libnl-3.0 libnl-route-3.0)
pkg_check_modules(CAPNG REQUIRED IMPORTED_TARGET libcap-ng)

# The fastest AES-256-GCM there is, on x86-64 only; without it OpenSSL seals. Debian's package has no .pc file.
option(CAUSEWAY_IPSEC_MB "Use libipsec-mb where it is installed" ON)
if(CAUSEWAY_IPSEC_MB AND CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  find_path(IPSEC_MB_INCLUDE_DIR intel-ipsec-mb.h)
  find_library(IPSEC_MB_LIBRARY IPSec_MB)
  if(IPSEC_MB_INCLUDE_DIR AND IPSEC_MB_LIBRARY)
    add_library(ipsec_mb UNKNOWN IMPORTED)
    set_target_properties(ipsec_mb PROPERTIES
      IMPORTED_LOCATION ${IPSEC_MB_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${IPSEC_MB_INCLUDE_DIR})
  endif()
endif()
