# What `make package` puts into mimeme_VERSION_ARCHITECTURE.deb, laid out below /usr. docs/deploy.md describes it for those who
# install it, docs/decisions/0025 says why it is so.
include(GNUInstallDirs)
set(private ${CMAKE_INSTALL_LIBDIR}/mimeme)  # libraries that Debian lacks
set(doc ${CMAKE_INSTALL_DATADIR}/doc/mimeme)
set(made ${CMAKE_BINARY_DIR}/package_docs)

# The manual, completions and changelog are made of what the program and CHANGELOG.md say.
add_custom_target(package_docs DEPENDS mimeme
  COMMAND ${NODE} tools/package_docs.mjs $<TARGET_FILE:mimeme> ${PROJECT_VERSION} ${made}
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})

set_target_properties(mimeme PROPERTIES INSTALL_RPATH "$ORIGIN/../${private}")
install(TARGETS mimeme)
foreach(target onnxruntime::onnxruntime duckdb::duckdb)
  get_target_property(library ${target} IMPORTED_LOCATION)
  file(REAL_PATH "${library}" library)  # the name that the program asks for, not the one it was linked by
  if(library MATCHES "^${MIMEME_PARTS}/")
    install(FILES ${library} DESTINATION ${private})
    cmake_path(GET library FILENAME name)
    install(CODE "execute_process(COMMAND ${CMAKE_STRIP} --strip-unneeded \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${private}/${name})")
  endif()
endforeach()
install(DIRECTORY models/dist/ DESTINATION ${CMAKE_INSTALL_DATADIR}/mimeme/models)
install(FILES packaging/mimeme.service DESTINATION /lib/systemd/system)
install(FILES packaging/mimeme.toml DESTINATION /etc/mimeme)
install(FILES ${made}/mimeme.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${made}/mimeme.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME mimeme)
install(FILES ${made}/_mimeme DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
install(FILES ${made}/mimeme.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
install(FILES packaging/copyright ${made}/changelog.gz docs/deploy.md docs/format.md DESTINATION ${doc})
install(FILES packaging/nginx.conf packaging/Caddyfile DESTINATION ${doc}/examples)
install(FILES node_modules/com.github.asus4.onnxruntime/ThirdPartyNotices.txt DESTINATION ${doc} RENAME onnxruntime-notices.txt)
install(FILES packaging/lintian-overrides DESTINATION ${CMAKE_INSTALL_DATADIR}/lintian/overrides RENAME mimeme)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_DIRECTORY ${CMAKE_SOURCE_DIR}/build/package)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS  # whatever the builder's umask is
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE gzip)  # xz takes minutes and saves 8 %: models hardly get smaller
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The mimeme project <mimeme@mimeme.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "image search for memes, on your own machine")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION "Give it a picture and it finds the same picture, the same template with
other words, and what else looks like it. Give it words and it finds
pictures by what they say, show and are called. It indexes folders where
they are, never changes a file, and needs no GPU and no internet.

It is a command line, a web app and an HTTP API in one program. The system
service is installed, and not started until it is asked for.")
set(CPACK_DEBIAN_PACKAGE_SECTION graphics)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_DEPENDS adduser)  # postinst; what the program links to is found by dpkg-shlibdeps
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${MIMEME_PARTS}/lib)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
foreach(script conffiles postinst prerm postrm)
  list(APPEND CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_SOURCE_DIR}/packaging/${script})
endforeach()
set(CMAKE_SKIP_PACKAGE_ALL_DEPENDENCY ON)  # the tests' programs are not needed
include(CPack)
