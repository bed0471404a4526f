# The workbench. `make run` and `make test` are all a new machine needs: they install what is missing and build it.

SHELL := /bin/bash
CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR
CARGO := cargo
BIN := $(CARGO_TARGET_DIR)/release/pegasus
DATA ?= $(CURDIR)/.data
PORT ?= 6379
ARGS ?=
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)

.PHONY: run build test check fix bench failover catchup durability chaos power-loss fuzz clients differential sim sim-mutants sim-shell clean install

run: build ## a three-replica store on 127.0.0.1:6379
	exec $(BIN) onebox --port $(PORT) --data $(DATA) $(ARGS)

build: install
	$(CARGO) build --release --locked

test: install ## everything that is quick
	$(CARGO) build --release --locked -p pegasus -p history
ifneq ($(NEXTEST),)
	$(CARGO) nextest run --release --locked --workspace
else
	$(CARGO) test --release --locked --workspace
endif

check: install ## what CI checks; writes nothing
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --locked --workspace --no-deps --document-private-items

fix: install ## formats, and mends what clippy can
	$(CARGO) fmt --all
	$(CARGO) clippy --release --workspace --all-targets --fix --allow-dirty --allow-staged

bench: build ## side by side with redis-server; see bench/README.md
	python3 bench/bench.py --pegasus $(BIN) $(ARGS)

failover: build ## how long clients wait when nodes die, hang or are drained and when the meta server is away; about 15 minutes
	python3 bench/failover.py --pegasus $(BIN) $(ARGS)

catchup: build ## how a node that missed 5 GB catches up, and what clients notice of it
	python3 bench/catchup.py --pegasus $(BIN) $(ARGS)

durability: build ## kill -9 at random moments, 50 rounds each of onebox and of separate processes
	python3 tests/durability.py --pegasus $(BIN) --rounds 50 $(ARGS)

chaos: install ## 30 minutes of faults on separate processes, and a history that is checked: ARGS="--minutes 5 --seed 7"; cuts and disks need root
	$(CARGO) build --release --locked -p pegasus -p history
	python3 tests/chaos/chaos.py --pegasus $(BIN) $(ARGS)

power-loss: build ## loss of power of all machines at once, 50 rounds; needs root
	python3 tests/chaos/power_loss.py --pegasus $(BIN) $(ARGS)

FUZZ := restore_payload listpack ziplist stream_node stream restore hyperloglog glob

fuzz: install ## RESTORE and its payloads, HyperLogLogs, patterns: SECONDS_EACH=3600 for an hour each, TARGETS=glob for one; see tests/fuzz/README.md
	cargo-fuzz --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-fuzz
	cd tests/fuzz/libfuzzer && for target in $(or $(TARGETS),$(FUZZ)); do mkdir -p corpus/$$target && \
		RUSTC_BOOTSTRAP=1 cargo-fuzz run --fuzz-dir . --sanitizer none $$target corpus/$$target ../seeds/$$target -- \
			-max_total_time=$(or $(SECONDS_EACH),60) -malloc_limit_mb=64 -timeout=10 || exit 1; \
	done

clients: build ## redis-py, node-redis and ioredis with default settings
	tests/clients/run.sh $(BIN)

differential: install ## every type's commands side by side with redis-server, a million each: COMMANDS=20000 for fewer, SEED=n to begin with a reported sequence
	DIFFERENTIAL=$(or $(COMMANDS),1000000) $(if $(SEED),DIFFERENTIAL_SEED=$(SEED)) $(CARGO) test --release --locked -p commands differential -- --nocapture

sim: install ## the protocol's cores on simulated time: FROM=1 SEEDS=1000 for many, SEED=n for one with its trace
	$(CARGO) build --release --locked -p simulation
	$(CARGO_TARGET_DIR)/release/sim $(if $(SEED),--seed $(SEED),--from $(or $(FROM),1) --seeds $(or $(SEEDS),1000) --jobs 2) $(ARGS)

sim-mutants: install ## faults planted on purpose, and how many seeds it takes to find each
	$(CARGO) run --release --locked -p simulation --features mutants -- --mutants $(ARGS)

sim-shell: install ## the servers on a simulated network and simulated disks: FROM=0 SEEDS=2000, or SEED=n to see one
	$(CARGO) build --release --locked -p pegasus -p shell-simulation
	$(CARGO_TARGET_DIR)/release/shell-simulation $(if $(SEED),--seed $(SEED),--from $(or $(FROM),0) --seeds $(or $(SEEDS),2000)) $(ARGS)

clean: ## removes what the build made and the data of `make run`
	$(CARGO) clean
	rm -rf $(DATA)

install:
	@scripts/install.sh
