# Slipway. `make help` says what there is; every target can be run from a clean clone.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

CLUSTER := tests/cluster/cluster
IMAGE ?= slipway/slipway:dev

.PHONY: help demo test test-unit test-integration test-crash-points test-e2e soak bench cluster cluster-down kubeconfig image lint verify

help: ## Say what there is.
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## From nothing to an image for two platforms: cluster, operator, pool, build. Stays up.
	@tests/demo/demo.sh

test: ## Every suite: unit, integration, crash points, e2e.
	@tests/run.sh Unit Integration CrashPoints E2E

test-unit: ## Unit tests alone: no cluster, no network.
	@tests/run.sh Unit

test-integration: ## Against a real API server.
	@tests/run.sh Integration

test-crash-points: ## The operator dies at its own writes; a tenth of them, by the commit (SLIPWAY_SEED=N repeats one).
	@tests/run.sh CrashPoints

test-e2e: ## Against the local cluster: builders, builds, registry, chart.
	@tests/run.sh E2E

soak: ## Every chaos seed, every crash point, every kill, the farm's faults at full length, 200 builds with ten kills.
	@tests/soak.sh

bench: ## Figures against a real API server, a line each: bench: name=value unit (UPDATE_DOCS=1 for docs/).
	@tests/bench.sh $(ONLY)

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
