# Every target sets up .venv by itself, from the complete lock in requirements.txt.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help book test execute serve clean lock versions reseed repository lint grade editions colab
.DELETE_ON_ERROR:

PYTHON ?= python3
PORT ?= 8000
SEEDS ?= 5
CHAPTER ?=
SUBMISSIONS ?=
CSV ?=
BIN := .venv/bin
READY := .venv/.ready
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export JAX_PLATFORMS := cpu

help: ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "No '$(PYTHON)' found. Install Python 3.11, 3.12 or 3.13, or say PYTHON=/path/to/python."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "'$(PYTHON)' is $$($(PYTHON) --version 2>&1); the lock needs Python 3.11, 3.12 or 3.13. Say PYTHON=python3.12, for example."; exit 1; }
	@echo "Setting up .venv with $$($(PYTHON) --version) (about 1.3 GB, a minute or two) …"
	@rm -rf .venv && $(PYTHON) -m venv .venv || { echo "Could not make a virtual environment. On Debian or Ubuntu: apt install python3-venv."; exit 1; }
	@$(BIN)/pip install --quiet --progress-bar on --no-deps --requirement requirements.txt || { rm -rf .venv; echo "The installation did not finish. Check the network and run the same command again."; exit 1; }
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
	@echo ".venv is ready."

book: $(READY) ## Build the website into _build/html
	@echo "Building the site from the stored outputs …"
	@$(BIN)/python -W ignore::SyntaxWarning $(BIN)/jupyter-book build . --all --warningiserror --nitpick --keep-going > _build.log 2>&1 || { cat _build.log; echo "The build failed; the messages are above."; exit 1; }
	@rm -f _build.log
	@echo "The site is at file://$(CURDIR)/_build/html/index.html (make serve shows it)."

serve: book ## Show the website on this machine
	@$(BIN)/python -c 'import socket; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", $(PORT)))' 2>/dev/null || { echo "Port $(PORT) is busy. Try: make serve PORT=8001"; exit 1; }
	@echo "The book is at http://127.0.0.1:$(PORT)/ until you press Ctrl-C."
	@$(BIN)/python -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html

test: $(READY) lint ## Run everything that CI runs
	@echo "Testing the package, the site and every chapter (watch the dots; a chapter takes up to 90 s) …"
	@$(BIN)/python -m pytest
	@echo "All tests passed."

lint: $(READY) ## Check the style of the code
	@$(BIN)/ruff check --quiet . && echo "The code's style is fine."

execute: $(READY) ## Run chapters in place, all or CHAPTER=gp_limit/random_networks
	@$(BIN)/python -m bookkit execute $(CHAPTER)

reseed: $(READY) ## Run chapters under SEEDS=5 other seeds and list the claims
	@$(BIN)/python -m bookkit reseed --seeds $(SEEDS) $(CHAPTER)

editions: book ## Write the Colab, student and instructor notebooks into _build/editions
	@rm -rf _build/editions && cp -R _build/html/editions _build/editions
	@echo "The editions are in _build/editions: $$(ls _build/editions | paste -sd' ')."

colab: editions ## Run the Colab edition with Colab's versions, all or CHAPTER=gp_limit/random_networks
	@$(BIN)/python -m bookkit colab $(CHAPTER)

grade: $(READY) ## Run the notebooks in SUBMISSIONS=folder and mark their exercises
	@test -n "$(SUBMISSIONS)" || { echo "Say where the notebooks are: make grade SUBMISSIONS=folder"; exit 1; }
	@$(BIN)/python -m bookkit grading "$(SUBMISSIONS)" $(if $(CSV),--csv "$(CSV)")

repository: $(READY) ## Set the repository's address, URL=https://github.com/…
	@$(BIN)/python -m bookkit repository $(URL)

versions: $(READY) ## Test the package with the oldest, locked and newest jax
	@$(BIN)/python -m bookkit versions

lock: ## Recompile requirements.txt from pyproject.toml
	@$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv
	@.venv-lock/bin/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --upgrade --no-header --no-annotate --quiet --output-file requirements.txt
	@rm -rf .venv-lock
	@echo "requirements.txt now holds $$(wc -l < requirements.txt) packages; run make test."

clean: ## Remove everything that make made
	@rm -rf .venv .venvs .venv-lock _build _build.log .pytest_cache .ruff_cache
	@find . -name __pycache__ -prune -exec rm -rf {} + ; rm -rf src/*.egg-info
	@echo "Clean."
