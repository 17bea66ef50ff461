# find_package(CausewaySDK 1.0): target causeway::sdk, causeway_add_plugin(), causeway_check_plugin(). The version is
# that of the plugin ABI. Everything is found relative to this file: share/cmake/CausewaySDK beside include and bin.
get_filename_component(_causeway_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET causeway::sdk)
  add_library(causeway::sdk INTERFACE IMPORTED)
  set_target_properties(causeway::sdk PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_causeway_prefix}/include")
endif()
# The validator. This installation's own, whatever else is in the PATH.
set(CausewaySDK_TOOL "${_causeway_prefix}/bin/causeway")
if(NOT EXISTS "${CausewaySDK_TOOL}")
  set(CausewaySDK_TOOL causeway)
endif()
include("${CMAKE_CURRENT_LIST_DIR}/CausewayPlugin.cmake")
unset(_causeway_prefix)
