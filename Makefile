# ReefCLIP. Without make, the same by plain pip:
#   python3.11 -m venv .venv
#   .venv/bin/pip install -r requirements.lock          (Linux without a GPU, a tenth of the download: add
#                                                        --extra-index-url https://download.pytorch.org/whl/cpu)
#   .venv/bin/python -m utils.datasets                  (make data)
#   .venv/bin/python -m utils.report                    (make report)
#   .venv/bin/pytest -m "not slow and not real and not browser and not gpu and not network"; .venv/bin/pytest --nbmake notebooks/

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
TORCH ?=
BIN ?= .venv/bin
STAMP := .venv/.from-lock
PIP_EXTRA := $(if $(filter cpu,$(TORCH)),--extra-index-url https://download.pytorch.org/whl/cpu)
# What `make report` takes; `make help` explains.
PROFILE ?= $(or $(REEF_PROFILE),embedded)
STAGES ?= env data weights notebooks reports
ONLY ?=
DATA ?=
WEIGHTS ?=
DRY ?=
RESUME ?=
FOLDER ?=
# Figures and numbers of published data have a folder of their own: those of the embedded profile are committed.
OUT := $(or $(REEF_OUT),$(if $(filter full,$(PROFILE)),runs/full))
PATIENCE := $(if $(filter full,$(PROFILE)),--minutes 600)
IN_PROFILE := REEF_PROFILE=$(PROFILE) REEF_OUT="$(OUT)"
# Tests write below a folder of their own that is removed afterwards, so the tree stays as it is.
IN_SCRATCH := out=$$(mktemp -d); trap 'rm -rf "$$out"' EXIT; REEF_OUT="$$out"

.PHONY: help env env-scale data report report-dry report-env report-data report-weights report-notebooks report-reports
.PHONY: test test-slow lint app models bench badges clean

help: ## show this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | \
		awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'
	@echo
	@echo '  make report PROFILE=full   published data and weights; written below runs/full, or where REEF_OUT says'
	@echo '    DRY=1                      only say what would be fetched, how large it is and where it goes'
	@echo '    STAGES="data weights"      some of: env data weights notebooks reports; run again, each goes on where it was'
	@echo '    DATA="--limit 500 --yes"   a part of the data, no question; python -m utils.datasets --help lists more'
	@echo '    WEIGHTS="--skip llama"     all weights but these; WEIGHTS=--open: an open model in the place of a gated one'
	@echo '    ONLY=03_zero_shot_baselines   some notebooks;  RESUME=1   only those without a page'

env: $(STAMP) ## build .venv from requirements.lock (TORCH=cpu: PyTorch's CPU builds, 0.2 GB instead of 3)

$(STAMP): requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet $(PIP_EXTRA) -r requirements.lock
	touch $@

env-scale: env ## add what archives past one machine need (Ray), nothing else changes
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -c requirements.lock -r requirements-scale.txt

data: env ## make, fetch or find the data sets (ReefWorld: minutes, once)
	$(IN_PROFILE) $(BIN)/python -m utils.datasets $(DATA)

report: ## execute the notebooks, write their pages, tables, cards and the PDF
	@set -e; for stage in $(if $(DRY),dry,$(STAGES)); do $(MAKE) --no-print-directory report-$$stage; done

report-dry:
	@test -x $(BIN)/python || { echo 'there is no $(BIN)/python yet, which must look: make env'; exit 1; }
	@$(IN_PROFILE) $(BIN)/python -m utils.datasets --dry-run $(DATA)
	@$(IN_PROFILE) $(BIN)/python -m utils.report.weights --dry-run $(WEIGHTS)
	@echo 'pages, figures and results go to $(or $(OUT),reports/ and figures/)'

report-env: env

report-data:
	$(IN_PROFILE) $(BIN)/python -m utils.datasets $(DATA)

report-weights:
	$(IN_PROFILE) $(BIN)/python -m utils.report.weights $(WEIGHTS)

report-notebooks:
	$(IN_PROFILE) $(BIN)/python -m utils.report --pages $(PATIENCE) $(if $(RESUME),--resume) $(ONLY)

report-reports:
	$(IN_PROFILE) $(BIN)/python -m utils.report --tables

test: data ## unit tests, then every notebook
	$(IN_SCRATCH) $(BIN)/python -m pytest -q -n 2 --dist worksteal \
		-m "not slow and not real and not browser and not gpu and not network"
	$(IN_SCRATCH) $(BIN)/python -m pytest -q --nbmake notebooks/

test-slow: data ## browser, several-process, clean-copy and long checks
	$(IN_SCRATCH) $(BIN)/python -m pytest -q -m "(slow or real or browser) and not gpu and not network"

lint: env ## style and format (ruff), types (mypy)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy

app: env ## a page to search photographs by sentence: make app FOLDER=my_photos (without it: those of the notebooks)
	$(IN_PROFILE) $(BIN)/python -m utils.app $(if $(FOLDER),"$(FOLDER)")

models: env ## train the miniatures in models/ (resumes where it stopped)
	$(BIN)/python models/train.py

bench: env ## speed against the plain loops, and cost against size: reports/results/bench.json and scale.json
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.scaling

badges: env ## make badges REPO=owner/name: where badges and first cells say the repository lies
	$(BIN)/python -m utils.report.badges $(REPO)

clean: ## remove caches and what was made for the embedded profile (.venv and downloads stay)
	rm -rf artifacts data/embedded .pytest_cache .ruff_cache .mypy_cache notebooks/.ipynb_checkpoints
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
