# The one place that says how holdfast is built and proved. Everything here runs on a fresh clone.
SEEDS ?= 1000
KILLS ?= 50
# Each of them is ten years of one machine.
DECADES ?= 8
.PHONY: build screenshots ui ui-check demo test lint browser reach sim faults bench bench-ui

build: ui ## target/release/holdfast, with the web interface where Node.js is there
	cargo build --release --locked

ui: ## ui/dist, which the next cargo build takes into the program
	@if command -v npm >/dev/null; \
	then cd ui && npm ci --no-audit --no-fund && npm run build && touch ../build.rs; \
	else echo "there is no npm: the program will show a page in place of the web interface"; fi

demo: ## three paired machines in a temporary folder, a real backup each; ends by itself
	./.ci/install
	$(MAKE) build
	target/release/holdfast demo

test: ## what CI runs: format, lints, unit tests, stories with real parts, simulation, a real browser
	./.ci/install
	$(MAKE) ui-check
	$(MAKE) lint
	./.ci/tests
	cargo test --locked --doc
	$(MAKE) sim
	$(MAKE) browser
	$(MAKE) reach

ui-check: ## the web interface by itself: types, format, unit tests; then ui/dist
	cd ui && npm run check && npm run format:check && npm test && npm run build
	touch build.rs

browser: ## the web interface in a real Chromium, with real daemons
	cd ui && npm run browser

reach: ## every page at every width, by keyboard, with forced colours and without motion; from made-up data
	cd ui && npm run build:fixtures && npm run reach

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

bench-ui: ## the figures of the web interface, in docs/figures.md; OPERATIONS=n, FILES=n, QUICK=1, PART=fleet,pages,filters,scrolling,files
	./.ci/install
	$(MAKE) build
	cargo build --release --locked --example seed
	cd ui && HOLDFAST=../target/release/holdfast SEED=../target/release/examples/seed \
		OPERATIONS=$(OPERATIONS) FILES=$(FILES) QUICK=$(QUICK) PART=$(PART) npm run --silent bench

screenshots: ## docs/screenshots: every page and state of ui/scripts/pages.mjs, from made-up data
	./.ci/install
	cd ui && npm run build:fixtures && npm run shots -- ../docs/screenshots
