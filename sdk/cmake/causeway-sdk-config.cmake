# find_package(causeway-sdk): target causeway::sdk and causeway_add_plugin().
get_filename_component(_causeway_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
if(NOT TARGET causeway::sdk)
  add_library(causeway::sdk INTERFACE IMPORTED)
  set_target_properties(causeway::sdk PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${_causeway_prefix}/include")
endif()
include(${CMAKE_CURRENT_LIST_DIR}/CausewayPlugin.cmake)
unset(_causeway_prefix)
