# One set of compiler rules for every target: C++20, warnings are errors, no symbol leaves a program by accident.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(cw_options INTERFACE)
target_compile_options(cw_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wcast-qual -Wformat=2 -Wundef -Werror
  # Designated initializers leave members to their defaults on purpose.
  -Wno-missing-field-initializers)
target_compile_options(cw_options INTERFACE $<$<COMPILE_LANGUAGE:C>:-Wno-error=cpp>)
# ccache can keep objects built with a precompiled header only when the header's own time stamp is ignored.
target_compile_options(cw_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(cw_options INTERFACE -fstack-protector-strong -D_FORTIFY_SOURCE=2)
endif()
add_link_options(-Wl,-z,relro,-z,now -Wl,--as-needed)

set(CAUSEWAY_SANITIZE "" CACHE STRING "Sanitizers for every target: address,undefined or thread")
if(CAUSEWAY_SANITIZE)
  add_compile_options(-fsanitize=${CAUSEWAY_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CAUSEWAY_SANITIZE})
  # g++ 12 reports false positives of these two once sanitizers change its inlining.
  target_compile_options(cw_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-stringop-overflow>)
endif()

option(CAUSEWAY_FUZZ "Build the fuzz targets with libFuzzer (clang only; the preset `fuzz` sets what belongs to it)" OFF)
if(CAUSEWAY_FUZZ)
  # Every library counts its edges; only the programs of tests/fuzz link the engine.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
