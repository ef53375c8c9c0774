# Signet: `make help` lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CARGO ?= cargo
PREFIX ?= /usr
DESTDIR ?=
# Debian's directories; other distributions set them.
MULTIARCH ?= $(shell dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch 2>/dev/null)
LIBDIR ?= $(PREFIX)/lib/$(MULTIARCH)
SYSTEMDDIR ?= $(PREFIX)/lib

TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
DENY_VERSION := 0.20.2
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# Where we are not root, what we build stays ours and only the test programs run through sudo.
HOST := $(shell rustc -vV | sed -n 's/^host: //p')
AS_ROOT := $(if $(SUDO),env CARGO_TARGET_$(shell echo $(HOST) | tr a-z- A-Z_)_RUNNER="sudo --preserve-env")

# Debian 12's names. The first line is needed to build, the others by the tests, the demo and the benches.
PACKAGES := build-essential pkg-config libpcsclite-dev libpam0g-dev clang libclang-dev git curl ca-certificates \
	pcscd vsmartcard-vpcd opensc openssl pamtester libpam-wrapper libpam-p11 libpam-pkcs11 sudo \
	dbus python3-venv jq strace iproute2 util-linux procps

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: deps
deps: packages ## install what everything needs (Debian packages, cargo-deny, the Python varlink client)
	@if [ "$$($(CARGO) deny --version 2>/dev/null)" = "cargo-deny $(DENY_VERSION)" ]; then \
	    echo "deps: cargo-deny $(DENY_VERSION) is installed"; \
	else echo "deps: building cargo-deny $(DENY_VERSION) (some minutes)"; \
	    $(CARGO) install cargo-deny --locked --version $(DENY_VERSION) --quiet; fi
	@$(MAKE) $(TARGET_DIR)/python/.varlink

.PHONY: packages
packages: ## install the Debian packages that building, testing and the demo need
	@missing=$$(for p in $(PACKAGES); do dpkg-query -W -f='$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	if [ -n "$$missing" ]; then \
	    echo "deps: installing" $$missing; \
	    $(SUDO) apt-get update -qq; \
	    $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing </dev/null; \
	else echo "deps: all Debian packages are installed"; fi

# The foreign client of the wire tests.
$(TARGET_DIR)/python/.varlink:
	python3 -m venv $(TARGET_DIR)/python
	$(TARGET_DIR)/python/bin/pip install --quiet --disable-pip-version-check varlink==31.0.0
	touch $@

.PHONY: build
build: ## build everything (development profile)
	$(CARGO) build --workspace --locked
	@$(MAKE) third-party-piv

# A card that others wrote: a workspace of its own, because what it builds takes long and nothing else needs it.
THIRD_PARTY := --locked --manifest-path simulators/third-party-piv/Cargo.toml --target-dir $(TARGET_DIR)
.PHONY: third-party-piv
third-party-piv:
	$(CARGO) build $(THIRD_PARTY)

.PHONY: test
test: packages build $(TARGET_DIR)/python/.varlink ## run every test; those that need root (private namespaces) run through sudo where we are not
	$(AS_ROOT) $(CARGO) test --workspace --locked --no-fail-fast
	$(AS_ROOT) $(CARGO) test $(THIRD_PARTY) --no-fail-fast

# The workspace, and what is apart from it.
MANIFESTS := Cargo.toml simulators/third-party-piv/Cargo.toml fuzz/Cargo.toml
.PHONY: check
check: ## formatting, clippy, docs, dependency directions, requirements, what documents point to, cargo-deny
	@for manifest in $(MANIFESTS); do $(CARGO) fmt --all --manifest-path $$manifest --check; done
	$(CARGO) clippy --workspace --all-targets --locked --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --quiet
	$(CARGO) run --quiet --locked --package signet-check -- directions
	$(CARGO) run --quiet --locked --package signet-check -- requirements
	$(CARGO) run --quiet --locked --package signet-check -- documents
	@for manifest in $(MANIFESTS); do \
	    echo "cargo deny: $$manifest"; \
	    $(CARGO) deny --log-level error --config deny.toml --manifest-path $$manifest check bans licenses sources; done
	@if $(CARGO) deny fetch db >/dev/null 2>&1; then \
	    for manifest in $(MANIFESTS); do \
	        $(CARGO) deny --log-level error --config deny.toml --manifest-path $$manifest check advisories; done; \
	else echo "check: SKIPPED the advisories: their database cannot be fetched (no network?); run 'make check' again later"; fi

.PHONY: requirements
requirements: ## each requirement and the tests that prove it
	@$(CARGO) run --quiet --locked --package signet-check -- requirements --table

.PHONY: demo
demo: packages ## a smart card opens, locks and re-opens a session, with simulated hardware
	$(CARGO) build --workspace --locked
	@$(SUDO) $(TARGET_DIR)/debug/signet-demo

.PHONY: bench
bench: packages ## the figures of the README, each against its peer
	$(CARGO) build --release --locked --quiet --package signet-daemon --package signet-device-host \
	    --package signet-port-pam --package signet-pam --package signet-ctl \
	    --package signet-sim-card --package signet-sim-logind --package signet-e2e
	$(CARGO) build --release --quiet $(THIRD_PARTY)
	@$(SUDO) env CARGO_TARGET_DIR="$(TARGET_DIR)" SIGNET_BENCH_FULL="$(SIGNET_BENCH_FULL)" benches/run

.PHONY: fuzz
fuzz: ## a short run of every fuzz target
	fuzz/run

.PHONY: fmt
fmt: ## format the code
	@for manifest in $(MANIFESTS); do $(CARGO) fmt --all --manifest-path $$manifest; done

.PHONY: release
release: ## build the programs for installation
	$(CARGO) build --release --locked --package signet-daemon --package signet-device-host \
	    --package signet-port-pam --package signet-pam --package signet-ctl

.PHONY: install
install: release ## install into DESTDIR (PREFIX=/usr), with systemd units, man pages and completions
	packaging/install "$(TARGET_DIR)/release" "$(DESTDIR)" "$(PREFIX)" "$(LIBDIR)" "$(SYSTEMDDIR)"

.PHONY: clean
clean: ## remove what was built
	$(CARGO) clean
