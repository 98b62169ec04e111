# Cistern. `make help` lists the targets.

SHELL       := /usr/bin/env bash -o pipefail
.SHELLFLAGS := -ec
.DEFAULT_GOAL := help

# Go and the tool cache need a home directory.
export HOME ?= $(CURDIR)/_output/home

OUTPUT := _output
DEV    := $(OUTPUT)/bin/dev

# The platform of up, demo, e2e, bench and test: local starts a one-node Kubernetes
# on this machine, and needs root; embedded runs the same as plain processes; auto is
# the first of them that this machine can run; existing uses the cluster of KUBECONFIG,
# which has Crossplane and pulls the packages from REGISTRY.
export PLATFORM ?= auto
export REGISTRY
# true installs provider-minio-extras too.
export EXTRAS   ?= false
# The version of the packages. A hash of the content is added to one ending in -dev.
export VERSION  ?= v0.1.0-dev

# The tests of the provider that also run on the oldest MinIO; empty runs all, for half an hour.
OLDEST   ?= -run='^Test(AccessTable|CostOfCreation|GovernanceLock|LeftBehind|OnlyFirst|Recreated|Region|ServedKey|Server[AILT]|SettingsSet|SiteReplication|UncheckedUploads|UnsignedUploads|UploadsOf|UsersOf)'

# Which cells of the fault matrix to run, such as -faults.cells=^Create/.
FAULTS   ?= -faults.sample=0 -faults.time=0

# Further flags of the benchmark, such as --only=latency,burst: see `_output/bin/dev bench --help`.
BENCH    ?=

# With this tag madmin encrypts with PBKDF2, see DESIGN.md.
GOFLAGS_PRODUCT := -tags=fips
# It prints a line per package or test, and at the end what failed and what was skipped,
# with its output. A file per run has the output of all tests.
GOTEST    := "$$($(DEV) tool gotestsum)" --format-hide-empty-pkg
VERBOSE   := $(GOTEST) --format=testname --jsonfile=$(OUTPUT)/test
E2E       := $(VERBOSE)-e2e.json -- -tags=fips,e2e -count=1 -timeout=45m -parallel=8 ./test/e2e/...
# MINIO_URL runs the tests of the provider against a server that runs already, and no others.
COMPONENT := $(if $(MINIO_URL),./test/component/,./test/component/... ./test/extras/... ./test/dev/platform/)
CLIENTS   := $(VERBOSE)-clients.json -- -tags=fips,e2e -count=1 -timeout=15m -parallel=4 ./test/clients/
GENERATED := ':(glob)apis/**/zz_*' package/provider/crds package/extras/crds package/function/crds package/configuration/definition.yaml ':(glob)docs/reference/*.cistern.dev.md' docs/reference/apps.cozystack.io.md

.PHONY: help
help: ## Print every target with its description.
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1|/' | awk -F'|' '{ printf "  %-12s %s\n", $$1, $$2 }'

.PHONY: generate
generate: ## Generate the long tail's APIs, deep copies, method sets, CRDs, the XRD and docs/reference.
	@rm -f apis/*/v1alpha1/zz_generated.deepcopy.go
	@go tool controller-gen object paths="{./apis/input/...,./apis/minio/...,./apis/tenant/...}"
	@$(MAKE) --no-print-directory dev # It imports the APIs, and needs their deep copies.
	@find apis/minio -name 'zz_generated.*.go' ! -name '*.deepcopy.go' -delete
	@"$$($(DEV) tool angryjet)" generate-methodsets ./apis/minio/...
	@go run ./provider/upjet/generate apis/extras > /dev/null
	@go tool controller-gen object paths=./apis/extras/...
	@"$$($(DEV) tool angryjet)" generate-methodsets ./apis/extras/...
	@rm -f package/provider/crds/* package/function/crds/*
	@go tool controller-gen crd paths=./apis/minio/... output:crd:artifacts:config=package/provider/crds
	@rm -f package/extras/crds/*
	@go tool controller-gen crd:allowDangerousTypes=true paths=./apis/extras/... output:crd:artifacts:config=package/extras/crds
	@go tool controller-gen crd paths=./apis/input/... output:crd:artifacts:config=package/function/crds
	@go tool controller-gen crd paths=./apis/tenant/v1alpha1 output:stdout | go run ./apis/tenant/xrd > package/configuration/definition.yaml
	@rm -f docs/reference/*.cistern.dev.md docs/reference/apps.cozystack.io.md
	@"$$($(DEV) tool crd-ref-docs)" --config=docs/reference/config.yaml --templates-dir=docs/reference/templates --source-path=apis \
		--renderer=markdown --output-mode=group --output-path=docs/reference --log-level=ERROR

.PHONY: build
build: ## Compile everything.
	@go build -buildvcs=false $(GOFLAGS_PRODUCT) ./...
	@go vet -tags=fips,e2e ./...

.PHONY: lint
lint: dev ## Run the linters, compile what macOS needs, and refuse modules with known holes.
	@$(DEV) advisories
	@GOOS=darwin GOARCH=arm64 go build -buildvcs=false $(GOFLAGS_PRODUCT) -o /dev/null ./test/dev
	@"$$($(DEV) tool golangci-lint)" run ./...

.PHONY: vuln
vuln: ## Ask the Go vulnerability database about the packages' programs. Needs the network.
	@go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 $(GOFLAGS_PRODUCT) ./provider ./provider/extras ./fn

.PHONY: unit
unit: dev ## Run the unit tests, with the race detector.
	@$(GOTEST) --format=pkgname -- -race $(GOFLAGS_PRODUCT) ./...

.PHONY: packages
packages: dev ## Build the packages into _output; push them if REGISTRY is set.
	@$(DEV) packages

.PHONY: release
release: dev ## Make a release of VERSION for amd64 and arm64 in _output/release; push it if REGISTRY is set. See docs/releases.md.
	@$(DEV) release

.PHONY: up
up: dev ## Start a platform with the packages installed, and leave it running.
	@$(DEV) up

.PHONY: down
down: dev ## Stop the platform, and remove everything except its logs.
	@$(DEV) down

.PHONY: cache-prune
cache-prune: dev ## Remove from the cache of tools what this clone does not use, such as old versions.
	@$(DEV) cache-prune

.PHONY: demo
demo: dev ## Show what Cistern does, end to end: claim a bucket, use it, delete it.
	@$(DEV) demo

.PHONY: docs-demo
docs-demo: dev ## Run the demo, and write its output to docs/demo.txt.
	@$(DEV) demo --transcript=docs/demo.txt

.PHONY: component
component: dev ## Test each provider alone: killed at every write, its calls counted. Needs neither platform nor root.
	@$(VERBOSE)-component.json -- -race -tags=fips,e2e -count=1 -timeout=45m -p=1 $(COMPONENT)

.PHONY: component-oldest
component-oldest: dev ## Test provider-minio on the oldest MinIO, in part; with OLDEST= whole.
	@MINIO=oldest $(VERBOSE)-component-oldest.json -- -race -tags=fips,e2e -count=1 -timeout=60m ./test/component/ $(OLDEST)

.PHONY: faults
faults: ## Let every call of the provider meet every fault, in every situation. It takes hours; see CONTRIBUTING.md.
	@go test -tags=fips,e2e -count=1 -timeout=24h -v ./test/component/ -run '^TestFaults$$' $(FAULTS)

.PHONY: render
render: dev ## Run the function's cases through Crossplane's own code, and the alarms through Prometheus's. Needs no platform and no root.
	@$(GOTEST) --format=pkgname -- -tags=fips,e2e -count=1 -timeout=30m ./test/render/... ./test/monitoring/

.PHONY: signatures
signatures: dev ## Make a release, and have Crossplane verify and install it. Needs no platform and no root.
	@$(VERBOSE)-signatures.json -- -tags=fips,e2e -count=1 -timeout=30m ./test/release/

.PHONY: e2e
e2e: dev component render signatures ## Run the end-to-end tests, on the running platform or on one of their own.
	@$(DEV) run --extras -- bash -ec '$(E2E); $(CLIENTS) -platform'

.PHONY: clients
clients: dev ## Run the S3 clients of tenants with issued Secrets, beside one provider. Needs neither platform nor root.
	@$(CLIENTS)

.PHONY: docs-clients
docs-clients: dev ## Run the same, and write the tables of docs/clients.md.
	@$(CLIENTS) -update

.PHONY: bench
bench: dev ## Measure speed, resource usage and their growth, in at most forty minutes; see docs/performance.md.
	@$(DEV) bench $(BENCH)

.PHONY: bench-quick
bench-quick: dev ## Measure the same with smaller sizes, in at most five minutes.
	@$(DEV) bench --quick $(BENCH)

.PHONY: test
test: lint generated unit component component-oldest render signatures ## Run all checks and tests: linters, generated files, unit and end-to-end tests, quick benchmark.
	@$(DEV) run --extras -- bash -ec '$(E2E); $(CLIENTS) -platform; $(DEV) bench --quick'

.PHONY: generated
generated: generate
	@git diff --exit-code --stat -- $(GENERATED) && test -z "$$(git ls-files --others --exclude-standard -- $(GENERATED))" \
		|| { echo "Generated files differ from those committed: commit what make generate wrote." >&2; exit 1; }

.PHONY: dev
dev:
	@test -x $(DEV) || echo "Building the developer tool; on a fresh machine this takes a few minutes." >&2
	@CGO_ENABLED=0 go build -trimpath -buildvcs=false $(GOFLAGS_PRODUCT) -o $(DEV) ./test/dev 2> >(grep -v '^go: downloading' >&2)
