# SPDX-License-Identifier: MIT
# Manual pages, example files and the completion for bash: made from the definitions of commands and
# settings by a program of the build, into <build>/manual.

add_executable(anabranch-manual src/manual/main.cpp)
target_link_libraries(anabranch-manual PRIVATE anabranch_flags anabranch_manual)

file(GLOB manual_prose CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/packaging/man/*.in
  ${CMAKE_SOURCE_DIR}/packaging/completion/*.in)
set(manual_directory ${CMAKE_BINARY_DIR}/manual)
add_custom_command(
  OUTPUT ${manual_directory}/made
  COMMAND ${CMAKE_COMMAND} -E rm -rf ${manual_directory}
  COMMAND anabranch-manual ${CMAKE_SOURCE_DIR} ${manual_directory}
  COMMAND ${CMAKE_COMMAND} -E touch ${manual_directory}/made
  DEPENDS anabranch-manual ${manual_prose} ${CMAKE_SOURCE_DIR}/docs/exit-codes.md
  COMMENT "Making the manual")
add_custom_target(manual ALL DEPENDS ${manual_directory}/made)

install(DIRECTORY ${manual_directory}/man5 ${manual_directory}/man8 DESTINATION ${CMAKE_INSTALL_MANDIR})
install(DIRECTORY ${manual_directory}/examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES ${manual_directory}/completions/anabranch
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)

# What the manual program made, looked at by the programs that will read it.
function(anabranch_manual_tests)
  file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/manual/*.sh)
  foreach(script ${scripts})
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME manual/${name} COMMAND ${script} ${manual_directory})
    set_tests_properties(manual/${name} PROPERTIES SKIP_RETURN_CODE 77)
  endforeach()
  add_dependencies(unit_tests manual)
endfunction()
