# Every target sets up .venv by itself, from the complete lock in requirements.txt.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help book serve lab check test machines bench versions execute reseed sabotage editions colab grade hooks repository lock clean
.DELETE_ON_ERROR:

PYTHON ?= python3
PORT ?= 8000
SEEDS ?= 5
AGAIN ?=
JOBS ?=
CHAPTER ?=
SUBMISSIONS ?=
CSV ?=
UPGRADE ?=
TIMEOUT ?=
TRUST ?=
URL ?=
SITE ?=
BIN := .venv/bin
READY := .venv/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export JAX_PLATFORMS := cpu

help: ## List the targets
	@awk -F ':.*## ' '/^##@/ { print "\n" substr($$0, 5) } /^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements.txt
	@sh src/bookkit/bootstrap.sh "$(PYTHON)"

##@ Read

book: $(READY) ## Build the website into _build/html
	@$(BIN)/python -m bookkit book

serve: $(READY) ## Build the website and show it on this machine; PORT=8001
	@$(BIN)/python -m bookkit book --serve $(PORT)

lab: $(READY) ## Open a chapter in JupyterLab, CHAPTER=…; SOURCE=1 opens the chapter itself
	@$(if $(SOURCE),,test -d _build/editions || $(MAKE) --no-print-directory editions)
	@$(BIN)/python -m bookkit lab $(if $(SOURCE),--source) $(CHAPTER)

##@ Test

check: $(READY) ## Check style, package and rules of chapters, in minutes
	@$(BIN)/python -m bookkit suite check

test: $(READY) ## Run everything that CI runs: check, the site, every chapter
	@$(BIN)/python -m bookkit suite test $(if $(JOBS),--jobs $(JOBS))

machines: $(READY) ## Imitate other processors, list what differs; CHAPTER=…, ONLY=AVX2
	@$(BIN)/python -m bookkit machines $(if $(ONLY),--only $(ONLY)) $(CHAPTER)

bench: $(READY) ## Compare the speed of kernels and ensembles with what else there is
	@$(BIN)/python -m bookkit bench

versions: $(READY) ## Test the package with the oldest, the locked and the newest releases
	@PATH="$(CURDIR)/$(BIN):$$PATH" nox

##@ Write

execute: $(READY) ## Run chapters in place, all or CHAPTER=…; KEEP_GOING=1, TIMES=1
	@$(BIN)/python -m bookkit execute $(if $(KEEP_GOING),--keep-going) $(if $(TIMES),--times) $(CHAPTER)

reseed: $(READY) ## Run chapters under SEEDS=5 other seeds and list the claims
	@$(BIN)/python -m bookkit reseed --seeds $(SEEDS) $(CHAPTER)

sabotage: $(READY) ## Break chapters on purpose, list which claims fail; CHAPTER=…, AGAIN=1
	@$(BIN)/python -m bookkit sabotage $(if $(AGAIN),--again) $(if $(JOBS),--jobs $(JOBS)) $(CHAPTER)

##@ Teach

editions: $(READY) ## Write the Colab, student and instructor notebooks into _build/editions
	@$(BIN)/python -m bookkit book --editions

colab: editions ## Run the Colab edition with Colab's versions, all or CHAPTER=gp_limit/random_networks
	@$(BIN)/python -m bookkit colab $(CHAPTER)

grade: $(READY) ## Run the notebooks in SUBMISSIONS=folder and mark their exercises
	@test -n "$(SUBMISSIONS)" || { echo "Say where the notebooks are: make grade SUBMISSIONS=folder"; exit 1; }
	@$(BIN)/python -m bookkit grading "$(SUBMISSIONS)" $(if $(CHAPTER),--chapter "$(CHAPTER)") $(if $(CSV),--csv "$(CSV)") $(if $(JOBS),--jobs $(JOBS)) $(if $(TIMEOUT),--timeout $(TIMEOUT)) $(if $(TRUST),--trust)

##@ Look after

hooks: $(READY) ## Hold commits to the rules; show and merge notebooks as text
	@$(BIN)/pre-commit install
	@$(BIN)/python -m bookkit notebook_text --configure

repository: $(READY) ## Set the repository's address, URL=https://github.com/… (and SITE=)
	@$(BIN)/python -m bookkit repository "$(URL)" $(if $(SITE),--site "$(SITE)")

lock: $(READY) ## Add to requirements.txt what pyproject.toml asks for; UPGRADE=1 renews all
	@$(BIN)/uv pip compile pyproject.toml --all-extras $(addprefix --group ,book test dev one-lock) --universal --python-version 3.11 $(if $(UPGRADE),--upgrade) --no-header --no-annotate --quiet --output-file requirements.txt
	@echo "requirements.txt now holds $$(wc -l < requirements.txt) packages; run make test."

clean: ## Remove everything that make made
	@rm -rf .venv .venvs _build .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} + ; rm -rf src/*.egg-info build dist
	@echo "Clean."
