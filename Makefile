# Every target makes .venv by itself and installs what it needs: the demonstration 50 MB, all
# others the tools of the tests on top. After that nothing is installed until pyproject.toml or
# constraints.txt change.

PYTHON ?= python3
ARGS ?=

# The root must not be on sys.path: nothing of ours is importable as bare `domain`, tests included.
export PYTHONSAFEPATH := 1

BIN := .venv/bin
READY := .venv/.ready
READY_FOR_DEMO := .venv/.ready-for-demo
INSTALL := $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable
FOLDERS := domain ports application adapters src tests
SOURCES := $(shell find $(FOLDERS) docs benchmarks -type f -not -path '*/__pycache__/*') \
           pyproject.toml constraints.txt README.md LICENSE

.PHONY: demo test check format format-check lint types layers coverage build lock mutation bench clean

demo: $(READY_FOR_DEMO)
	$(BIN)/payports demo $(ARGS)

# `make test ARGS='-k money'` runs a part, without coverage.
test: $(READY)
	$(if $(ARGS),$(BIN)/python -m pytest $(ARGS),$(run_tests))

check: format-check lint types layers coverage build

format: $(READY)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

format-check: $(READY)
	$(BIN)/ruff format --check

lint: $(READY)
	$(BIN)/ruff check

# Without path arguments: with them, both would read the files behind the links as separate modules.
types: $(READY)
	$(BIN)/mypy
	$(BIN)/pyright

layers: $(READY)
	$(BIN)/python -m pytest -q tests/test_layers.py

coverage: .coverage
	$(BIN)/coverage report
	$(BIN)/coverage report --include='domain/*' --fail-under=100

# The sdist, and the wheel from that sdist: what an installer gets.
build: $(READY)
	rm -rf dist
	$(BIN)/python -m build --no-isolation
	$(BIN)/python -m zipfile --list dist/*.whl

# Pin the versions that `.[bench,cli,dev]` installs today, found in an environment of their own.
lock:
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --editable '.[bench,cli,dev]'
	{ sed -n '/^#/p' constraints.txt; .venv-lock/bin/python -m pip freeze --exclude-editable; } > constraints.new
	mv constraints.new constraints.txt
	rm -rf .venv-lock

# Judge all mutants that are alive or not judged yet; `make mutation ARGS='payports.domain.money*'` judges a part again.
mutation: $(READY)
	$(BIN)/python tests/mutants.py $(ARGS)
	$(BIN)/mutmut results

# `make bench ARGS=--quick` takes two minutes. The other libraries have an environment of their own, with the newest
# Python there is: one of them asks for 3.12.
bench: $(READY) .venv-bench/.ready
	$(INSTALL) '.[bench]'
	env -u PYTHONSAFEPATH $(BIN)/python -m benchmarks --peers-python .venv-bench/bin/python $(ARGS)

.venv-bench/.ready: benchmarks/peers/requirements.txt pyproject.toml constraints.txt
	$$(for python in python3.14 python3.13 python3.12 $(HOME)/.pyenv/versions/3.1[2-9]*/bin/python $(PYTHON); do \
	    $$python -c 'import venv' 2>/dev/null && echo $$python && break; done) -m venv --clear .venv-bench
	.venv-bench/bin/python -m pip install --quiet --constraint constraints.txt --editable .
	.venv-bench/bin/python -m pip install --quiet --requirement benchmarks/peers/requirements.txt
	touch $@

clean:
	rm -rf .venv .venv-lock .venv-bench dist mutants .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find $(FOLDERS) -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY_FOR_DEMO): pyproject.toml constraints.txt
	@echo "Installing payports into .venv (up to a minute, once) ..."
	@$(PYTHON) -m venv .venv
	@$(INSTALL) '.[cli]'
	@touch $@

$(READY): $(READY_FOR_DEMO)
	@echo "Installing the tools of the tests into .venv (some minutes and 640 MB, once) ..."
	@$(INSTALL) '.[cli,dev]'
	@touch $@

# CI calls `make test` and then `make check`. So that the suite runs once, a whole run that passed
# leaves .coverage behind, dated at its start, and the check uses it while no source is newer.
# Two runs at once do not disturb each other: each writes a file of its own.
.coverage: $(READY) $(SOURCES)
	$(run_tests)

# The large proofs run after the other tests, without coverage.
PROOFS := tests/differential tests/crash_injection tests/concurrency tests/simulation tests/webhooks

define run_tests
@run=.coverage.run-$$$$; trap 'rm -f $$run $$run.started' EXIT; touch $$run.started; \
COVERAGE_FILE=$$run $(BIN)/coverage run -m pytest $(addprefix --ignore=,$(PROOFS)) && \
$(BIN)/python -m pytest $(PROOFS) && \
touch -r $$run.started $$run && mv $$run .coverage
endef
