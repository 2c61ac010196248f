# The one place that says how holdfast is built and proved. Everything here runs on a fresh clone.
SEEDS ?= 1000
.PHONY: build demo test lint sim bench

build: ## target/release/holdfast
	cargo build --release --locked

demo: ## three paired machines in a temporary folder, a real backup each; ends by itself
	./.ci/install
	cargo build --release --locked
	target/release/holdfast demo

test: ## what CI runs: format, lints, documentation, unit tests, stories with real parts, simulation
	./.ci/install
	$(MAKE) lint
	cargo test --locked --all-targets --no-fail-fast
	cargo test --locked --doc
	$(MAKE) sim

lint:
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings

sim: ## random histories of log sync, then of whole sessions; SEEDS=n, and HOLDFAST_SEED=s replays one
	HOLDFAST_SEEDS=$(SEEDS) cargo test --locked --test reconcile_histories -- --nocapture
	HOLDFAST_SEEDS=$(SEEDS) cargo test --locked --test session_histories -- --nocapture

bench: ## the figures of docs/figures.md; OPERATIONS=n, QUICK=1, PART=handshake|log-sync|live|daemons|backups
	OPERATIONS=$(OPERATIONS) QUICK=$(QUICK) PART=$(PART) cargo bench --locked --bench figures
