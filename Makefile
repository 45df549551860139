# What people and CI run. `make` alone lists it.

CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR
release = $(abspath $(CARGO_TARGET_DIR))/release

# Tools that a machine lacks are built here once; its own come first.
tools = $(abspath $(CARGO_TARGET_DIR))/tools
export PATH := $(PATH):$(tools)/bin

# Links to private items lead somewhere, since these are documented too.
rustdoc = -D warnings -A rustdoc::private_intra_doc_links

.DEFAULT_GOAL := help
.PHONY: help rust host moto demo coverage test count asan miri fuzz fuzz-smoke test-aws test-falco soak bench bench-aws fmt
.PHONY: deny advisories dist test-packages

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s  %s\n", $$1, $$2 }' Makefile

rust:
	@command -v cargo >/dev/null || { \
	  echo 'make: cargo is not on PATH: install Rust 1.88 or newer with rustup, then start a new shell' >&2; exit 1; }
	@command -v cc >/dev/null || { \
	  echo 'make: cc, which links Rust programs, is not on PATH: apt-get install gcc libc6-dev' >&2; exit 1; }

host: ## fetch the engine (libsinsp) unless it is there, and print its version
	@scripts/host --prepare

moto: ## install the AWS that the tests talk to (moto) and what checks deploy/ unless they are there, and print the version
	@scripts/moto --prepare

demo: rust ## build everything and show the alerts on examples/
	cargo build --locked --release --workspace
	@scripts/demo $(release)

LOGS ?= $(firstword $(wildcard ../shared/data) examples)

coverage: rust host ## report what the rules catch and how noisy they are on the logs in LOGS, a folder
	cargo build --locked --release --workspace
	@$(release)/rule-coverage --plugin $(release)/libcloudtrail.so --rules rules/aws_cloudtrail_rules.yaml \
	  --tests tests/rules --tuning tests/rules/tuning.yaml --output $(CARGO_TARGET_DIR)/coverage "$(LOGS)"

test: rust deny host moto ## all that CI checks: format, lints, dependencies, tests on the real engine, docs
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo test --locked --workspace
	@$(MAKE) --no-print-directory fuzz-smoke
	@$(MAKE) --no-print-directory count
	@$(MAKE) --no-print-directory test-packages
	RUSTDOCFLAGS='$(rustdoc)' cargo doc --locked --workspace --no-deps --document-private-items

count: rust ## hold the instructions that an event takes to benches/counts.json; UPDATE_COUNTS=1 renews that file
	cargo build --locked --release -p falco-cloudtrail --lib
	cargo bench --locked --profile dev --bench count

dist: rust ## pack a .deb, a .rpm, archives for falcoctl, SBOMs and sums into target/dist; GLIBC=2.17 builds for older systems
	@GLIBC=$(GLIBC) scripts/dist $(CARGO_TARGET_DIR)/dist

test-packages: dist host ## make the packages, and hold them to what they should be
	GLIBC=$(GLIBC) cargo test --locked --test packages

asan: rust host moto ## let AddressSanitizer watch the libraries and what they are made of, in the real engine and the tests of its API
	@scripts/asan

miri: rust ## let Miri watch the tests of what reads Falco's pointers; needs rustup's nightly with that component
	@RUSTUP_AUTO_INSTALL=0 cargo +nightly miri --version >/dev/null 2>&1 || \
	  { echo 'skipped: no Miri: rustup toolchain install nightly --component miri'; exit 0; }; \
	  MIRIFLAGS=-Zmiri-strict-provenance cargo +nightly miri test --locked -p extraction --lib

fuzz: rust ## look for input that fails, 5 minutes a target; FUZZ_TARGET names one, FUZZ_SECONDS or FUZZ_RUNS says how long
	@scripts/fuzz $(FUZZ_TARGET)

fuzz-smoke: rust ## try each fuzz target on what is committed and on a few inputs more, the same ones each time
	@FUZZ_SMOKE=1 FUZZ_RUNS=20000 scripts/fuzz

test-aws: rust host moto ## the tests of S3, SQS and the event history at full size: 100,000 and 50,000 events, 50 kills
	CT_OBJECTS=2000 CT_LOOKUPS=50000 CT_KILLS=50 cargo test --locked --test tests aws::

test-falco: rust host moto ## the tests that need Falco and Falcosidekick, which must be on PATH (or FALCO_BIN, FALCOSIDEKICK_BIN)
	@for program in "$${FALCO_BIN:-falco}" "$${FALCOSIDEKICK_BIN:-falcosidekick}"; do \
	  command -v "$$program" >/dev/null || { echo "make: $$program is not on PATH: what needs it would be skipped" >&2; exit 1; }; \
	done
	cargo test --locked --test tests falco
	cargo test --locked -p runner --lib falco
	@$(MAKE) --no-print-directory dist
	cargo test --locked --test packages falco

soak: rust moto ## open, read, fail and close sources for SOAK_MINUTES (default 120); memory and descriptors must stay flat
	cargo build --locked --release -p falco-cloudtrail --lib
	cargo bench --locked --profile dev --bench soak

bench: rust host ## measure speed, memory and start beside yardsticks, and print one table of it
	cargo build --locked --release --workspace
	cargo bench --locked --bench decode --bench extract --bench whole

bench-aws: rust host moto ## measure S3, SQS and the event history against local servers: speed, memory, cost when idle
	cargo build --locked --release --workspace
	cargo bench --locked --profile dev --bench remote

fmt: rust ## format the code
	cargo fmt --all

# Advisories are not part of it: they change by the day and need the network, while the same tree must pass or fail
# the same way everywhere.
deny: rust ## hold the dependencies to deny.toml: licences, sources, bans
	@cargo deny --version >/dev/null 2>&1 || \
	  env -u CARGO_TARGET_DIR cargo install cargo-deny --locked --version 0.20.2 --root $(tools)
	cargo deny --locked check --hide-inclusion-graph bans licenses sources

advisories: deny ## look the dependencies up in RustSec's advisory database (needs the network)
	cargo deny --locked check advisories
