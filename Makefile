# Everything happens in .venv, which `make` builds on a machine with Python 3.11 or newer and nothing else.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
# Each worker has one core, on which no thread waits by spinning.
PYTEST := OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -q

# The tool refuses an environment that says which code runs; what another program needs is not handed on.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONWARNINGS PYTHONOPTIMIZE

.PHONY: demo test test-slow soak bench lint format setup clean

demo: setup
	$(BIN)/fusiondiff-audit demo

test: setup
	$(PYTEST) -n $(WORKERS) -m "not slow and not soak and not outside"

test-slow: setup
	$(PYTEST) -n $(WORKERS) -m "(slow or outside) and not soak"

# By hand: full counts of fuzzing and kills.
soak: setup
	$(PYTEST) -n $(WORKERS) -m soak

bench: setup
	$(BIN)/python -P benchmarks/startup.py
	$(BIN)/python -P benchmarks/merkle.py
	$(BIN)/python -P benchmarks/signing.py
	$(BIN)/python -P benchmarks/model_signature.py
	$(BIN)/python -P benchmarks/guard.py
	$(BIN)/python -P benchmarks/kiln.py

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

setup: .venv/complete

# pip takes exactly the versions of constraints.txt; torch is the default build with its matching torchvision.
.venv/complete: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[audit,pades,dev]'
	touch $@

clean:
	rm -rf .venv .venv-bare dist .import_linter_cache tests/outside/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
