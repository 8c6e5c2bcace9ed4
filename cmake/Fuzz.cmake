# SPDX-License-Identifier: MIT
# One fuzz target a file fuzz/TARGET.cpp, with its corpus in fuzz/corpus/TARGET: under the preset "fuzz" as
# the libFuzzer program fuzz_TARGET, else as replay_TARGET, a test that runs the corpus once.

set(fuzz_targets ext_route classless_routes dhcp_frame lease state_file host_settings gateway_settings
  kea_line status_protocol paths_settings paths_recording paths_decider probe_reply
  router_advertisement reach_answer pvd_table dhcp6_message lease6)

function(anabranch_fuzz_program name)
  add_executable(${name} ${ARGN})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/fuzz)
  target_link_libraries(${name} PRIVATE anabranch_flags anabranch_gateway anabranch_host
    anabranch_paths)
endfunction()

function(anabranch_fuzzers)
  add_custom_target(fuzzers)
  foreach(target ${fuzz_targets})
    anabranch_fuzz_program(fuzz_${target} fuzz/${target}.cpp)
    target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers fuzz_${target})
  endforeach()
endfunction()

function(anabranch_fuzz_replays)
  add_library(anabranch_replay OBJECT fuzz/replay.cpp)
  target_link_libraries(anabranch_replay PRIVATE anabranch_flags)
  foreach(target ${fuzz_targets})
    anabranch_fuzz_program(replay_${target} fuzz/${target}.cpp $<TARGET_OBJECTS:anabranch_replay>)
    add_dependencies(unit_tests replay_${target})
    add_test(NAME fuzz/${target} COMMAND replay_${target} ${CMAKE_SOURCE_DIR}/fuzz/corpus/${target})
  endforeach()
endfunction()
