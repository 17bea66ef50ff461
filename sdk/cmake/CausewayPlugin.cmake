# causeway_add_plugin(NAME SOURCES a.cpp [LIBS lib…]): one NAME.so, built from the SDK headers alone, that exports
# cw_plugin_entry and nothing else.
set(CAUSEWAY_PLUGIN_VERSION_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/causeway-plugin.version CACHE INTERNAL "")

function(causeway_add_plugin name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_library(${name} MODULE ${ARG_SOURCES})
  if(TARGET causeway::sdk)
    target_link_libraries(${name} PRIVATE causeway::sdk ${ARG_LIBS})
  else()
    target_link_libraries(${name} PRIVATE cw_sdk ${ARG_LIBS})
  endif()
  set_target_properties(${name} PROPERTIES PREFIX "" SUFFIX ".so" C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON POSITION_INDEPENDENT_CODE ON LINK_DEPENDS ${CAUSEWAY_PLUGIN_VERSION_SCRIPT})
  target_compile_options(${name} PRIVATE $<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fno-gnu-unique>)
  target_link_options(${name} PRIVATE -Wl,--version-script=${CAUSEWAY_PLUGIN_VERSION_SCRIPT} -Wl,-z,now)
endfunction()

# causeway_check_plugin(NAME): a test NAME.check that examines the library by `causeway plugin check`.
function(causeway_check_plugin name)
  if(CausewaySDK_TOOL)
    set(tool ${CausewaySDK_TOOL})
  else()
    set(tool $<TARGET_FILE:causeway-cli>)
  endif()
  add_test(NAME ${name}.check COMMAND ${tool} plugin check $<TARGET_FILE:${name}>)
  set_tests_properties(${name}.check PROPERTIES TIMEOUT 300)
endfunction()
