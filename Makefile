# Every job of the project, from a fresh machine with Python 3.11-3.13 and make. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Options for the book builder. `make test` builds with all warnings counted as errors.
BOOK_FLAGS ?= -n
STRICT_FLAGS := -W -n --keep-going
# Two tests at a time, each with one thread; who is done takes over what waits behind a chapter.
PYTEST_FLAGS ?= -n 2 --dist worksteal

.PHONY: help setup book test test-recordings lint links format sync notebooks bench colab repository clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## make .venv with the pinned packages and this one

# The stamp is written last: an installation that stops halfway is started again next time.
$(INSTALLED): requirements.txt pyproject.toml
	@rm -f $@
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and "This book needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is %d.%d: try make PYTHON=python3.12" % v[:2])'
	@$(PYTHON) -c 'import sys; v = sys.version_info; v[:2] > (3, 13) and print("note: this book is tested on Python 3.11 to 3.13, and $(PYTHON) is %d.%d; if packages are missing for it, try make PYTHON=python3.13" % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

book: $(INSTALLED) ## run every chapter and write the book to _build/html
	$(BIN)/python tools/build_book.py $(BOOK_FLAGS)

test: $(INSTALLED) ## build the book strictly (runs every chapter), then run all tests
	$(BIN)/python tools/build_book.py $(STRICT_FLAGS)
	REQUIRE_BOOK=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_FLAGS)

test-recordings: $(INSTALLED) ## run every chapter on a dozen other recordings (an hour)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_FLAGS) -m recordings tests/book/test_recordings.py

lint: $(INSTALLED) ## check style, formatting, spelling and which room imports which
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/codespell

links: $(INSTALLED) ## try every link that leads outside the book (needs the network)
	$(BIN)/jupyter-book build . --builder linkcheck --path-output _build/links

format: $(INSTALLED) ## mend what lint can mend by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

sync: $(INSTALLED) ## make each chapter's .py and .ipynb agree (newer wins); renew the API page
	$(BIN)/python tools/sync_notebooks.py
	$(BIN)/python tools/api_page.py
	$(BIN)/python tools/notebook_products.py

notebooks: $(INSTALLED) ## make the students' and the teachers' notebooks, and what their checks know
	$(BIN)/python tools/notebook_products.py

bench: $(INSTALLED) ## print the measurements of speed and accuracy
	@for script in $(wildcard benchmarks/[a-z]*.py); do echo "== $$script"; $(BIN)/python $$script || exit 1; done

colab: $(INSTALLED) ## run every notebook as Colab would, in a new Python 3.13 (several GB, half an hour)
	$(BIN)/python tools/run_in_colab.py $(NOTEBOOKS)

repository: $(INSTALLED) ## for a fork: make repository URL=https://github.com/you/yourfork
	$(BIN)/python tools/set_repository.py $(URL)

clean: ## remove everything that was built, the virtual environment included
	rm -rf _build $(VENV) *.egg-info .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
