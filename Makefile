# The one place that says how holdfast is built and proved. Everything here runs on a fresh clone.
SEEDS ?= 1000
.PHONY: build test lint unit sim stories bench

build: ## target/release/holdfast
	cargo build --release --locked

test: ## what CI runs: format, lints, documentation, unit tests, stories with real parts, simulation
	./.ci/install
	$(MAKE) lint
	cargo test --locked --all-targets --no-fail-fast
	cargo test --locked --doc
	$(MAKE) sim

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

sim: ## random histories of log sync; SEEDS=n, and HOLDFAST_SEED=s replays one
	HOLDFAST_SEEDS=$(SEEDS) cargo test --locked --test reconcile_histories -- --nocapture

bench: ## the figures of docs/figures.md; OPERATIONS=n, QUICK=1, PART=handshake|log-sync|live|daemons
	OPERATIONS=$(OPERATIONS) QUICK=$(QUICK) PART=$(PART) cargo bench --locked --bench figures
