# SPDX-License-Identifier: MIT
# A program bpf/NAME.bpf.c becomes the header NAME.skel.h, which holds the compiled program and loads it.
# It is fitted to the running kernel when it is loaded, so the kernel of the building machine is no matter.

find_program(BPF_CLANG NAMES clang clang-19 clang-16 clang-14 REQUIRED)
find_program(BPFTOOL bpftool PATHS /usr/sbin /sbin REQUIRED)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf)

function(anabranch_bpf target)
  set(directory ${CMAKE_BINARY_DIR}/bpf)
  file(MAKE_DIRECTORY ${directory})
  foreach(name ${ARGN})
    add_custom_command(OUTPUT ${directory}/${name}.skel.h
      COMMAND ${BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror
        -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=
        $<$<BOOL:${CMAKE_LIBRARY_ARCHITECTURE}>:-I/usr/include/${CMAKE_LIBRARY_ARCHITECTURE}>
        -MD -MF ${directory}/${name}.d -MT bpf/${name}.skel.h
        -c ${CMAKE_SOURCE_DIR}/bpf/${name}.bpf.c -o ${directory}/${name}.debug.o
      # Without what only a debugger wants.
      COMMAND ${BPFTOOL} gen object ${directory}/${name}.bpf.o ${directory}/${name}.debug.o
      COMMAND ${BPFTOOL} gen skeleton ${directory}/${name}.bpf.o name ${name} > ${directory}/${name}.skel.h
      DEPENDS ${CMAKE_SOURCE_DIR}/bpf/${name}.bpf.c
      DEPFILE ${directory}/${name}.d
      COMMENT "BPF program ${name}" VERBATIM)
    list(APPEND headers ${directory}/${name}.skel.h)
  endforeach()
  add_custom_target(${target}_bpf DEPENDS ${headers})
  target_sources(${target} PRIVATE ${headers})
  target_include_directories(${target} SYSTEM PRIVATE ${directory})
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/bpf)
  target_link_libraries(${target} PRIVATE PkgConfig::LIBBPF)
endfunction()
