# Everything a fresh machine needs is Python 3.11 or newer, make and git.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# The real ERP of the tests lives in an environment of its own.
TRYTON := .venv-tryton
# As docs/tryton.md tells to install.
TRYTON_PARTS := 'trytond==8.2.*' 'trytond_account_invoice==8.2.*' 'proteus==8.2.*' 'psycopg[binary,pool]'
MODULE := tryton/export_key

# What the tests drive besides payapp; a test that misses one of them is skipped and names it.
TOOLS := openssh-server openssh-client tmux screen

.PHONY: demo test check chaos bench pictures tools clean

demo: $(VENV)/run.stamp ## make a made-up company and open the desk on it
	@$(BIN)/payapp demo

# Four processes, on two cores as well: the tests mostly wait for processes and screens.
test: check $(TRYTON)/made.stamp ## every check and every test
	$(BIN)/python -m pytest -n 4 --dist loadgroup

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

tools: ## on Debian, as root: the programs that some tests drive; elsewhere say which
	@dpkg --status $(TOOLS) >/dev/null 2>&1 || { [ "$$(id -u)" = 0 ] && apt-get update --quiet=2 && \
		DEBIAN_FRONTEND=noninteractive apt-get install --quiet=2 --no-install-recommends $(TOOLS) >/dev/null; } || \
		echo "Some tests need: $(TOOLS)"

chaos: $(VENV)/dev.stamp ## break the export for half an hour and look into the ERP's ledger; see docs/chaos.md
	$(BIN)/python tests/chaos/run.py $(CHAOS)

bench: $(VENV)/dev.stamp ## measure; see docs/benchmarks.md
	$(BIN)/python tests/bench/run.py

pictures: $(VENV)/dev.stamp ## take docs/pictures anew from the running program
	$(BIN)/python tests/pictures.py

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "payapp needs Python 3.11 or newer; name one with: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
		{ rm -rf $(VENV); echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }

# A stamp says for which pyproject.toml and constraints.txt the environment was made.
$(VENV)/run.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing payapp into $(VENV) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/dev.stamp: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing payapp and its checks into $(VENV) ..."
	@$(PIP) --editable '.[postgres,dev]'
	@touch $@ $(VENV)/run.stamp

# PIP_CONSTRAINT holds for what builds the module as well.
$(TRYTON)/made.stamp: constraints-tryton.txt $(wildcard $(MODULE)/*.toml $(MODULE)/*/*.*) | $(VENV)/bin/python
	@echo "Installing Tryton for the tests into $(TRYTON) ..."
	@$(PYTHON) -m venv $(TRYTON)
	@PIP_CONSTRAINT=$(CURDIR)/constraints-tryton.txt $(TRYTON)/bin/python -m pip install --quiet --disable-pip-version-check \
		$(TRYTON_PARTS) ./$(MODULE)
	@touch $@

clean:
	rm -rf $(VENV) $(TRYTON) .cache/tryton demo .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
