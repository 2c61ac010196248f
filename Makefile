# The one place that says how holdfast is built and proved. Everything here runs on a fresh clone.
SEEDS ?= 1000
KILLS ?= 50
# Each of them is ten years of one machine.
DECADES ?= 8
.PHONY: build demo test lint sim faults bench

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

sim: ## random histories of log sync, of whole sessions, then of schedules (DECADES=n); SEEDS=n, and HOLDFAST_SEED=s replays one
	HOLDFAST_SEEDS=$(SEEDS) cargo test --locked --test reconcile_histories -- --nocapture
	HOLDFAST_SEEDS=$(SEEDS) cargo test --locked --test session_histories -- --nocapture
	HOLDFAST_SEEDS=$(DECADES) cargo test --locked --test schedule_histories -- --nocapture

faults: ## daemon and restic killed at random moments of backup, forget and prune; KILLS=n, HOLDFAST_SEED=s
	HOLDFAST_KILLS=$(KILLS) cargo test --locked --test faults -- --nocapture

bench: ## the figures of docs/figures.md; OPERATIONS=n, QUICK=1, PART=handshake|log-sync|live|daemons|backups|api
	OPERATIONS=$(OPERATIONS) QUICK=$(QUICK) PART=$(PART) cargo bench --locked --bench figures
