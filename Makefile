# make demo: set up and run the main job. make test: set up and pass the tests. make setup: what both share.
# make faults: kill processes, fail writes and harm files for a quarter of an hour; make faults-full: all of it once.
# make fuzz: search every reader for inputs that break it, SECONDS each (Linux; Python 3.11 to 3.14, as Atheris has it).
# make peers: TRL in an environment of its own, for benchmarks/compare.py.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: setup demo test slow faults faults-full fuzz lint peers

setup: .venv/.done

.venv/.done: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "topgraft needs Python 3.11 or newer; set PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check torch -c constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c constraints.txt
	touch $@

peers: .peers/.done

.peers/.done: constraints.txt
	$(PYTHON) -m venv .peers
	.peers/bin/python -m pip install --quiet --disable-pip-version-check torch -c constraints.txt
	.peers/bin/python -m pip install --quiet --disable-pip-version-check transformers peft accelerate datasets trl==1.16.0 -c constraints.txt
	.peers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --target .peers/trl-ppo trl==1.12.0
	touch $@

demo: setup
	$(BIN)/topgraft run professor --out runs/professor --resume

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --num-workers auto

test: lint
	$(BIN)/python -m pytest -n auto --dist worksteal

faults: setup
	$(BIN)/python tests/faults/run.py --minutes 15

faults-full: setup
	$(BIN)/python tests/faults/run.py --kills 200 --writes 100 --harms 50 --starved 20 --drops 10

slow: setup
	$(BIN)/python -m pytest -m slow

SECONDS ?= 600
fuzz: setup
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[fuzz]' -c constraints.txt
	$(BIN)/python tests/fuzz/fuzz_drive.py --seconds $(SECONDS)
