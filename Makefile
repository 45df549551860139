# What people and CI run. `make` alone lists it.

CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR
release = $(abspath $(CARGO_TARGET_DIR))/release

.DEFAULT_GOAL := help
.PHONY: help host demo

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' Makefile

host: ## fetch the engine (libsinsp) unless it is there, and print its version
	@scripts/host --prepare

demo: host ## build everything and show the alerts on examples/
	cargo build --locked --release --workspace
	@scripts/demo $(release)
