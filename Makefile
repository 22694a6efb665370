# Written for GNU make 3.81 (macOS) and later. `make` alone lists the verbs.

VENV ?= .venv
PYTHON ?=
VERSIONS = 3.10 3.11 3.12 3.13
DEMO ?=
TESTS ?=

# Always by module: a script's first line breaks in folders with long names or spaces.
python = $(VENV)/bin/python
# A third of the tests waits for sockets: more workers than two cores keep both busy.
pytest = $(python) -m pytest -n 4

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo quick test strangers test-all cards check format lint types layers docs clean FORCE

help:
	@echo "ig_sdk: unofficial Python SDK for the IG broker. The verbs:"
	@echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-18s%s\n", $$1, $$2 }'
	@echo
	@echo "Python 3.10 to 3.13 is looked for on PATH; PYTHON=/path/to/python3 names another."

demo: $(VENV)/has-demo ## watch simulated prices become candles and EMA signals, half a minute
	@$(python) examples/live_ema.py $(DEMO)

quick: $(VENV)/has-test ## run the unit and property tests, under a minute
	@$(pytest) tests/unit tests/property

test: $(VENV)/has-test ## run every test but the strangers', with the coverage gate (TESTS=... runs only some, ungated)
	@$(if $(TESTS),$(python) -m pytest $(TESTS),$(pytest) --dist loadgroup --cov --ignore=tests/install)

strangers: $(VENV)/has-test ## run what installs: other people's clients, other Pythons, the oldest dependencies, the built wheel
	@$(python) -m pytest -n 4 --dist loadgroup tests/install

test-all: ## run every test on each Python from 3.10 to 3.13 that is here
	@for version in $(VERSIONS); do \
	  if found=$$(sh .ci/environment version $$version); then \
	    echo "== Python $$version"; \
	    $(MAKE) test VENV=.venvs/$$version PYTHON="$$found" || exit 1; \
	  else echo "== Python $$version is not here: skipped"; fi; \
	done

cards: $(VENV)/has-test ## compare the simulator with IG's demo, card by card (login from the environment)
	@$(python) -m pytest tests/conformance/cards -n 0 -p no:randomly -v

check: lint types layers test docs ## everything a commit must pass: lint, types, layers, test, docs

format: $(VENV)/has-dev ## format the code and repair what the linter can
	@$(python) -m ruff format .
	@$(python) -m ruff check --fix .

lint: $(VENV)/has-dev ## formatting and lint
	@$(python) -m ruff format --check .
	@$(python) -m ruff check .

types: $(VENV)/has-dev ## mypy, strict
	@$(python) -m mypy
	@$(python) -m mypy examples

layers: $(VENV)/has-dev ## who may import whom (the contracts are in setup.cfg)
	@$(python) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()' --no-logo

docs: $(VENV)/has-dev ## build the documentation into docs/_build/html, warnings are errors
	@$(python) -m sphinx -q -n -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

clean: ## remove what the other verbs built, the environments too
	rm -rf $(VENV) .venvs build dist docs/_build *.egg-info .coverage .coverage.* \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# `made` changes only when the environment is made anew, so the installs below are then redone and otherwise are not.
$(VENV)/made: FORCE
	@sh .ci/environment make "$(VENV)" "$(PYTHON)"

$(VENV)/has-%: $(VENV)/made pyproject.toml setup.cfg
	@sh .ci/environment install "$(VENV)" "$*"

FORCE:
