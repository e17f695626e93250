# The vendors. A system package is used where there is one (Debian 13 has ONNX Runtime); else what tools/setup put
# into .parts/. parts.md of the project's guide and docs/decisions say why these.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Eigen3 REQUIRED NO_MODULE)
find_package(OpenSSL REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(CURL 7.85 REQUIRED)
find_package(fmt REQUIRED)
find_package(prometheus-cpp REQUIRED)
pkg_check_modules(VIPS REQUIRED IMPORTED_TARGET vips>=8.13)
# VLFeat comes without a pkg-config file.
find_path(VLFEAT_INCLUDE vl/sift.h REQUIRED)
find_library(VLFEAT_LIBRARY vl REQUIRED)
add_library(vlfeat::vl INTERFACE IMPORTED GLOBAL)
target_include_directories(vlfeat::vl SYSTEM INTERFACE ${VLFEAT_INCLUDE})
target_link_libraries(vlfeat::vl INTERFACE ${VLFEAT_LIBRARY})
pkg_check_modules(UTF8PROC REQUIRED IMPORTED_TARGET libutf8proc)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.37)  # with FTS5
pkg_check_modules(LAPACKE_PC REQUIRED IMPORTED_TARGET lapacke openblas)
add_library(LAPACKE::LAPACKE ALIAS PkgConfig::LAPACKE_PC)
# RESTinio with standalone Asio: headers, and http_parser's library.
find_path(RESTINIO_INCLUDE restinio/all.hpp REQUIRED)
find_path(ASIO_INCLUDE asio.hpp REQUIRED)
find_library(HTTP_PARSER_LIBRARY http_parser REQUIRED)
add_library(restinio::header_only INTERFACE IMPORTED GLOBAL)
target_include_directories(restinio::header_only INTERFACE ${RESTINIO_INCLUDE} ${ASIO_INCLUDE})
target_compile_definitions(restinio::header_only INTERFACE
  ASIO_STANDALONE ASIO_HAS_STD_CHRONO ASIO_DISABLE_STD_STRING_VIEW)
target_link_libraries(restinio::header_only INTERFACE ${HTTP_PARSER_LIBRARY} fmt::fmt Threads::Threads)
if(MIMEME_SANITIZE MATCHES thread)  # which knows no fences; Asio's mutexes order the same, and that it sees
  target_compile_definitions(restinio::header_only INTERFACE ASIO_DISABLE_FENCED_BLOCK)
endif()
# Its headers alone: the library that Debian builds of them throws.
find_path(TOMLPLUSPLUS_INCLUDE toml++/toml.h REQUIRED)
add_library(tomlplusplus::header_only INTERFACE IMPORTED GLOBAL)
target_include_directories(tomlplusplus::header_only INTERFACE ${TOMLPLUSPLUS_INCLUDE})

# mimeme_part(<target> LIBRARY <name> HEADER <file>): an imported library from the system's paths, else from .parts/.
function(mimeme_part target)
  cmake_parse_arguments(PART "" "LIBRARY;HEADER" "SUFFIXES" ${ARGN})
  string(MAKE_C_IDENTIFIER ${target} id)
  find_library(${id}_LIBRARY ${PART_LIBRARY} PATHS ${MIMEME_PARTS}/lib)
  find_path(${id}_INCLUDE ${PART_HEADER} PATHS ${MIMEME_PARTS}/include PATH_SUFFIXES ${PART_SUFFIXES})
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
