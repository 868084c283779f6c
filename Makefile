# `make run` and `make test` are all that a fresh machine with Rust needs.

CARGO   ?= cargo
TARGET  := $(abspath $(or $(CARGO_TARGET_DIR),target))
HOLDALL := $(TARGET)/release/holdall

# Where `make run` listens: an endpoint, as for --port.
LISTEN ?= tcp:8080:interface=127.0.0.1

prefix ?= /usr/local
bin    := $(DESTDIR)$(prefix)/bin
share  := $(DESTDIR)$(prefix)/share

FUZZ_SECONDS ?= 60
FUZZ_TARGETS := $(basename $(notdir $(wildcard tests/fuzz/fuzz_targets/*.rs)))
HOST         := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
# What libFuzzer needs to see where its input leads; stable Rust can do it.
FUZZ_RUSTFLAGS := --cfg fuzzing -Cpasses=sancov-module -Ccodegen-units=1 -Cdebug-assertions \
  -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
  -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares

# The oldest GNU C library that a release runs with.
GLIBC    := 2.17
PORTABLE := $(TARGET)/portable

.DEFAULT_GOAL := help
.PHONY: help build bundle release old-debian cross run demo-https test tools fmt lint docs check fuzz-build fuzz bench \
  bench-http look-inspect image test-image deny install clean

help: ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1#\2/p' $(MAKEFILE_LIST) | awk -F'#' '{ printf "%-21s%s\n", $$1, $$2 }'

build: ## build the bundler
	$(CARGO) build --release --locked -p holdall

bundle: build ## pack the example service into target/sayhello
	$(HOLDALL) bundle app --output $(TARGET)/sayhello

release: ## build a bundler for any Linux with glibc 2.17 or later into target/portable (needs PyPI)
	HOLDALL_GLIBC=$(GLIBC) bundler/build-portable $(PORTABLE)
	HOLDALL_GLIBC=$(GLIBC) HOLDALL=$(PORTABLE)/$(HOST)/holdall $(CARGO) test --locked -p holdall-tests --test portable

old-debian: release ## run bundles of the release in the oldest Debian that there is (needs root, debootstrap)
	tests/old-debian $(PORTABLE)/$(HOST)/holdall

cross: release ## build launchers for aarch64 and run them in qemu (needs root, Debian)
	tests/cross-aarch64 $(PORTABLE)/$(HOST)/holdall
# What the image is called, and where its archive is.
VERSION ?= 0.1.0
IMAGE   := $(TARGET)/image/sayhello-$(VERSION).oci.tar

image: build ## make the image sayhello:VERSION of the example (0.1.0), without Docker
	@mkdir -p $(dir $(IMAGE))
	RUSTFLAGS='-C target-feature=+crt-static' $(HOLDALL) bundle app --locked --target $(HOST) \
	  --bundle-version '$(VERSION)' --output $(TARGET)/image/sayhello
	$(HOLDALL) image $(TARGET)/image/sayhello --tag 'sayhello:$(VERSION)' --output '$(IMAGE)'
	@echo "Load it:  podman load < $(IMAGE)"
	@echo "Run it:   podman run --rm --read-only -p 8080:8080 sayhello:$(VERSION)"

test-image: image ## run that image in Podman, with an authority for its certificate (root; podman, runc)
	tests/run-image $(HOLDALL) $(TARGET)/image/sayhello

run: bundle ## pack the example service, start it, and print where it answers
	@exec $(TARGET)/sayhello --port $(LISTEN)

demo-https: bundle tools ## get a certificate from an authority on this host, and show the page
	@tests/demo-https $(TARGET)/sayhello $(KEEP)

test: tools fmt lint docs build check fuzz-build ## check everything

tools:
	tests/install-tools

fmt:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

docs:
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --locked

check: build
	HOLDALL=$(HOLDALL) $(CARGO) test --workspace --locked

fuzz-build:
	RUSTFLAGS='$(FUZZ_RUSTFLAGS)' $(CARGO) build --release --locked --target $(HOST) \
	  --manifest-path tests/fuzz/Cargo.toml --target-dir $(TARGET)/fuzz

fuzz: fuzz-build ## fuzz each target for FUZZ_SECONDS (60)
	@set -e; for target in $(FUZZ_TARGETS); do \
	  mkdir -p $(TARGET)/fuzz/corpus/$$target $(TARGET)/fuzz/crashes; \
	  echo "fuzzing $$target for $(FUZZ_SECONDS) s"; \
	  $(TARGET)/fuzz/$(HOST)/release/$$target -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 \
	    -artifact_prefix=$(TARGET)/fuzz/crashes/$$target- $(TARGET)/fuzz/corpus/$$target; \
	done

bench: tools build ## measure everything beside its control, in one run
	$(CARGO) run --release --locked -p holdall-bench

bench-http: tools build ## measure a site beside nginx, Caddy and hyper alone, and draw docs/http.svg
	$(CARGO) run --release --locked -p holdall-bench -- http --svg docs/http.svg

look-inspect: bundle ## open the page of the example in headless Chromium, take pictures (needs chromium, node)
	$(HOLDALL) inspect $(TARGET)/sayhello --output $(TARGET)/sayhello.html
	tests/look-inspect $(TARGET)/look-inspect $(TARGET)/sayhello.html

deny: ## check licences, advisories and sources of what is built upon (needs cargo-deny)
	$(CARGO) deny check

install: build ## install the bundler, its manual and completions below DESTDIR/prefix
	install -d $(bin) $(share)/man/man1 $(share)/bash-completion/completions \
	  $(share)/zsh/site-functions $(share)/fish/vendor_completions.d
	install -m 755 $(HOLDALL) $(TARGET)/release/cargo-holdall $(bin)
	$(HOLDALL) --quiet man $(share)/man/man1
	$(HOLDALL) completions bash > $(share)/bash-completion/completions/holdall
	$(HOLDALL) completions zsh > $(share)/zsh/site-functions/_holdall
	$(HOLDALL) completions fish > $(share)/fish/vendor_completions.d/holdall.fish

clean: ## remove what was built
	$(CARGO) clean
