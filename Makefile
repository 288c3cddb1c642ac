# `make demo` and `make test` do everything from a clean clone: Python 3.11 or newer and make are
# all they ask for. Each makes .venv when it is missing and installs again only when an input of
# the installation changed.

OUT ?= demo
PORT ?= 8000
BIN := .venv/bin
INSTALL_INPUTS := pyproject.toml package.json package-lock.json hatch_build.py requirements/build.txt

# Only what a lock names, checked against its hashes, and only wheels: the source of a dependency
# would be built with whatever its build asks for. Then the package itself, from what is there.
INSTALL_LOCKED := -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all:
INSTALL_PACKAGE := -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation

# The first interpreter that is new enough and can make environments; 3.11 first, because
# the tests run on it. `make demo PYTHON=/path/to/python` overrules the search.
PYTHON_CANDIDATES := python3.11 python3.12 python3.13 python3.14 python3 python
PYTHON_IS_FIT := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(PYTHON_CANDIDATES); do \
	$$p -c "$(PYTHON_IS_FIT)" >/dev/null 2>&1 && { echo $$p; break; }; done)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo serve test test-all lint format bench lock licences sbom clean system browser postgis proxy

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 12

demo: .venv/.installed-demo  ## set up .venv and make the world's edition and map in ./demo
	$(BIN)/hotspots demo --out $(OUT)

serve: .venv/.installed-demo  ## serve the map and the API of ./demo on this machine
	$(BIN)/hotspots serve --edition $(OUT) --port $(PORT)

test: .venv/.installed-test system lint  ## set up .venv, lint, check types, run the tests
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

test-all: .venv/.installed-test system lint  ## the same with the slow tests
	$(BIN)/pytest -n 2 --dist loadfile

lint: .venv/.installed-test  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/.installed-test  ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.installed-test  ## time and memory: the 10 km world, and ingest of 30 arc-seconds
	$(BIN)/python benchmarks/world_10km.py
	$(BIN)/python benchmarks/ingest_30s.py

lock: .venv-tools/.installed  ## lock what pyproject.toml asks for; UPGRADE=1 takes the newest versions
	.venv-tools/bin/python requirements/lock.py $(if $(UPGRADE),--upgrade)

licences: .venv/.installed-test  ## list the licences of all that is locked in docs/licences.md
	$(BIN)/python requirements/licences.py

sbom: .venv-tools/.installed  ## write the bill of materials (CycloneDX) to dist/sbom.json
	.venv-tools/bin/python requirements/sbom.py dist/sbom.json

clean:  ## remove what these targets made, the environment included
	rm -rf .venv .venv-tools dist hotspots/vendor .pytest_cache .mypy_cache .ruff_cache .hypothesis

# --- how it is set up ---

define require_python
@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with its venv module was found (tried: $(PYTHON_CANDIDATES)). Install one (on Debian and Ubuntu: the packages python3 and python3-venv), or name it: make $(firstword $(MAKECMDGOALS)) PYTHON=/path/to/python" >&2; exit 2; }
@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "'$(PYTHON)' isn't Python 3.11 or newer. Name one that is: make $(firstword $(MAKECMDGOALS)) PYTHON=/path/to/python" >&2; exit 2; }
@$(PYTHON) -c "import venv, ensurepip" 2>/dev/null || { echo "'$(PYTHON)' can't make environments: its venv module is missing. On Debian and Ubuntu install the package python3-venv, then try again." >&2; exit 2; }
endef

.venv/bin/python:
	$(require_python)
	$(PYTHON) -m venv .venv

.venv/.installed-demo: $(INSTALL_INPUTS) requirements/service.txt | .venv/bin/python
	$(BIN)/python $(INSTALL_LOCKED) --requirement requirements/build.txt --requirement requirements/service.txt
	$(BIN)/python $(INSTALL_PACKAGE) --editable .
	@touch $@

.venv/.installed-test: $(INSTALL_INPUTS) requirements/service.txt requirements/test.txt | .venv/bin/python
	$(BIN)/python $(INSTALL_LOCKED) --requirement requirements/build.txt --requirement requirements/test.txt
	$(BIN)/python $(INSTALL_PACKAGE) --editable .
	@touch $@ .venv/.installed-demo

.venv-tools/.installed: requirements/tools.txt
	$(require_python)
	$(PYTHON) -m venv --clear .venv-tools
	.venv-tools/bin/python $(INSTALL_LOCKED) --requirement requirements/tools.txt
	@touch $@

# System packages that only some tests need: $(call system_package,PACKAGE,FOR WHAT). Where one is
# missing, root installs it; elsewhere, or where that fails, those tests skip and say so.
define system_package
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
		echo "Installing the system package $(1), for the tests of $(2)."; \
		{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $(1) >/dev/null; } \
		|| echo "$(1) could not be installed: the tests of $(2) will be skipped."; \
	else echo "The tests of $(2) will be skipped; to run them install the system package: $(1)"; fi
endef
PACKAGES_FOR_TESTS :=
ifeq ($(strip $(foreach b,chromium chromium-browser google-chrome google-chrome-stable,$(shell command -v $(b)))),)
PACKAGES_FOR_TESTS += browser
endif
ifeq ($(wildcard /usr/share/postgresql/*/extension/postgis.control),)
PACKAGES_FOR_TESTS += postgis
endif
ifeq ($(shell command -v nginx)$(wildcard /usr/sbin/nginx),)
PACKAGES_FOR_TESTS += proxy
endif

system: $(PACKAGES_FOR_TESTS)  ## install the system packages that tests need, where they are missing

browser:
	$(call system_package,chromium,the map in a browser)

# The tests run the server's programs themselves.
postgis:
	$(call system_package,postgresql-postgis,registries in PostgreSQL)

proxy:
	$(call system_package,nginx-light,the reverse proxy's configuration)
