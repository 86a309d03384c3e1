# `make` lists the targets. `make demo` needs a Rust toolchain, and `make test` also needs Python.

.POSIX:
.PHONY: help demo test test-hosts test-aws test-servers test-faults test-all mutants ci lint deny fuzz release \
    install dist macos book bench bench-quick soak pictures clean

CARGO = cargo
CARGO_TARGET_DIR ?= target
VENV = .venv
PEERS = tests/peers/requirements.txt
NODE = .node
NODE_PEERS = tests/peers/package.json
# Arguments of `cargo test` for `make test`, such as `--test it peers::`.
TESTS =
# The names of patches for `make mutants`. By default, it runs all of them.
MUTANTS =
# Scenes of tests/faults/run for `make test-faults`. By default, it runs all of them.
SCENES =
# Options of tests/aws/run, such as `--regions us-east-1,eu-west-1`. `tests/aws/run --help` lists
# them.
AWS =
FUZZ_SECONDS = 600
# More options for libFuzzer, such as -runs=1000.
FUZZ_OPTIONS =
FUZZ_TARGETS = reference declaration inherited extraction template response env_file \
    config_file cache_entry
# Where `make install` puts files (below DESTDIR, if that is set), and the binary that it installs,
# which `make release` builds.
PREFIX = /usr/local
BINARY = $(CARGO_TARGET_DIR)/$$(uname -m)-unknown-linux-musl/release/secrets-exec
# The targets that `make dist` builds for, and the machines that `make macos` compiles for.
TARGETS = x86_64-unknown-linux-musl aarch64-unknown-linux-musl
MACHINES = aarch64 x86_64
DIST_VENV = $(CARGO_TARGET_DIR)/dist-venv
# mdBook builds the site. Without its other features, it can't watch files or serve the site, and
# builds faster.
MDBOOK_VERSION = 0.5.4
MDBOOK = $(CARGO_TARGET_DIR)/mdbook-$(MDBOOK_VERSION)
# Options of benches/bench.py, such as `--binary FILE`. `benches/bench.py --help` lists them.
BENCH =
EXAMPLE = -f examples/secrets-exec.yaml --local examples/secrets.local.yaml

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile

demo: ## build secrets-exec, and start examples/app.sh with the secrets in examples/, without AWS
	$(CARGO) build --locked
	$(CARGO) run --locked --quiet -- $(EXAMPLE) -- sh examples/app.sh

# At the end, the tests that cannot run on this machine are listed.
test: $(VENV)/stamp $(NODE)/stamp ## run all tests, also those with moto, boto3 and other software (makes .venv and .node if they are outdated)
	@echo 'This takes three minutes after the build. Tests that need npm, nginx, tinyproxy,' \
	    'PostgreSQL or other shells are skipped if these are not installed.'
	rm -f "$(CARGO_TARGET_DIR)/skipped.txt"
	$(CARGO) test --locked --no-fail-fast $(TESTS)
	@[ ! -e "$(CARGO_TARGET_DIR)/skipped.txt" ] || \
	    { echo 'skipped:'; sort -u "$(CARGO_TARGET_DIR)/skipped.txt"; }

test-hosts: $(VENV)/stamp ## run tests/it with a static binary, and the tests in containers and under systemd (as root, with podman and dockerd)
	tests/hosts/run

test-aws: $(VENV)/stamp ## create secrets in an AWS account, with the credentials of your shell, launch with them, and remove them (see CONTRIBUTING.md)
	$(CARGO) build --locked
	$(VENV)/bin/python -B tests/aws/run $(AWS)

test-servers: ## send signals to celery, apache and puma, and let redis and others read escaped values (these must be installed; .ci/run doesn't call this)
	$(CARGO) build --locked
	tests/servers/run "$(CARGO_TARGET_DIR)/debug/secrets-exec"

test-faults: ## let each system call of a launch fail once, and interrupt it by TERM and KILL (half a minute; needs strace)
	$(CARGO) build --locked
	python3 -B tests/faults/run $(SCENES)

test-all: ## run everything that runs in a night: these tests with the binary of the packages, fuzzing, the agent, packages, soak and macOS (hours)
	tests/all $(FUZZ_SECONDS)

mutants: ## break the program with each patch in tests/mutants, and check that the tests that the patch names fail (two minutes)
	tests/mutants/run $(MUTANTS)

ci: ## run .ci/run as root in a new container, with podman or Docker
	.ci/container

lint: $(VENV)/stamp ## check the layout (rustfmt), and the code with clippy, shellcheck and ruff
	rustfmt --check --edition 2024 $$(git ls-files '*.rs')
	@! LC_ALL=C.UTF-8 git grep -nE -e '^ *(//|# )' --and -e '.{101}' --and --not -e '<https:' -- \
	    '*.rs' '*.py' 'tests/*/run' || \
	    { echo 'These comments have over 100 columns. Break the lines.' >&2; exit 1; }
	$(CARGO) clippy --all-targets --locked -- -D warnings
	$(CARGO) clippy --manifest-path benches/Cargo.toml --target-dir "$(CARGO_TARGET_DIR)" \
	    --locked -- -D warnings
	$(VENV)/bin/shellcheck $$(git grep -lE '^#!.*[/ ](ba)?sh$$' ':!*.md')
	$(VENV)/bin/ruff check --quiet

deny: ## check the licences and sources of all crates, and RustSec's advisories (needs: cargo install cargo-deny --locked)
	$(CARGO) deny --locked check --hide-inclusion-graph

# The targets are built without a sanitizer, because there is hardly any `unsafe` code. A sanitizer
# would halve the speed and need a nightly toolchain.
fuzz: ## run every fuzz target for FUZZ_SECONDS (600), one on each core; findings are in fuzz/artifacts (needs: cargo install cargo-fuzz --locked)
	mkdir -p $(FUZZ_TARGETS:%=fuzz/corpus/%)
	$(CARGO) fuzz build --sanitizer none
	printf '%s\n' $(FUZZ_TARGETS) | xargs -P "$$(getconf _NPROCESSORS_ONLN)" -I TARGET \
	    $(CARGO) fuzz run --sanitizer none TARGET fuzz/corpus/TARGET fuzz/seeds/TARGET -- \
	        -dict=fuzz/dictionaries/TARGET -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
	        -rss_limit_mb=2048 -print_final_stats=1 $(FUZZ_OPTIONS)

release: ## build the static binary: target/ARCHITECTURE-unknown-linux-musl/release/secrets-exec
	QUICK= packaging/build "$$(uname -m)-unknown-linux-musl"

install: ## install the binary (mode 0755), the man page and the completions in PREFIX (/usr/local), below DESTDIR; run `make release` first
	@test -x "$(BINARY)" || \
	    { echo "$(BINARY) does not exist: run \`make release\` first" >&2; exit 1; }
	packaging/install "$(BINARY)" "$(DESTDIR)$(PREFIX)"

dist: $(DIST_VENV)/stamp ## build archives, SBOMs, Debian packages, RPMs, Lambda layers, an image and checksums for TARGETS (x86-64 and arm64) in target/dist
	QUICK= ZIG_PYTHON="$$PWD/$(DIST_VENV)/bin/python" packaging/dist $(TARGETS)

macos: $(DIST_VENV)/stamp ## compile for macOS (arm64 and x86-64), without optimizations and without running anything
	for machine in $(MACHINES); do \
	    QUICK=1 ZIG_PYTHON="$$PWD/$(DIST_VENV)/bin/python" \
	        packaging/build $$machine-apple-darwin || exit 1; \
	done

book: $(MDBOOK)/bin/mdbook ## build the site of the pages: target/book/html/index.html (a few minutes the first time, because mdBook is built)
	packaging/book "$(CARGO_TARGET_DIR)/book"
	"$(MDBOOK)/bin/mdbook" build "$(CARGO_TARGET_DIR)/book"

bench: ## compare with a minimal client and other tools, and update benches/README.md and the figures of other pages (15 minutes; needs Linux, GNU time, openssl)
	CARGO='$(CARGO)' python3 benches/bench.py $(BENCH)

bench-quick: ## measure the same in fewer rounds, even if the machine is busy, and only print the results
	CARGO='$(CARGO)' python3 benches/bench.py --quick $(BENCH)

soak: release ## rotate 1,000 times under load, and show what grows and what wakes the process at rest (minutes; needs Linux)
	python3 benches/soak.py "$(BINARY)" $(ROTATIONS)

pictures: ## draw the pictures in docs/img from what the program prints and the pages say
	$(CARGO) build --locked
	packaging/pictures.py "$(CARGO_TARGET_DIR)/debug/secrets-exec" docs/img

clean: ## remove the build directories, .venv and .node
	$(CARGO) clean
	rm -rf $(VENV) $(NODE) fuzz/target

# Without venv (Debian: python3-venv), the tests that need these packages are skipped. The stamp is
# written last, so that an incomplete venv is made again. It is a copy of the list of packages: if
# only the time of the list is newer, as in a new clone, nothing is installed.
$(VENV)/stamp: $(PEERS)
	@if cmp -s $(PEERS) $@; then touch $@; exit 0; fi; \
	if ! python3 -c 'import ensurepip'; then \
	    echo 'python3 does not have venv: the tests with moto and boto3 are skipped' >&2; \
	    exit 0; \
	fi; \
	python3 -m venv --clear $(VENV) && \
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $(PEERS) && \
	cp $(PEERS) $@

# Without npm, the tests that need these packages are skipped.
$(NODE)/stamp: $(NODE_PEERS)
	@if cmp -s $(NODE_PEERS) $@; then touch $@; exit 0; fi; \
	if ! command -v npm >/dev/null; then \
	    echo 'npm is not installed: the tests with its packages are skipped' >&2; \
	    exit 0; \
	fi; \
	mkdir -p $(NODE) && cp $(NODE_PEERS) $(NODE) && \
	npm install --prefix $(NODE) --no-package-lock --ignore-scripts --no-audit --no-fund \
	    --loglevel=error && \
	cp $(NODE_PEERS) $@

$(MDBOOK)/bin/mdbook:
	$(CARGO) install --quiet --locked --root "$(MDBOOK)" \
	    --no-default-features --features search mdbook@$(MDBOOK_VERSION)

$(DIST_VENV)/stamp: packaging/requirements.txt
	python3 -m venv --clear $(DIST_VENV)
	$(DIST_VENV)/bin/pip install --quiet --disable-pip-version-check \
	    --require-hashes -r packaging/requirements.txt
	touch $@
