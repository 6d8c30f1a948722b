# The BPF programs, as skeletons in build/ebpf, and libbpf for the room `ebpf`; where
# one of libbpf, clang and bpftool is missing, a stub instead.
set(REFCLOCKD_EBPF AUTO CACHE STRING "eBPF probes: AUTO, ON or OFF")
set_property(CACHE REFCLOCKD_EBPF PROPERTY STRINGS AUTO ON OFF)

if(REFCLOCKD_EBPF)
  pkg_check_modules(LIBBPF IMPORTED_TARGET libbpf>=1.0)
  find_program(BPF_CLANG NAMES clang clang-19 clang-16 clang-15 clang-14)
  find_program(BPFTOOL bpftool HINTS /usr/sbin)
endif()
if(LIBBPF_FOUND AND BPF_CLANG AND BPFTOOL)
  set(absent bpf_hooks_stub.cc)
elseif(REFCLOCKD_EBPF STREQUAL "ON")
  message(FATAL_ERROR "REFCLOCKD_EBPF=ON needs libbpf 1.0, clang and bpftool")
else()
  message(STATUS "No eBPF probes: libbpf 1.0, clang or bpftool is missing, or not wanted")
  set(absent bpf_hooks.cc)
endif()
set_source_files_properties(${CMAKE_SOURCE_DIR}/ebpf/${absent}
  PROPERTIES HEADER_FILE_ONLY ON)
if(absent STREQUAL "bpf_hooks.cc")
  return()
endif()

# linux/types.h includes asm/types.h, which Debian keeps with the architecture.
execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-multiarch
  OUTPUT_VARIABLE multiarch OUTPUT_STRIP_TRAILING_WHITESPACE)
file(GLOB bpf_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/ebpf/*.bpf.h)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/ebpf)
foreach(name ptp_uapi ptp_tp ptp_fentry)
  set(out ${CMAKE_BINARY_DIR}/ebpf/${name})
  # `gen object` takes the DWARF out and leaves BTF.
  add_custom_command(OUTPUT ${out}.skel.h
    COMMAND ${BPF_CLANG} -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror
      -Wno-unused-parameter -I${CMAKE_SOURCE_DIR} -I/usr/include/${multiarch}
      -c ${CMAKE_SOURCE_DIR}/ebpf/${name}.bpf.c -o ${out}.o
    COMMAND ${BPFTOOL} gen object ${out}.bpf.o ${out}.o
    COMMAND ${BPFTOOL} gen skeleton ${out}.bpf.o name ${name}_bpf > ${out}.skel.h
    DEPENDS ebpf/${name}.bpf.c ${bpf_headers} ebpf/event.h ebpf/ptp_parse.h VERBATIM)
  target_sources(ebpf PRIVATE ${out}.skel.h)
endforeach()
target_include_directories(ebpf SYSTEM PRIVATE ${CMAKE_BINARY_DIR}/ebpf)
target_link_libraries(ebpf PRIVATE PkgConfig::LIBBPF)
