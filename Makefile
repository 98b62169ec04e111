# Cistern. `make help` lists the targets.

SHELL       := /usr/bin/env bash -o pipefail
.SHELLFLAGS := -ec
.DEFAULT_GOAL := help

OUTPUT := _output
DEV    := $(OUTPUT)/bin/dev

# The platform that up, demo, e2e, bench and test work on: local, a one-node Kubernetes
# of our own, or existing, the cluster of KUBECONFIG with Crossplane, which
# pulls the packages from REGISTRY.
export PLATFORM ?= local
export REGISTRY
# Whether provider-minio-extras is installed too.
export EXTRAS   ?= false
# Version of the packages. One that ends in -dev gets a hash of its content.
export VERSION  ?= v0.1.0-dev

# More flags of the benchmark, such as --only=latency,burst; `_output/bin/dev bench --help`.
BENCH    ?=

# madmin encrypts with PBKDF2 under this tag, see DESIGN.md.
GOFLAGS_PRODUCT := -tags=fips
E2E       := go test -tags=fips,e2e -count=1 -timeout=30m -parallel=8 -v ./test/e2e/...
GENERATED := ':(glob)apis/**/zz_*' package/provider/crds package/extras/crds package/function/crds package/configuration/definition.yaml ':(glob)docs/reference/*.cistern.dev.md' docs/reference/apps.cozystack.io.md

.PHONY: help
help: ## Print every target with what it does.
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1|/' | awk -F'|' '{ printf "  %-12s %s\n", $$1, $$2 }'

.PHONY: generate
generate: ## Generate the long tail's APIs, deep copies, method sets, CRDs, the XRD and docs/reference.
	@rm -f apis/*/v1alpha1/zz_generated.deepcopy.go
	@go tool controller-gen object paths="{./apis/input/...,./apis/minio/...,./apis/tenant/...}"
	@$(MAKE) --no-print-directory dev # Needs the deep copies of new kinds.
	@find apis/minio -name 'zz_generated.*.go' ! -name '*.deepcopy.go' -delete
	@"$$($(DEV) tool angryjet)" generate-methodsets ./apis/minio/...
	@go run ./provider/upjet/generate apis/extras > /dev/null
	@go tool controller-gen object paths=./apis/extras/...
	@"$$($(DEV) tool angryjet)" generate-methodsets ./apis/extras/...
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
	@go build $(GOFLAGS_PRODUCT) ./...
	@go vet -tags=fips,e2e ./...

.PHONY: lint
lint: dev ## Run the linters, import laws among them.
	@"$$($(DEV) tool golangci-lint)" run ./...

.PHONY: unit
unit: ## Run the tests that need no server, with the race detector.
	@go test -race $(GOFLAGS_PRODUCT) ./...

.PHONY: packages
packages: dev ## Build the packages into _output; push them if REGISTRY is set.
	@$(DEV) packages

.PHONY: up
up: dev ## Bring up a platform with the packages installed, and leave it running.
	@$(DEV) up

.PHONY: down
down: dev ## Take the platform down; nothing stays behind.
	@$(DEV) down

.PHONY: demo
demo: dev ## Show the main job end to end: claim, use, delete.
	@$(DEV) demo

.PHONY: direct
direct: ## Test each provider alone: killed at every write, its calls counted. Needs no platform and no root.
	@go test -race -tags=fips,e2e -count=1 -timeout=30m -p=1 -v ./test/component/... ./test/extras/...

.PHONY: render
render: ## Run the function's cases through Crossplane's own composition code. Needs no platform and no root.
	@go test -tags=fips,e2e -count=1 -timeout=30m ./test/render/...

.PHONY: e2e
e2e: dev direct render ## Run the end-to-end tests, on the running platform or on one of their own.
	@$(DEV) run --extras -- $(E2E)

.PHONY: bench
bench: dev ## Measure speed, cost and how they grow, in up to forty minutes; see docs/performance.md.
	@$(DEV) bench $(BENCH)

.PHONY: bench-quick
bench-quick: dev ## Measure the same in a size that ends within five minutes.
	@$(DEV) bench --quick $(BENCH)

.PHONY: test
test: lint generated unit direct render ## Run all checks and tests: lint, generated files, unit, e2e, and the benchmark in its quick size.
	@$(DEV) run --extras -- bash -ec '$(E2E); $(DEV) bench --quick'

.PHONY: generated
generated: generate
	@git diff --exit-code --stat -- $(GENERATED) && test -z "$$(git ls-files --others --exclude-standard -- $(GENERATED))" \
		|| { echo "Generated files differ from those committed: commit what make generate wrote." >&2; exit 1; }

.PHONY: dev
dev:
	@test -x $(DEV) || echo "Building the developer tool; on a fresh machine this takes a few minutes." >&2
	@go build $(GOFLAGS_PRODUCT) -o $(DEV) ./test/dev 2> >(grep -v '^go: downloading' >&2)
