# `make help` explains every target.

GO       ?= go
FUZZTIME ?= 60s

# All programs are static; only the race detector needs C.
export CGO_ENABLED := 0

# What proves and shows keyturn, in modules of their own: their dependencies stay out of the product.
LAB := lab lab/vault lab/deploy lab/release

# The race detector needs a C compiler with its headers, which a machine with only Go does not have.
has-c = printf 'int main(void) { return 0; }' | \
	$$($(GO) env CC) -include stdlib.h -x c -o /dev/null - 2>/dev/null

# Tools are pinned in tools.mod, whose dependencies do not enter go.mod.
tool = $(GO) tool -modfile=tools.mod

.DEFAULT_GOAL := help
.PHONY: help setup vault build release demo chaos fleetsim test cluster explore mutate lint fmt bench fuzz clean

help: ## Explain the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  make demo KEEP=1       leaves the demo running"
	@echo "  make demo PICTURES=docs/images   takes the pictures of the console, with chromium"
	@echo "  make chaos ROTATIONS=5000 SEED=1   is the long run; each seed repeats its schedule of faults"
	@echo "  make fleetsim SEEDS=20 DAYS=400    is twenty years of a fleet, about 5 minutes each"
	@echo "  make mutate ONLY=rotation/promot   applies the patches whose name matches"
	@echo "  make bench ONLY=idle   measures one section (or several, with commas)"
	@echo "  make fuzz FUZZTIME=5m  runs each fuzz target for 5 minutes"

setup: ## Install what the tests need and Go cannot bring: redis-server; in CI (CI=true) also postfix, dovecot-core
	@scripts/setup

vault: ## Build the Vault that the tests and the demo start: once, about 4 minutes
	@$(GO) run ./internal/devenv/buildvault

build: ## Build the programs into bin/
	$(GO) build -o bin/ ./cmd/...

release: ## Build what a version is published as into dist/: archives, packages for Debian, an image, SBOM, checksums
	@rm -rf dist
	@$(GO) run -C lab/release .

demo: setup ## Rotate for real: Redis, Vault, stand-in providers, scheduler and workers
	$(GO) run -C lab ./demo $(if $(KEEP),-keep) $(if $(PICTURES),-pictures '$(abspath $(PICTURES))')

ROTATIONS ?= 200
SEED      ?= 1

chaos: setup vault ## Kill, pause, cut and empty everything while a fleet rotates, then look for lost passwords
	$(GO) run -C lab ./chaos -rotations $(ROTATIONS) -seed $(SEED)

SEEDS ?= 1
DAYS  ?= 400

# One core a seed, and fewer collections: a run is one thing after the other.
fleetsim: ## Live a year of a fleet whose world misbehaves, in virtual time: SEEDS=1, DAYS=400, SEED=1
	GOMAXPROCS=1 GOGC=400 $(GO) test -C lab ./fleetsim -run TestAFleet -v -count=1 -timeout 0 \
		-args -fleetsim.seeds=$(SEEDS) -fleetsim.seed=$(SEED) -fleetsim.days=$(DAYS) -fleetsim.each=200 -fleetsim.faults=1

test: setup vault ## Run all tests with a real Redis and a real Vault, and a short chaos run
	@# What stands in the lab reads files of the product that Go's test cache does not see.
	@race=; if $(has-c); then race=-race; export CGO_ENABLED=1; else echo "(without -race: there is no C compiler)"; fi; \
	echo "==> go test $$race ./..." && $(GO) test $$race -timeout 20m ./... && \
	echo "==> go test $$race lab" && $(GO) test -C lab $$race -count=1 -timeout 20m $$($(GO) list -C lab ./... | grep -v /fleetsim) && \
	echo "==> go test lab/fleetsim (its month would take ten times as long with -race)" && \
	CGO_ENABLED=0 $(GO) test -C lab -count=1 -timeout 20m ./fleetsim && \
	echo "==> go test lab/vault" && CGO_ENABLED=0 $(GO) test -C lab/vault -count=1 -timeout 20m ./... && \
	echo "==> go test lab/deploy" && CGO_ENABLED=0 $(GO) test -C lab/deploy -count=1 -timeout 20m ./... && \
	echo "==> go test lab/release" && CGO_ENABLED=0 $(GO) test -C lab/release -count=1 -timeout 20m ./...
	@echo "==> chaos, 200 rotations"
	@$(GO) run -C lab ./chaos -rotations 200 -seed 1

cluster: vault ## Rotate a fleet on three Vault nodes that step down, are killed and lag: about 6 minutes
	$(GO) test ./internal/vaultkv/clustertest -run Cluster -v -count=1 -timeout 30m -args -cluster.for=5m -cluster.lag=20s

# Two explorations at a time, and more collections than usual: both know tens of millions of states.
explore: ## Drive the state machine through every schedule of four faults: about an hour of two cores, 12 GB
	GOGC=50 GOMEMLIMIT=11GiB $(GO) test ./internal/rotation -run 'Explore' -v -timeout 3h -parallel 2 -explore.depth=4 -explore.pairdepth=3

mutate: setup vault ## Break keyturn in every way of lab/mutate/patches, one at a time: the tests must notice each
	@$(GO) run -C lab ./mutate $(if $(ONLY),-only '$(ONLY)')

lint: ## Check words, style, mistakes, the import rule and dead code; the first run builds the linter, about 2 minutes
	@echo "==> scripts/words"
	@scripts/words
	@echo "==> golangci-lint ./..."
	@$(tool) golangci-lint run ./...
	@linter="$$($(tool) -n golangci-lint)"; \
	for module in $(LAB); do \
		echo "==> golangci-lint $$module"; \
		(cd $$module && "$$linter" run ./...) || exit 1; \
	done
	@echo "==> deadcode ./cmd/..."
	@dead="$$($(tool) deadcode ./cmd/...)" && if [ -n "$$dead" ]; then echo "$$dead"; exit 1; fi

fmt: ## Format the source as the linter wants it
	@$(tool) golangci-lint fmt ./...

bench: setup vault ## Measure keyturn with a real Redis and a real Vault, about 11 minutes: docs/performance.md
	@$(GO) run -C lab ./bench $(if $(ONLY),-only $(ONLY))

fuzz: ## Run each fuzz target for FUZZTIME (60s)
	@GO="$(GO)" scripts/fuzz $(FUZZTIME)

clean: ## Remove bin/ and the cached Vault
	rm -rf bin dist
	$(GO) run ./internal/devenv/buildvault -clean
