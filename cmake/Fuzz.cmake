# SPDX-License-Identifier: MIT
# One fuzz target a file fuzz/TARGET.cpp, with its corpus in fuzz/corpus/TARGET: under the preset "fuzz" as
# the libFuzzer program fuzz_TARGET, else as replay_TARGET, a test that runs the corpus once.

set(fuzz_targets ext_route classless_routes dhcp_frame lease state_file host_settings gateway_settings
  kea_line status_protocol paths_settings paths_recording paths_decider probe_reply
  router_advertisement reach_answer pvd_table dhcp6_message lease6 converter_addresses host_says)
# Those of the room signalling and of what is below it are built without the others.
set(fuzz_signalling convert_message convert_acceptor convert_initiator socks5 http_connect
  balancer_control)
# Those of the parsers that BPF programs have, which are headers and nothing else.
set(fuzz_steering balancer_frame)
set(fuzz_all ${fuzz_targets} ${fuzz_signalling} ${fuzz_steering})

function(anabranch_fuzz_program name target)
  add_executable(${name} fuzz/${target}.cpp ${ARGN})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR}/fuzz)
  target_link_libraries(${name} PRIVATE anabranch_flags)
  if(target IN_LIST fuzz_signalling)
    target_link_libraries(${name} PRIVATE anabranch_signalling)
  elseif(target IN_LIST fuzz_steering)
    target_include_directories(${name} SYSTEM PRIVATE ${CMAKE_SOURCE_DIR}/bpf)
  else()
    target_link_libraries(${name} PRIVATE anabranch_gateway anabranch_host anabranch_paths
      anabranch_proxy)
  endif()
endfunction()

function(anabranch_fuzzers)
  add_custom_target(fuzzers)
  foreach(target ${fuzz_all})
    anabranch_fuzz_program(fuzz_${target} ${target})
    target_link_options(fuzz_${target} PRIVATE -fsanitize=fuzzer)
    add_dependencies(fuzzers fuzz_${target})
  endforeach()
endfunction()

function(anabranch_fuzz_replays)
  add_library(anabranch_replay OBJECT fuzz/replay.cpp)
  target_link_libraries(anabranch_replay PRIVATE anabranch_flags)
  foreach(target ${fuzz_all})
    anabranch_fuzz_program(replay_${target} ${target} $<TARGET_OBJECTS:anabranch_replay>)
    add_dependencies(unit_tests replay_${target})
    add_test(NAME fuzz/${target} COMMAND replay_${target} ${CMAKE_SOURCE_DIR}/fuzz/corpus/${target})
  endforeach()
endfunction()
