# make help lists the targets.

GO ?= go

# TIME is how long each fuzz target runs: a duration, or a count such as 10000x.
TIME ?= 10000x

STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK := golang.org/x/vuln/cmd/govulncheck@v1.9.0
SYSTEMS     := linux/amd64 linux/arm64 darwin/arm64 windows/amd64

# The race detector is a tier of its own: it needs cgo, so a C compiler.
ifeq ($(shell $(GO) env CGO_ENABLED),1)
RACE := -race
else
LEFT_OUT := -left-out "race: no C compiler"
endif

.PHONY: help build run test matrix test-history deps check cross vulnerabilities mutations behaviours bench fuzz install clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

build: ## build the programs into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/ ./cmd/signet

run: ## build the program and run its demo; needs only Go
	$(GO) run ./cmd/signet demo

test: deps ## run every test that this machine can run, and name those it cannot
	$(GO) run ./internal/testreport $(LEFT_OUT) -- $(RACE) -timeout 25m ./...

deps: ## as root on Debian: install what the tests with others' programs need
	@.ci/deps testdata/foreign/packages.txt
	@.ci/npm testdata/relyingparties examples

matrix: ## the whole catalogue against a site that lacks one check, for each check
	SIGNET_MATRIX=full $(GO) test -count=1 -timeout 20m -v -run '^TestMatrix' ./rptest

test-history: ## find in old versions of others' relying parties what they lacked
	@.ci/npm testdata/relyingparties/history/*
	$(GO) test -count=1 -tags history -run '^TestHistory$$' ./rptest/real

check: cross vulnerabilities ## formatting, vet, staticcheck, imports, modules, other systems
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "gofmt -w:" $$unformatted; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test -run '^TestHouse' .
	$(GO) mod tidy -diff
	$(GO) mod verify

cross: ## compile for each system that we build for, and vet, tests too
	@for system in $(SYSTEMS); do \
		echo "build for $$system"; \
		export GOOS=$${system%/*} GOARCH=$${system#*/} CGO_ENABLED=0; \
		$(GO) build ./... && $(GO) vet ./... || exit 1; \
	done

vulnerabilities: ## known vulnerabilities in what we call; goes on where their database cannot be had
	@if $(GO) run $(GOVULNCHECK) ./... >govulncheck.out 2>&1; then echo "govulncheck: none known"; \
	elif grep -q '^govulncheck: fetching vulnerabilities' govulncheck.out; then \
		echo "govulncheck: left out, its database could not be had"; \
	else cat govulncheck.out; exit 1; fi; rm -f govulncheck.out

mutations: ## check that each removed security check makes its test fail
	$(GO) run ./internal/mutants testdata/mutations

behaviours: SHELL := bash
behaviours: ## the standard's behaviours, passed and absent, by door
	@set -o pipefail; $(GO) test -count=1 -run '^TestBehaviours$$' -v ./authenticator | grep -E '^(behaviours:|ok|FAIL|---)'

bench: ## what ceremonies and the service cost beside what they cannot do without
	$(GO) run ./bench

fuzz: SHELL := bash
fuzz: ## run each fuzz target for TIME
	@set -o pipefail; $(GO) test -list '^Fuzz' ./... | \
	awk '/^Fuzz/ { f[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, f[i]; n = 0 }' | \
	while read -r package target; do \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(TIME) "$$package" || exit 1; \
	done

install: ## install the program
	CGO_ENABLED=0 $(GO) install -trimpath ./cmd/signet

clean: ## remove what was built
	rm -rf bin
