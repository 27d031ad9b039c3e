# `make help` lists all targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
CORES ?= 2
FILES ?= $(foreach n,10000 30000 100000,results/toy_atlas.n$(n)/counts.h5ad)
# Where the published package is installed, separately and without its dependencies.
PUBLISHED ?= .bench/portal-sc
BIN := $(VENV)/bin
# Processes that share the tests, one file at a time; conftest.py puts the longest first. Each calculates with one thread
# (tests of threads set their own number), and waiting threads sleep: two processes fill two cores and no more.
JOBS ?= 2
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(VENV)/bin/python -m pytest \
	-n $(JOBS) --dist loadfile --no-loadscope-reorder
READY := $(VENV)/.ready

# What `make test-fast` leaves out: tests of whole programs, of real files, and slow ones.
FAST ?= not (slow or workflow or golden or realdata or slurm or browser or r)

.PHONY: help demo real test test-fast coverage lint format docs bench bench-preparation bench-metrics faithful lock clean

help: ## List all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY) ## The default run, installation included: a simulated pair of atlases, from counts to results/demo/report.html
	$(BIN)/snakemake --cores $(CORES)
	@echo "Open results/demo/report.html"

real: $(READY) ## Real counts: five libraries of cell lines, downloaded or from PORTAL_MIRROR, to results/real/report.html
	$(BIN)/snakemake --cores $(CORES) --configfile config/real.yaml
	@echo "Open results/real/report.html"

test: $(READY) lint ## Installation, lint and all tests; PYTEST_ARGS chooses some
	$(PYTEST) $(PYTEST_ARGS)

test-fast: $(READY) ## What to run while developing: the tests of single functions, under three minutes on two cores
	$(PYTEST) -m "$(FAST)" $(PYTEST_ARGS)

coverage: $(READY) ## Which lines no test runs, of the library; htmlcov/index.html shows them
	$(PYTEST) --cov --cov-report=term --cov-report=html $(PYTEST_ARGS)

lint: $(READY) ## Style of Python and Snakemake files, types, spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint
	$(BIN)/mypy
	$(BIN)/codespell

format: $(READY) ## Format all files
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile rules

docs: $(READY) ## Generate config/README.md from the schema and the registry
	$(BIN)/python -m portal_lib.benchmark.config.config_docs > config/README.md.new
	mv config/README.md.new config/README.md

bench: $(READY) $(PUBLISHED)/portal/__init__.py ## This trainer and the published loop in turn: time, memory, rates; BENCH_ARGS adds options
	$(BIN)/python -m benchmarks.trainer --published $(PUBLISHED) $(BENCH_ARGS)

bench-preparation: $(READY) ## Preparation compared with the same recipe in scanpy: time, memory; FILES, by default samples of the scaling study
	$(BIN)/snakemake --cores $(CORES) --configfile config/scaling.yaml $(filter results/%,$(FILES))
	$(BIN)/python -m benchmarks.preparation $(FILES) $(BENCH_ARGS)

bench-metrics: $(READY) ## Every metric of the scIB set compared with scib's: time, memory, difference (an hour on one core); BENCH_ARGS
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m benchmarks.metrics $(BENCH_ARGS)

faithful: $(READY) $(PUBLISHED)/portal/__init__.py ## Final scores of this trainer and the published one, ten seeds, two data sets (an hour on two cores); FAITHFUL_ARGS
	$(BIN)/python -m benchmarks.faithful --published $(PUBLISHED) $(FAITHFUL_ARGS)

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
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; choose one: make PYTHON=python3.12 ...")'
	@echo "Installing into $(VENV) (a minute or two)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@
