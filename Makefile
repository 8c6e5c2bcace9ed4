# SPDX-License-Identifier: MIT
# The commands of the README. Everything is built below build/; nothing outside is touched but by
# `make install` and by the installation of missing packages (packaging/install-dependencies).
.PHONY: demo build debug test fuzz bench soak lint deb install uninstall clean

PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc)
EXECUTABLE := build/release/anabranch

demo:
	packaging/install-dependencies demo
	$(MAKE) --no-print-directory build
	$(EXECUTABLE) lab run single-homed --report build/single-homed.html --json build/single-homed.json

build:
	@test -f build/release/build.ninja || cmake --preset release -DANABRANCH_TESTS=OFF
	cmake --build --preset release -j $(JOBS) --target anabranch anabranch-run

debug:
	@test -f build/debug/build.ninja || cmake --preset debug
	cmake --build --preset debug -j $(JOBS)

# The scenarios with the release executable, as root and as an ordinary user, and the unit tests under the
# sanitizers. Ends in a line that counts both.
test:
	packaging/install-dependencies demo test
	tests/run

# Every fuzz target for FUZZ_SECONDS; `make test` runs their corpus without a fuzzer.
fuzz:
	packaging/install-dependencies demo fuzz
	fuzz/run

lint:
	packaging/install-dependencies demo test lint
	tools/lint

bench:
	packaging/install-dependencies demo bench
	bench/run

# The large counts, for hours.
soak: build
	$(EXECUTABLE) lab run single-homed --full
	$(EXECUTABLE) lab run single-homed-4 --full
	$(EXECUTABLE) lab run single-homed-16 --full
	$(EXECUTABLE) lab run single-homed-deep --full
	$(EXECUTABLE) lab run single-homed-faults --full
	$(EXECUTABLE) lab run failover --full
	$(EXECUTABLE) lab run flapping --full
	$(EXECUTABLE) lab run never-worse --full
	$(EXECUTABLE) lab run soak --full
	$(EXECUTABLE) lab run proxy --full
	$(EXECUTABLE) lab run proxy-setup --full
	tests/scenario/proxy_clients.py $(EXECUTABLE) --soak
	tests/scenario/converter_hostile.py $(EXECUTABLE) --soak
	tests/scenario/cpe_hostile.py $(EXECUTABLE) --soak

# build/deb/*.deb, looked at by lintian.
deb:
	packaging/install-dependencies demo deb
	packaging/make-deb

install: build
	cmake --build --preset release -j $(JOBS) --target manual
	DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

uninstall:
	packaging/uninstall "$(DESTDIR)" "$(PREFIX)" build/release/install_manifest.txt

clean:
	rm -rf build
