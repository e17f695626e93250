# The vendors. A system package is used where there is one (Debian 13 has ONNX Runtime); else what tools/setup put
# into .parts/. parts.md of the project's guide and docs/decisions say why these.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(OpenSSL REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
pkg_check_modules(VIPS REQUIRED IMPORTED_TARGET vips>=8.13)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.37)  # with FTS5
pkg_check_modules(LAPACKE_PC REQUIRED IMPORTED_TARGET lapacke openblas)
add_library(LAPACKE::LAPACKE ALIAS PkgConfig::LAPACKE_PC)

# part(<target> LIBRARY <name> HEADER <file>): an imported library from .parts/ or the system's paths.
function(mimeme_part target)
  cmake_parse_arguments(PART "" "LIBRARY;HEADER" "SUFFIXES" ${ARGN})
  string(MAKE_C_IDENTIFIER ${target} id)
  find_library(${id}_LIBRARY ${PART_LIBRARY} HINTS ${MIMEME_PARTS}/lib)
  find_path(${id}_INCLUDE ${PART_HEADER} HINTS ${MIMEME_PARTS}/include PATH_SUFFIXES ${PART_SUFFIXES})
  if(NOT ${id}_LIBRARY OR NOT ${id}_INCLUDE)
    message(FATAL_ERROR "${PART_LIBRARY} (${PART_HEADER}) is missing: run `make setup` first")
  endif()
  add_library(${target} UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${target} PROPERTIES IMPORTED_LOCATION ${${id}_LIBRARY})
  target_include_directories(${target} SYSTEM INTERFACE ${${id}_INCLUDE})
endfunction()

find_package(onnxruntime QUIET CONFIG)
if(NOT TARGET onnxruntime::onnxruntime)
  mimeme_part(onnxruntime::onnxruntime LIBRARY onnxruntime HEADER onnxruntime_cxx_api.h SUFFIXES onnxruntime)
endif()
mimeme_part(duckdb::duckdb LIBRARY duckdb HEADER duckdb.h)
mimeme_part(usearch::usearch LIBRARY numkong HEADER usearch/index_plugins.hpp)
target_compile_definitions(usearch::usearch INTERFACE
  USEARCH_USE_NUMKONG=1 USEARCH_USE_OPENMP=0 NK_DYNAMIC_DISPATCH=1 NK_NATIVE_F16=0 NK_NATIVE_BF16=0)
target_compile_options(usearch::usearch INTERFACE -include ${MIMEME_PARTS}/include/nk_probes.h)
target_link_libraries(usearch::usearch INTERFACE Threads::Threads m)
