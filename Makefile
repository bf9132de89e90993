# The house's switches. `make` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# --- what is built ---
PLATFORMS := linux-amd64 linux-arm64 windows-amd64
GO        ?= go
HOST      := $(shell $(GO) env GOHOSTOS)-$(shell $(GO) env GOHOSTARCH)
VERSION   ?= $(or $(patsubst v%,%,$(shell git describe --tags --match 'v*' --dirty 2>/dev/null)),0.0.0-dev)
REVISION  ?= $(or $(shell git rev-parse --short=12 HEAD 2>/dev/null),unknown)$(if $(shell git status --porcelain 2>/dev/null | head -1),-dirty)
# The commit's date, so that the same commit gives the same binary.
DATE      ?= $(shell date -u -d "@$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || date +%s)}" +%Y-%m-%dT%H:%M:%SZ)
LDFLAGS    = -s -w -X agentctl/internal/version.number=$(VERSION) -X agentctl/internal/version.revision=$(REVISION) -X agentctl/internal/version.date=$(DATE)

# The revision is ours to set: Go's own stamp fails in checkouts that git distrusts.
export GOFLAGS := $(strip $(filter-out -buildvcs=%,$(GOFLAGS)) -buildvcs=false)

# --- tools and limits ---
CACHE            := $(CURDIR)/.cache
GOLANGCI_VERSION := v2.15.0
GOLANGCI         := $(CACHE)/bin/golangci-lint-$(GOLANGCI_VERSION)
FUZZ_SECONDS     ?= 60
LAB_PARALLEL     ?= 12
LAB_TIMEOUT      ?= 20m
BINARY           := $(CURDIR)/bin/agentctl-$(HOST)
# Unit tests are everything but the fault lab's scenarios and what real package
# managers and Prometheus are asked.
UNIT             := -skip '^(TestScenarios|TestOracle|TestPrometheus|TestTextfile)$$' ./...
# The daemon with a clock that runs fast, for the lab.
SOAKER           := $(CURDIR)/bin/labsoak
# In the folder itself, where go test shows the line of each package manager.
ORACLE            = $(GO) test -C internal/oracle -count=1 -timeout 9m
PROMETHEUS        = PROMETHEUS=1 AGENTCTL_BIN=$(SOAKER) $(GO) test -C internal/lab -count=1 -timeout 9m -run '^TestPrometheus$$'
# In the folder itself, where go test shows the table of scenarios.
LAB               = LAB=1 AGENTCTL_BIN=$(BINARY) $(GO) test -C internal/lab -count=1 -timeout $(LAB_TIMEOUT)

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo "  make lab SCENARIO=name  one scenario of the fault lab, with both reports"

setup: setup-system $(GOLANGCI) ## Install what building and testing need (as root, or with sudo)
	$(GO) mod download

setup-system:
	@scripts/setup.sh

# Through the Go module proxy, in about a minute; cached below .cache.
$(GOLANGCI):
	@mkdir -p $(CACHE)/bin
	GOFLAGS= GOBIN=$(CACHE)/bin $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(CACHE)/bin/golangci-lint $@

build: $(PLATFORMS:%=build-%) ## Build static binaries for all platforms into bin/

build-%:
	@out=bin/agentctl-$*$(if $(filter windows-%,$*),.exe); \
	CGO_ENABLED=0 GOOS=$(firstword $(subst -, ,$*)) GOARCH=$(lastword $(subst -, ,$*)) $(GO) build -trimpath -ldflags "$(LDFLAGS)" -o $$out ./cmd/agentctl; \
	echo "$$out"

demo: build-$(HOST) ## A broken VPC on this machine, and agentctl naming the cause (root)
	AGENTCTL_BIN=$(BINARY) $(GO) run ./internal/lab/cmd/labdemo

check: fmt-check vet lint ## The quick round before a commit: format, vet, lint, unit tests
	$(GO) test $(UNIT)

test: setup-system build-$(HOST) $(SOAKER) ## Everything: unit tests with -race, real package managers and Prometheus, the fault lab, all fuzz targets (root)
	$(GO) test -race -p 4 $(UNIT)
	$(ORACLE)
	$(PROMETHEUS)
	$(LAB) -run '^TestScenarios$$' -parallel $(LAB_PARALLEL)
	@scripts/fuzz.sh $(FUZZ_SECONDS)

lab: setup-system build-$(HOST) ## The fault lab: every scenario, or SCENARIO=name (root)
	SCENARIO='$(SCENARIO)' $(LAB) -run '^TestScenarios$$' -parallel $(LAB_PARALLEL) $(if $(SCENARIO),-v)

oracle: setup-system $(SOAKER) ## Real dnf, apt and zypper, and a real Prometheus, as judges (root)
	$(ORACLE)
	$(PROMETHEUS)

.PHONY: $(SOAKER)
$(SOAKER):
	@CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o $@ ./internal/lab/cmd/labsoak

lint: $(GOLANGCI) ## golangci-lint for Linux and Windows
	$(GOLANGCI) run ./...
	GOOS=windows $(GOLANGCI) run ./...

vet:
	$(GO) vet ./...
	GOOS=windows $(GO) vet ./...

fmt-check:
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt these:"; echo "$$out"; exit 1; fi

bench: build-$(HOST) ## Benchmarks, the lab's rounds included, and the daemon beside its peers (root)
	@scripts/setup.sh peers
	PEERS=1 AGENTCTL_BIN=$(BINARY) $(GO) test -count=1 -run '^TestPeers$$' -v ./internal/daemontest
	LAB=1 AGENTCTL_BIN=$(BINARY) $(GO) test -run '^$$' -bench . -benchmem ./...

soak: setup-system build-$(HOST) $(SOAKER) ## The long run: a day of the daemon, 200 kills, Chromium, the lab three times, 600 rounds, long fuzzing (root)
	@scripts/setup.sh browser
	SOAK=1 AGENTCTL_BIN=$(SOAKER) $(GO) test -C internal/lab -count=1 -timeout 2h -run '^TestSoak$$' -v
	KILLS=200 AGENTCTL_BIN=$(BINARY) $(GO) test -count=1 -timeout 1h -run '^TestKilled$$' -v ./internal/daemontest ./agent/history
	BROWSER=1 $(GO) test -count=1 -timeout 30m ./internal/pagetest
	$(LAB) -run '^TestScenarios$$' -parallel $(LAB_PARALLEL) -count=3 -timeout 2h
	$(LAB) -run '^$$' -bench HealthyRound -benchtime 600x -timeout 2h
	@scripts/fuzz.sh $$((5 * $(FUZZ_SECONDS)))

screenshots: ## Take the pictures of the documentation anew, in Chromium
	@scripts/setup.sh browser
	$(GO) run ./internal/pagetest/cmd/screenshots docs/img

fuzz: ## Fuzz targets, FUZZ_SECONDS (60) in all
	@scripts/fuzz.sh $(FUZZ_SECONDS)

cover: ## Coverage of the unit tests: total, and .cache/cover.html
	@mkdir -p $(CACHE)
	$(GO) test -coverpkg=./... -coverprofile=$(CACHE)/cover.out $(UNIT)
	@$(GO) tool cover -html=$(CACHE)/cover.out -o $(CACHE)/cover.html
	@$(GO) tool cover -func=$(CACHE)/cover.out | tail -1

golden: ## Write the golden files anew; read the diff before you commit it
	@for dir in $$(grep -rl --include='*_test.go' 'flag.Bool("update"' . | xargs -r -n1 dirname | sort -u); do \
		$(GO) test $$dir -update; \
	done

clean: ## Remove what was built; the tools in .cache/bin stay
	rm -rf bin dist $(CACHE)/cover.out $(CACHE)/cover.html

.PHONY: help setup setup-system build demo check test lab oracle lint vet fmt-check bench soak screenshots fuzz cover golden clean
