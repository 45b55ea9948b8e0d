# Thin names for what the README shows. Everything that is made stays in this folder: .venv, .engine, .demo.
PYTHON ?= python3
ENGINE := $(PYTHON) images/engine/engine.py
STACKCTL := $(CURDIR)/.venv/bin/stackctl
.DEFAULT_GOAL := help
.PHONY: help demo demo-down test lint unit lowest newest coverage e2e machines chaos bench fuzz sign-catalogue requirements clean

help: ## Show this
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

demo: .venv/ready ## SillyTavern and llama.cpp on the CPU with the built-in demo model, proven; then open the URL
	@mkdir -p .demo
	@$(ENGINE) up || { code=$$?; $(STACKCTL) -C .demo render --model demo --gpu none && \
		echo "rendered .demo/compose.yml; to run it an engine is needed (see above)"; exit $$code; }
	@eval "$$($(ENGINE) env)" && $(ENGINE) import-base && $(STACKCTL) -C .demo deploy --model demo --gpu none

demo-down: ## Remove the demo, and the private engine if `make demo` or `make test` made one, without a trace
	@eval "$$($(ENGINE) env)"; if [ -f .demo/compose.yml ] && docker info >/dev/null 2>&1; then $(STACKCTL) -C .demo down || true; fi
	@$(ENGINE) down
	@rm -rf .demo

test: .venv/ready ## Lint, types, unit (some with the lowest dependencies, too), golden, and e2e on a real engine
	@.venv/bin/python tests/run.py

lint: .venv/ready ## Lint, format and types alone
	@.venv/bin/python tests/run.py lint

unit: .venv/ready ## Everything that needs no engine
	@.venv/bin/python tests/run.py lint unit

lowest: .venv/ready ## The unit tests with the lowest versions of all dependencies that pyproject.toml allows
	@.venv/bin/python tests/run.py lowest

newest: ## Lint, types and the unit tests with the newest versions of all dependencies, the developers' own included
	@$(PYTHON) -m venv --clear .venv-newest
	@.venv-newest/bin/python -m pip install -q --disable-pip-version-check --upgrade pip  # 25.1 knows dependency groups
	@.venv-newest/bin/python -m pip install -q --upgrade --group dev -e .
	@.venv-newest/bin/python tests/run.py lint unit

coverage: .venv/ready ## The unit tests, and whether they run enough of each folder
	@.venv/bin/python tests/run.py coverage

e2e: .venv/ready ## The tests on a real engine alone
	@.venv/bin/python tests/run.py e2e

machines: .venv/ready ## All of other engines, Composes, hosts and backends, and a browser; `make test` runs a sample
	@.venv/bin/python tests/run.py machines

chaos: .venv/ready ## All faults, races and hostile data on a real engine; `make test` runs a sample
	@STACKCTL_MOMENTS=$${STACKCTL_MOMENTS:-30} .venv/bin/python tests/run.py chaos

bench: .venv/ready ## Medians and ratios, measured side by side
	@$(ENGINE) up && eval "$$($(ENGINE) env)" && .venv/bin/python -m tests.bench.bench

fuzz: .venv/ready ## The property tests with many more examples
	@HYPOTHESIS_PROFILE=deep .venv/bin/python -m pytest -q -m "not engine" tests/core tests/commands/test_models_inspect.py \
		tests/commands/test_models_fuzz.py

sign-catalogue: .venv/ready ## Sign CATALOGUE=FILE with KEY=PEM for `stackctl models update`, into FILE.sig
	@.venv/bin/python -m tests.sign_catalogue "$(CATALOGUE)" "$(KEY)"

requirements: ## Pin the dependencies anew, with hashes and without addresses (needs uv)
	uv pip compile pyproject.toml --group dev --universal --generate-hashes --upgrade \
		--no-emit-index-url --no-emit-find-links --no-header -q -o tests/requirements.txt
	uv pip compile pyproject.toml --resolution lowest-direct --universal --generate-hashes --upgrade \
		--no-emit-index-url --no-emit-find-links --no-header -q -o tests/lowest.txt

clean: ## Remove what building and testing made
	rm -rf .venv .venv-lowest .venv-newest dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .artefacts

.venv/ready: tests/requirements.txt pyproject.toml
	@echo "making .venv: a Python environment of this folder's own (about 360 MB)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "error: Python 3.11 or newer is needed ($(PYTHON) is older)"; echo "hint: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .venv || { echo "hint: on Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r tests/requirements.txt
	@.venv/bin/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch .venv/ready
