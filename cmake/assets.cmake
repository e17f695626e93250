# What the server serves as files: the web app, the contract, and the page made of it; built by npm's packages and put into
# the program (tools/embed.mjs, src/http/assets.h).
find_program(NODE node HINTS ${MIMEME_PARTS}/bin REQUIRED)  # there if Debian's is too old
set(assets ${CMAKE_BINARY_DIR}/assets)
file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/ui/*)
list(FILTER web_sources EXCLUDE REGEX "/api\\.d\\.ts$")  # made by the build
set(contract ${CMAKE_SOURCE_DIR}/docs/api/openapi.yaml)
add_custom_command(
  OUTPUT ${assets}/assets.S ${assets}/assets_table.cc
  COMMAND ${CMAKE_COMMAND} -E env UI_OUT=${assets}/ui ${NODE} ${CMAKE_SOURCE_DIR}/node_modules/vite/bin/vite.js build
          --logLevel warn ${CMAKE_SOURCE_DIR}/ui
  COMMAND ${NODE} tools/openapi.mjs ${contract} ${assets}/docs
  COMMAND ${NODE} tools/embed.mjs ${assets} ${assets}/ui ${assets}/docs
  DEPENDS ${web_sources} ${contract} tools/openapi.mjs tools/openapi.css tools/embed.mjs package-lock.json
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
  COMMENT "Building the web app")
target_sources(mimeme_http PRIVATE ${assets}/assets.S ${assets}/assets_table.cc)
set_source_files_properties(${assets}/assets.S PROPERTIES OBJECT_DEPENDS ${assets}/assets_table.cc)
