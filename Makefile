# The commands of every day. Each brings its own set-up with it, which takes no time once it is done.
#
#   PYTHON   the interpreter for .venv, 3.11 or newer     make setup PYTHON=python3.13
#   ARGS     passed on                                    make test ARGS="tests/scripts -x"

PYTHON ?= python3
UV ?= uv
ARGS ?=
ARCH ?= arm64
BIN := .venv/bin

MAKEFLAGS += --no-print-directory
# Images for containers often set it; every process of a stack would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE
COMPILE = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate
# What Lambda's Python runtimes have themselves: packed beside it would be a second, larger one.
LAMBDA_BRINGS = boto3 botocore python-dateutil s3transfer six urllib3

.DEFAULT_GOAL := help
.PHONY: help setup demo test check up down package bench openapi dashboards requirements

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## */  make \1|/p' Makefile | while IFS='|' read -r name text; do \
		printf '%-20s %s\n' "$$name" "$$text"; done

setup:  ## install what is missing: programs through apt, Python packages into .venv, Kafka into .tools
	@PYTHON="$(PYTHON)" sh ops/setup.sh

demo: setup  ## watch 1,000 buyers fight for 100 seats, on real servers of its own
	@$(BIN)/onsale demo $(ARGS)

test:  ## all tests, on real servers of their own; ARGS="-n 0" runs them one after the other
	@PYTHON="$(PYTHON)" sh ops/setup.sh test
	@$(BIN)/python -m tests.run -n 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup  ## formatting, lint, types, unit tests: before each commit
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/python -m pytest tests/unit $(ARGS)

up: setup  ## start everything on this machine; a second time starts what is missing
	@$(BIN)/onsale up $(ARGS)

down:  ## stop what `make up` has started; ARGS=--wipe removes its data too
	@if [ -x $(BIN)/onsale ]; then $(BIN)/onsale down $(ARGS); else echo "nothing runs"; fi

# PYTHON is Lambda's here, so the set-up is not told of it.
package:  ## build what is deployed into dist/: PYTHON=3.13 ARCH=arm64 by default
	@env -u PYTHON sh ops/setup.sh
	@$(BIN)/onsale package --python "$(if $(filter file,$(origin PYTHON)),3.13,$(PYTHON))" --arch "$(ARCH)" $(ARGS)

bench:  ## measure this machine: each figure beside its limit
	@PYTHON="$(PYTHON)" sh ops/setup.sh bench
	@$(BIN)/onsale bench $(ARGS)

openapi:  ## write the API's contract anew from the code: docs/openapi.json and what /openapi.json and /docs answer
	@$(BIN)/python -m ops.openapi

dashboards:  ## write Grafana's dashboards anew from ops/dashboards
	@$(BIN)/python -m ops.dashboards

requirements:  ## write the hashed requirement files anew (needs uv; ARGS=--upgrade for newer versions)
	@$(COMPILE) $(ARGS) --extra functions --extra authorizer --extra local --extra dev pyproject.toml -o requirements-dev.txt
	@$(COMPILE) -c requirements-dev.txt pyproject.toml -o requirements.txt
	@$(COMPILE) -c requirements-dev.txt --extra functions pyproject.toml -o functions/requirements.txt
	@for set in api authorizer consumers; do \
		$(UV) pip compile --quiet --python-version 3.13 --python-platform aarch64-manylinux_2_28 --generate-hashes \
			--no-header --no-annotate $(LAMBDA_BRINGS:%=--no-emit-package %) \
			-c requirements-dev.txt infra/package/$$set.in -o infra/package/$$set.txt $(ARGS); done
	@$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		infra/emulators/ministack.in -o infra/emulators/ministack.txt $(ARGS)
	@$(UV) pip compile --quiet --python-version 3.13 --generate-hashes --no-header --no-annotate \
		infra/emulators/localstack.in -o infra/emulators/localstack.txt $(ARGS)
