# Each target works alone on a fresh machine with Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -q -n auto --dist loadfile --max-worker-restart 0
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test check test-reference format clean

demo: .venv/.train         ## the whole journey on the packaged sample, into demo/
	$(BIN)/mien demo -o demo

test: .venv/.dev           ## every test but those that need MediaPipe
	$(PYTEST) -m "not reference"

check: .venv/.dev          ## style, types, architecture and the fast tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(PYTEST)

test-reference: .venv/.dev .venv-reference/.done  ## agreement with MediaPipe, and the benchmark's peer
	$(PYTEST) -m reference

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/.train: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) -e '.[train]'
	touch $@

.venv/.dev: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) -e '.[dev]'
	touch $@

# MediaPipe stands apart: its opencv-contrib-python shadows opencv-python-headless.
.venv-reference/.done:
	$(PYTHON) -m venv .venv-reference
	.venv-reference/bin/python -m pip install --quiet mediapipe==0.10.33 av==18.1.0
	touch $@

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-reference demo
