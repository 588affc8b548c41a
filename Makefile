# Slipway. `make help` says what there is; every target can be run from a clean clone.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CLUSTER := tests/cluster/cluster
IMAGE ?= slipway/slipway:dev

.PHONY: help demo test test-unit test-integration test-e2e soak bench cluster cluster-down kubeconfig image lint verify

help: ## Say what there is.
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## From nothing to an image for two platforms: cluster, operator, pool, build. Stays up.
	@tests/demo/demo.sh

test: ## Every suite: unit, integration, e2e.
	@tests/run.sh Unit Integration E2E

test-unit: ## Unit tests alone: no cluster, no network.
	@tests/run.sh Unit

test-integration: ## Against a real API server.
	@tests/run.sh Integration

test-e2e: ## Against the local cluster: builders, builds, registry, chart.
	@tests/run.sh E2E

soak: ## The restart tests of e2e, again and again (ROUNDS=5).
	@tests/soak.sh $(or $(ROUNDS),5)

bench: ## Figures of the running demo, one a line: bench: name=value unit.
	@tests/Bench/bench.sh

cluster: ## Bring the local two-node Kubernetes up.
	@$(CLUSTER) up

cluster-down: ## End it and leave nothing behind but the cache.
	@$(CLUSTER) down

kubeconfig: ## Print the path of the local cluster's kubeconfig.
	@$(CLUSTER) kubeconfig

image: cluster ## Build Slipway's image into the local cluster's registry (IMAGE=slipway/slipway:dev).
	@tests/image.sh $(IMAGE)

lint: ## Formatting, shell scripts, chart.
	@tests/lint.sh

verify: lint ## lint, and a build without a warning.
	@dotnet build Operator.sln --nologo -v quiet
