# `make` lists the targets. `make demo` and `make test` need a Rust toolchain and Python.

.POSIX:
.PHONY: help demo test test-peers test-hosts test-dist test-dist-sample lint workflows deny oldest fuzz release install dist macos bench
.PHONY: bench-quick bench-fleet soak clean

CARGO = cargo
VENV = .venv
PEERS = tests/peers/requirements.txt
NODE = .node
NODE_PEERS = tests/peers/package.json tests/peers/package-lock.json
# Options of `cargo test` for `make test`, such as `--test it peers::`.
TESTS =
FUZZ_SECONDS = 600
# Further options of libFuzzer, such as -runs=1000.
FUZZ_OPTIONS =
FUZZ_TARGETS = reference declaration inherited extraction template response
# Where `make install` puts files, below DESTDIR if that is set; and the binary, which `make release` builds.
PREFIX = /usr/local
BINARY = $${CARGO_TARGET_DIR:-target}/$$(uname -m)-unknown-linux-musl/release/secrets-exec
# The targets of `make dist`, and the machines of `make macos`.
TARGETS = x86_64-unknown-linux-musl aarch64-unknown-linux-musl
MACHINES = aarch64 x86_64
DIST_VENV = target/dist-venv
# Options of benches/bench.py, such as `--binary FILE`; its --help lists them.
BENCH =
EXAMPLE = -f examples/secrets-exec.yaml --local examples/secrets.local.yaml

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile

demo: ## build, and launch examples/app.sh with the secrets of examples/, without AWS
	$(CARGO) build --locked
	$(CARGO) run --locked --quiet -- $(EXAMPLE) -- sh examples/app.sh

# More threads than cores, since the tests mostly wait.
test: $(VENV)/stamp $(NODE)/stamp ## every test but those of test-hosts; .venv, with moto and boto3, is made when missing or outdated
	RUST_TEST_THREADS=8 tests/skips run $(CARGO) test --locked $(TESTS)

test-peers: .agent/bin/aws_secretsmanager_agent test ## the same with the AWS Secrets Manager Agent, whose first build takes ten minutes

test-hosts: $(VENV)/stamp ## the suite with a static binary; containers and systemd, as root, by podman
	tests/skips run tests/hosts/run

test-dist: $(DIST_VENV)/stamp ## `make dist` twice, compared and installed; the suite for arm64; macOS (half an hour or more)
	tests/skips run tests/dist/run

test-dist-sample: $(DIST_VENV)/stamp ## the same for this machine's architecture, without optimizations, and macOS
	tests/skips run tests/dist/run --sample

lint: ## formatting, and clippy with every warning denied
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- -D warnings

workflows: ## GitHub's workflows, by actionlint where it is installed
	@if ! command -v actionlint >/dev/null; then \
	    tests/skips record 'workflows: actionlint is not installed: https://github.com/rhysd/actionlint'; \
	    exit 0; \
	fi; \
	actionlint

deny: ## licences, bans and sources of crates (deny.toml), and RustSec's advisories where they can be fetched
	@if ! $(CARGO) deny --version >/dev/null 2>&1; then \
	    tests/skips record 'dependencies: cargo-deny is not installed: cargo install cargo-deny --locked'; \
	    exit 0; \
	fi; \
	$(CARGO) deny --locked check --hide-inclusion-graph licenses bans sources && \
	if timeout 120 $(CARGO) deny --locked fetch db; then \
	    $(CARGO) deny --frozen check advisories; \
	else \
	    tests/skips record "advisories: RustSec's database cannot be fetched"; \
	fi

oldest: ## build with the oldest Rust that Cargo.toml names, where rustup has it
	@rust=$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml); \
	if rustup toolchain list 2>/dev/null | grep -q "^$$rust-"; then \
	    CARGO_TARGET_DIR=target/oldest rustup run "$$rust" cargo build --locked; \
	else \
	    tests/skips record "the oldest Rust: its toolchain is not installed: rustup toolchain install $$rust"; \
	fi

# No sanitizer: there is hardly any `unsafe` code, it halves the speed, and it needs a nightly toolchain.
fuzz: ## every fuzz target for FUZZ_SECONDS (600); findings are in fuzz/artifacts
	@if ! $(CARGO) fuzz --version >/dev/null 2>&1; then \
	    tests/skips record 'fuzzing: cargo-fuzz is not installed: cargo install cargo-fuzz --locked'; \
	    exit 0; \
	fi; \
	for target in $(FUZZ_TARGETS); do \
	    mkdir -p fuzz/corpus/$$target && \
	    $(CARGO) fuzz run --sanitizer none $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
	        -dict=fuzz/dictionaries/$$target -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 \
	        -print_final_stats=1 $(FUZZ_OPTIONS) || exit 1; \
	done

release: ## the static binary to ship: target/ARCHITECTURE-unknown-linux-musl/release/secrets-exec
	QUICK= packaging/build "$$(uname -m)-unknown-linux-musl"

install: ## binary, man page and completions to PREFIX (/usr/local), below DESTDIR; `make release` comes first
	@test -x "$(BINARY)" || { echo "there is no $(BINARY): \`make release\` builds it" >&2; exit 1; }
	packaging/install "$(BINARY)" "$(DESTDIR)$(PREFIX)"

dist: $(DIST_VENV)/stamp ## archives, SBOMs, Debian packages and checksums of TARGETS (x86-64 and arm64): target/dist
	QUICK= ZIG_PYTHON="$$PWD/$(DIST_VENV)/bin/python" packaging/dist $(TARGETS)

macos: $(DIST_VENV)/stamp ## compile for macOS, arm64 and x86-64, without optimizations; nothing is run
	for machine in $(MACHINES); do \
	    QUICK=1 ZIG_PYTHON="$$PWD/$(DIST_VENV)/bin/python" packaging/build $$machine-apple-darwin || exit 1; \
	done

bench: ## measure against the floor and other tools, into docs/ (minutes; Linux, curl, jq, valgrind, strace; best as root)
	CARGO='$(CARGO)' python3 benches/bench.py $(BENCH)

bench-quick: ## the same with fewer runs, printed
	CARGO='$(CARGO)' python3 benches/bench.py --quick $(BENCH)

soak: release ## 1,000 rotations under load: what grows, and what wakes it at rest (minutes; Linux)
	python3 benches/soak.py "$(BINARY)" $(ROTATIONS)

bench-fleet: release ## 1,000 launches at once against a service that throttles; writes docs/fleet.md
	python3 benches/fleet.py "$(BINARY)" docs

clean: ## remove build directories and the venv
	$(CARGO) clean
	rm -rf $(VENV) $(NODE) fuzz/target

# Not removed by `clean`, as its build takes ten minutes. The tests were written against this version.
.agent/bin/aws_secretsmanager_agent:
	$(CARGO) install aws_secretsmanager_agent --version 2.1.0 --locked --root .agent

# Debian has venv in a separate package. The stamp is written last, so that an incomplete venv is made again.
$(VENV)/stamp: $(PEERS)
	@python3 -c 'import ensurepip' 2>/dev/null || { \
	    [ "$$(id -u)" = 0 ] && apt-get update -qq && apt-get install -qq -y python3-venv; \
	} || { echo 'this needs python3 with venv (on Debian: apt-get install python3-venv)' >&2; exit 1; }
	python3 -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $(PEERS)
	touch $@

# The tests with these packages say that they are skipped where there is no npm.
$(NODE)/stamp: $(NODE_PEERS)
	@if ! command -v npm >/dev/null; then echo 'npm is not installed: the tests with its packages are skipped' >&2; exit 0; fi; \
	mkdir -p $(NODE) && cp $(NODE_PEERS) $(NODE) && \
	npm ci --prefix $(NODE) --ignore-scripts --no-audit --no-fund --loglevel=error && \
	touch $@

# Builds for other architectures, and tests of them, say what they lack where Zig cannot be installed.
$(DIST_VENV)/stamp: packaging/requirements.txt
	python3 -m venv --clear $(DIST_VENV)
	@if $(DIST_VENV)/bin/pip install --quiet --disable-pip-version-check -r packaging/requirements.txt; then touch $@; \
	else echo 'Zig cannot be installed: what needs it is skipped, or fails' >&2; fi
