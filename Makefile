# mimeme: `make demo` and `make test` are all that a newcomer needs. The rest is a thin layer over CMake's presets.
.DEFAULT_GOAL := help
# tools/setup puts Node.js there if Debian's is too old.
export PATH := $(CURDIR)/.parts/bin:$(PATH)
.PHONY: help setup build demo test bench fmt lint sanitize package clean

help:    ## this list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## (.*)/  make \1\t\2/' | expand -t 16

setup:   ## install what is missing (apt, npm), compile the parts, convert the models
	@tools/setup

build: setup  ## build the program: build/release/mimeme
	@mkdir -p build && cmake --preset release > build/configure.log 2>&1 || (cat build/configure.log; exit 1)
	@cmake --build --preset release

demo: build  ## index real pictures and search them
	@tools/demo build/release/mimeme

test: build  ## every test
	@tools/postgres install || echo "tests on PostgreSQL will be skipped"
	@ctest --preset release

sanitize: setup  ## the unit tests under ASan + UBSan and under TSan
	@tools/postgres install || echo "tests on PostgreSQL will be skipped"
	@cmake --workflow --preset dev
	@cmake --workflow --preset tsan

bench: build  ## measure: ratios taken in one run
	@tools/bench

package: setup  ## a Debian package: build/package/mimeme_VERSION_amd64.deb
	@mkdir -p build && cmake --preset release > build/configure.log 2>&1 || (cat build/configure.log; exit 1)
	@cmake --build --preset release --target package_docs
	@cd build/release && umask 022 && cpack > ../package.log 2>&1 || (cat ../package.log; exit 1)
	@ls -lh build/package/*.deb

fmt:     ## format the C++ files
	@tools/check_format --fix

lint: build  ## clang-tidy
	@tools/lint

clean:   ## remove build/ (not the parts)
	rm -rf build
