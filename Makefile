# Every target sets up what it needs: `make test` on a fresh clone is enough.
# PYTHON names the interpreter that makes .venv (3.11 or newer): make setup PYTHON=python3.12

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# One more than the two cores that CI has: some tests wait for real clocks and programs.
WORKERS := 3
CODE := protocols cardreader emulator controller hil relance tests tools $(wildcard benchmarks/*.py)

# Debian keeps the broker in sbin, which is not on everybody's path, and PostgreSQL's server on nobody's.
NONE :=
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin$(subst $(NONE) $(NONE),,$(addprefix :,$(wildcard /usr/lib/postgresql/*/bin)))

.DEFAULT_GOAL := help
.PHONY: help setup demo servers test coverage tear check tidy docs matrix languages bench mutants simulate years kills lock clean

help: ## This list.
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

# ---------------------------------------------------------------- the virtual environment

setup: $(VENV)/dev.stamp ## A virtual environment .venv with the console scripts and the tools.
	@echo 'setup: $(BIN) is ready'

# Catalogues are compiled where the project is installed: setup.py does it.
BUILT_FROM := pyproject.toml $(wildcard setup.py protocols/languages/locale/*/*/*.po) tools/make-venv tools/need-package

$(VENV)/dev.stamp: requirements/dev.txt requirements/alone.txt $(BUILT_FROM)
	@PYTHON='$(PYTHON)' tools/make-venv $(VENV) requirements/dev.txt requirements/alone.txt
	@touch $(VENV)/run.stamp $@

# What the program needs and no more. The tools' environment serves as well.
$(VENV)/run.stamp: requirements/run.txt $(BUILT_FROM)
	@PYTHON='$(PYTHON)' tools/make-venv $(VENV) requirements/run.txt
	@touch $@

# ---------------------------------------------------------------- what one does with it

demo: $(VENV)/run.stamp ## The night of 2 July 2020, replayed: build/demo/report.html.
	@$(BIN)/relance demo --out build/demo

ALL_TESTS := pytest -n $(WORKERS) --dist worksteal --pcsc=require

servers: $(VENV)/dev.stamp # What the tests start beside our own programs.
	@tools/need-package mosquitto=mosquitto mosquitto_sub=mosquitto-clients initdb=postgresql softhsm2-util=softhsm2 \
	  pcscd=pcscd opensc-tool=opensc chromium=chromium pango-view=pango1.0-tools
	@tools/need-pyscard $(VENV)
	@tools/need-gurux $(VENV)

test: servers ## All tests.
	@$(BIN)/python -m $(ALL_TESTS)

coverage: servers ## All tests, and which lines they reach: it takes twice as long.
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m $(ALL_TESTS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report

tear: $(VENV)/dev.stamp ## Power lost at every byte of the card, in every way: some minutes.
	@RELANCE_TEAR_EVERY=1 $(BIN)/python -m pytest -n $(WORKERS) tests/cardreader/test_tears.py \
	  tests/emulator/firmware/guarded/test_card_tears.py

check: $(VENV)/dev.stamp ## Format, lint, types, import contracts, tidiness.
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(BIN)/python -m tools.tidy

tidy: $(VENV)/dev.stamp ## Put the code into its form; say what a machine cannot mend.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/python -m tools.tidy

docs: $(VENV)/dev.stamp ## Generate asyncapi.yaml and the table of the kinds of order.
	@$(BIN)/python -m tools.docs

matrix: $(VENV)/dev.stamp ## Which story of the bench finds which fault: docs/hil-matrix.md.
	@$(BIN)/python -m tools.fault_matrix

languages: $(VENV)/dev.stamp ## Take new sentences for households into the catalogues, and compile them.
	@$(BIN)/python -m tools.catalogues

bench: $(VENV)/run.stamp ## Speed, as ratios measured in one run; BEFORE=PATH: against another checkout.
	@$(BIN)/python -m $(if $(BEFORE),benchmarks.before '$(BEFORE)',benchmarks)

mutants: $(VENV)/dev.stamp ## Break each rule on purpose: the properties must see it.
	@$(BIN)/python -m tools.mutants

SEEDS := 100
simulate: $(VENV)/dev.stamp ## The whole system from seeds, with faults in all of it: SEEDS=100 or SEEDS=40-60.
	@$(BIN)/python -m tests.simulation.play $(SEEDS) $(if $(WORSE),--worse)

years: $(VENV)/dev.stamp ## A household's money of a year from seeds, against a second ledger: SEEDS=100.
	@$(BIN)/python -m tests.emulator.second.years $(SEEDS)

KILLS := 50
SEED := 1
RUNS := 1
kills: $(VENV)/dev.stamp ## Kill every real process again and again: KILLS=50, SEED=1, and RUNS=1 of them from that seed on.
	@tools/need-package mosquitto=mosquitto
	@$(BIN)/python -m tests.kills.play $(KILLS) $(SEED) $(RUNS)

# ---------------------------------------------------------------- now and then

LOCK := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

lock: ## Pin requirements/*.txt anew (needs uv); UPGRADE=1 takes the newest versions.
	@command -v uv >/dev/null || { echo 'make lock: needs uv; install it, for instance with pipx install uv' >&2; exit 2; }
	$(LOCK) $(if $(UPGRADE),--upgrade) pyproject.toml requirements/build.in --output-file requirements/run.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) pyproject.toml requirements/build.in requirements/dev.in \
	  --constraint requirements/run.txt --output-file requirements/dev.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --no-deps requirements/alone.in --output-file requirements/alone.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) requirements/card.in --output-file requirements/card.txt
	$(LOCK) $(if $(UPGRADE),--upgrade) --no-deps requirements/gurux.in --output-file requirements/gurux.txt

clean: ## Remove what was made, but for .venv.
	rm -rf build *.egg-info .coverage .coverage.* .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -path ./$(VENV) -prune -o -type d -name __pycache__ -exec rm -rf {} +
