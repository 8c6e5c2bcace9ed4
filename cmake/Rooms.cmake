# SPDX-License-Identifier: MIT
# A room is a folder under src/ built as one static library named anabranch_<room>. A main.cpp in it is
# left to a program.

function(anabranch_room name)
  cmake_parse_arguments(ROOM "" "" "LINKS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cpp)
  list(REMOVE_ITEM sources ${CMAKE_SOURCE_DIR}/src/${name}/main.cpp)
  add_library(anabranch_${name} STATIC ${sources})
  target_include_directories(anabranch_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(anabranch_${name} PRIVATE anabranch_flags PUBLIC ${ROOM_LINKS})
endfunction()

# One test program a room, from tests/<room>/*_test.cpp; no test here needs root.
function(anabranch_tests)
  include(GoogleTest)
  add_custom_target(unit_tests)
  foreach(room ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${room}/*_test.cpp)
    if(sources)
      add_executable(test_${room} ${sources})
      target_include_directories(test_${room} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
      target_link_libraries(test_${room} PRIVATE anabranch_flags anabranch_${room} GTest::gtest GTest::gmock
        GTest::gtest_main)
      target_compile_definitions(test_${room} PRIVATE
        ANABRANCH_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
      add_dependencies(unit_tests test_${room})
      gtest_discover_tests(test_${room} TEST_PREFIX ${room}/ NO_PRETTY_VALUES
        DISCOVERY_TIMEOUT 60)
    endif()
  endforeach()
endfunction()

# Micro-benchmarks: one program a file bench/*_bench.cpp.
function(anabranch_benches)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/*_bench.cpp)
  foreach(source ${sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE anabranch_flags anabranch_gateway anabranch_host anabranch_lab
      benchmark::benchmark_main)
  endforeach()
endfunction()
