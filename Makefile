# `make` lists the targets. `make demo` and `make test` need a Rust toolchain and Python.

.POSIX:
.PHONY: help demo test test-hosts test-aws test-faults test-all mutants ci lint deny fuzz release install dist macos bench bench-quick soak clean

CARGO = cargo
CARGO_TARGET_DIR ?= target
VENV = .venv
PEERS = tests/peers/requirements.txt
NODE = .node
NODE_PEERS = tests/peers/package.json tests/peers/package-lock.json
# Options of `cargo test` for `make test`, such as `--test it peers::`.
TESTS =
# Names of patches for `make mutants`; all without.
MUTANTS =
# Scenes of tests/faults/run for `make test-faults`; all without.
SCENES =
# Options of tests/aws/run, such as `--regions us-east-1,eu-west-1`; its --help lists them.
AWS =
FUZZ_SECONDS = 600
# Further options of libFuzzer, such as -runs=1000.
FUZZ_OPTIONS =
FUZZ_TARGETS = reference declaration inherited extraction template response env_file config_file cache_entry
# Where `make install` puts files, below DESTDIR if that is set; and the binary, which `make release` builds.
PREFIX = /usr/local
BINARY = $(CARGO_TARGET_DIR)/$$(uname -m)-unknown-linux-musl/release/secrets-exec
# The targets of `make dist`, and the machines of `make macos`.
TARGETS = x86_64-unknown-linux-musl aarch64-unknown-linux-musl
MACHINES = aarch64 x86_64
DIST_VENV = $(CARGO_TARGET_DIR)/dist-venv
# Options of benches/bench.py, such as `--binary FILE`; its --help lists them.
BENCH =
EXAMPLE = -f examples/secrets-exec.yaml --local examples/secrets.local.yaml

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile

demo: ## build, and launch examples/app.sh with the secrets of examples/, without AWS
	$(CARGO) build --locked
	$(CARGO) run --locked --quiet -- $(EXAMPLE) -- sh examples/app.sh

# More threads than cores, since the tests mostly wait. What cannot run here is listed at the end.
test: $(VENV)/stamp $(NODE)/stamp ## unit tests, and the suite with moto, boto3 and other software (.venv and .node are made when outdated)
	@echo 'make test: three minutes after the build; without python3-venv, npm, nginx, tinyproxy, PostgreSQL or other shells their tests are skipped'
	rm -f "$(CARGO_TARGET_DIR)/skipped.txt"
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-8} $(CARGO) test --locked $(TESTS)
	@[ ! -e "$(CARGO_TARGET_DIR)/skipped.txt" ] || { echo 'skipped:'; sort -u "$(CARGO_TARGET_DIR)/skipped.txt"; }

test-hosts: $(VENV)/stamp ## the suite with a static binary; containers and systemd, as root, by podman and dockerd
	tests/hosts/run

test-aws: $(VENV)/stamp ## every case in an account of AWS, with the credentials of the shell: created, launched and removed (CONTRIBUTING.md)
	$(CARGO) build --locked
	$(VENV)/bin/python -B tests/aws/run $(AWS)

test-faults: ## each system call of a launch fails once, and meets TERM and KILL (strace; half a minute)
	$(CARGO) build --locked
	python3 tests/faults/run $(SCENES)

test-all: ## a night's: both with the packages' binary, fuzzing, the agent, packages, soak, macOS (hours)
	tests/all $(FUZZ_SECONDS)

mutants: ## break the program as each patch of tests/mutants says: the tests that it names must fail (ten minutes)
	tests/mutants/run $(MUTANTS)

ci: ## .ci/run in a container of its own, by podman or Docker, as root there
	.ci/container

lint: $(VENV)/stamp ## formatting, clippy with every warning denied, shellcheck and ruff
	rustfmt --check --edition 2024 $$(git ls-files '*.rs')
	$(CARGO) clippy --all-targets --locked -- -D warnings
	$(CARGO) clippy --manifest-path benches/Cargo.toml --target-dir "$(CARGO_TARGET_DIR)" --locked -- -D warnings
	$(VENV)/bin/shellcheck $$(git grep -lE '^#!.*[/ ](ba)?sh$$' ':!*.md')
	$(VENV)/bin/ruff check --quiet

deny: ## licences, bans and sources of crates (deny.toml), and RustSec's advisories: cargo install cargo-deny --locked
	$(CARGO) deny --locked check --hide-inclusion-graph

# No sanitizer: there is hardly any `unsafe` code, it halves the speed, and it needs a nightly toolchain.
fuzz: ## every fuzz target for FUZZ_SECONDS (600), one on each core; findings are in fuzz/artifacts: cargo install cargo-fuzz --locked
	mkdir -p $(FUZZ_TARGETS:%=fuzz/corpus/%)
	$(CARGO) fuzz build --sanitizer none
	printf '%s\n' $(FUZZ_TARGETS) | xargs -P "$$(getconf _NPROCESSORS_ONLN)" -I TARGET \
	    $(CARGO) fuzz run --sanitizer none TARGET fuzz/corpus/TARGET fuzz/seeds/TARGET -- \
	        -dict=fuzz/dictionaries/TARGET -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
	        -print_final_stats=1 $(FUZZ_OPTIONS)

release: ## the static binary to ship: target/ARCHITECTURE-unknown-linux-musl/release/secrets-exec
	QUICK= packaging/build "$$(uname -m)-unknown-linux-musl"

install: ## binary, man page and completions to PREFIX (/usr/local), below DESTDIR; `make release` comes first
	@test -x "$(BINARY)" || { echo "there is no $(BINARY): \`make release\` builds it" >&2; exit 1; }
	packaging/install "$(BINARY)" "$(DESTDIR)$(PREFIX)"

dist: $(DIST_VENV)/stamp ## archives, SBOMs, Debian packages, RPMs, an image and checksums of TARGETS (x86-64 and arm64): target/dist
	QUICK= ZIG_PYTHON="$$PWD/$(DIST_VENV)/bin/python" packaging/dist $(TARGETS)

macos: $(DIST_VENV)/stamp ## compile for macOS, arm64 and x86-64, without optimizations; nothing is run
	for machine in $(MACHINES); do \
	    QUICK=1 ZIG_PYTHON="$$PWD/$(DIST_VENV)/bin/python" packaging/build $$machine-apple-darwin || exit 1; \
	done

bench: ## measure against the floor and other tools, into docs/benchmarks.md and README.md (a quarter of an hour; Linux, GNU time, openssl)
	CARGO='$(CARGO)' python3 benches/bench.py $(BENCH)

bench-quick: ## the same with fewer rounds, printed, however busy the machine is
	CARGO='$(CARGO)' python3 benches/bench.py --quick $(BENCH)

soak: release ## 1,000 rotations under load: what grows, and what wakes it at rest (minutes; Linux)
	python3 benches/soak.py "$(BINARY)" $(ROTATIONS)

clean: ## remove build directories and the venv
	$(CARGO) clean
	rm -rf $(VENV) $(NODE) fuzz/target

# The tests with these packages say that they are skipped where there is no venv (Debian: python3-venv). The stamp is written last, so
# that an incomplete venv is made again.
$(VENV)/stamp: $(PEERS)
	@if ! python3 -c 'import ensurepip'; then echo 'there is no python3 with venv: the tests with moto and boto3 are skipped' >&2; exit 0; fi; \
	python3 -m venv --clear $(VENV) && \
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $(PEERS) && \
	touch $@

# The tests with these packages say that they are skipped where there is no npm.
$(NODE)/stamp: $(NODE_PEERS)
	@if ! command -v npm >/dev/null; then echo 'npm is not installed: the tests with its packages are skipped' >&2; exit 0; fi; \
	mkdir -p $(NODE) && cp $(NODE_PEERS) $(NODE) && \
	npm ci --prefix $(NODE) --ignore-scripts --no-audit --no-fund --loglevel=error && \
	touch $@

$(DIST_VENV)/stamp: packaging/requirements.txt
	python3 -m venv --clear $(DIST_VENV)
	$(DIST_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r packaging/requirements.txt
	touch $@
