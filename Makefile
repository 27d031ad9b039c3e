# make help names every target.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
CORES ?= 2
FILES ?= $(foreach n,10000 30000 100000,results/toy_atlas.n$(n)/counts.h5ad)
# Where the published package is installed, apart and without its dependencies.
PUBLISHED ?= .bench/portal-sc
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo real test lint format docs bench bench-preparation bench-metrics faithful lock clean

help: ## Name every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## The default run, set-up included: a simulated pair of atlases, from counts to results/demo/report.html
	$(BIN)/snakemake --cores $(CORES)
	@echo "Open results/demo/report.html"

real: $(READY) ## Real counts: five libraries of cell lines, downloaded or from PORTAL_MIRROR, to results/real/report.html
	$(BIN)/snakemake --cores $(CORES) --configfile config/real.yaml
	@echo "Open results/real/report.html"

test: $(READY) lint ## Set-up, lint and all tests; PYTEST_ARGS chooses some
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(READY) ## Style of Python and of Snakemake files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

format: $(READY) ## Put files in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

docs: $(READY) ## Write config/README.md anew from the schema and the registry
	$(BIN)/python -m portal_lib.benchmark.config.config_docs > config/README.md.new
	mv config/README.md.new config/README.md

bench: $(READY) $(PUBLISHED)/portal/__init__.py ## Our trainer and the published loop in turn: time, memory, rates; BENCH_ARGS adds options
	$(BIN)/python -m benchmarks.trainer --published $(PUBLISHED) $(BENCH_ARGS)

bench-preparation: $(READY) ## Preparing beside the same recipe by scanpy: time, memory; FILES, by default samples of the scaling study
	$(BIN)/snakemake --cores $(CORES) --configfile config/scaling.yaml $(filter results/%,$(FILES))
	$(BIN)/python -m benchmarks.preparation $(FILES) $(BENCH_ARGS)

bench-metrics: $(READY) ## Every metric of the scIB set beside scib's: time, memory, difference (an hour on one core); BENCH_ARGS
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/metrics.py $(BENCH_ARGS)

faithful: $(READY) $(PUBLISHED)/portal/__init__.py ## Final scores of both over ten seeds, on two data sets (an hour on two cores); FAITHFUL_ARGS
	$(BIN)/python benchmarks/faithful.py --published $(PUBLISHED) $(FAITHFUL_ARGS)

lock: ## Resolve the newest allowed versions into requirements.lock, in an environment of its own
	folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(PYTHON) -m venv "$$folder/venv"; \
	"$$folder/venv/bin/pip" install --quiet '.[dev]'; \
	{ sed -n '/^#/p' requirements.lock; \
	  "$$folder/venv/bin/pip" freeze --exclude portal-lib | sed 's/+cpu$$//'; } > "$$folder/lock"; \
	mv "$$folder/lock" requirements.lock

clean: ## Remove the environment; results stay
	rm -rf $(VENV)

$(PUBLISHED)/portal/__init__.py: | $(READY)
	$(BIN)/pip install --quiet --no-deps --target $(PUBLISHED) portal-sc==1.0.4

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 ...")'
	@echo "Installing into $(VENV) (a minute or two)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@
