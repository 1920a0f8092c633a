# The environment is made on first use; every other target depends on it.
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python
READY = $(VENV)/.ready
SIM ?= verilator
WAVES ?= 0

.PHONY: fuzz demo help sim test lint mutate prove soak vectors docs bench synth silicon train train-full board clean
.DEFAULT_GOAL := demo

demo: $(READY)  ## handwritten digits through the generated RTL (the default)
	$(RUN) -m examples.digits

help:  ## this list
	@awk -F ':.*##' '/^[a-z-]+:.*##/ {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip
	$(RUN) -m pip install --quiet --no-compile 'torch==2.13.0'  # the CPU build that the tests use; the range is in pyproject.toml
	$(RUN) -m pip install --quiet --no-compile --editable '.[dev]'
	touch $@

sim: $(READY)  ## cocotb regressions on the emitted Verilog (SIM=verilator|icarus, WAVES=1)
	SIM=$(SIM) WAVES=$(WAVES) $(RUN) -m pytest -m cocotb -n 2

test: $(READY)  ## every test
	$(RUN) -m pytest -n 2

SECONDS ?= 3600
SEED ?= 1
fuzz: $(READY)  ## command lines and files, good and bad, until SECONDS are over (SECONDS=3600, SEED=1)
	$(RUN) -m tests.fuzz $(SECONDS) $(SEED)

lint: $(READY)  ## ruff and mypy
	$(RUN) -m ruff check .
	$(RUN) -m mypy

mutate: $(READY)  ## mutants of golden, the cycle model and the netlists against their nearest tests (hours, resumes)
	$(RUN) -m tests.mutants

MINUTES ?= 60
soak: $(READY)  ## random machines, links and faults against golden (MINUTES=60; Ctrl-C ends it with its summary)
	$(RUN) -m tests.soak --minutes $(MINUTES)

vectors: $(READY)  ## a hundred million additions and conversions on the compiled Verilog
	$(RUN) -m tests.soak.vectors --count 100000000

docs: $(READY)  ## the site from documents and docstrings, strict: build/site/index.html
	$(RUN) -m sphinx -W --keep-going -E -q docs build/site

bench: $(READY)  ## speed figures, as ratios of one run
	$(RUN) -m bench

synth: $(READY)  ## density report with the libraries found, cached (minutes the first time)
	$(RUN) -m synth report

prove: $(READY)  ## properties of the emitted Verilog, by open solvers (about ten minutes)
	$(RUN) -m tests.prove

silicon: $(READY)  ## every format, block size, clock and library (hours the first time, resumes)
	$(RUN) -m synth report --set silicon

train: $(READY)  ## training in PyTorch: accuracy of each format, tables and plots (about half an hour)
	$(RUN) -m hbfp.train

train-full: $(READY)  ## the same with a transformer and rendered characters (hours; goes on where it was killed)
	$(RUN) -m hbfp.train --full

BOARD ?= ulx3s
board: $(READY)  ## bitstream of a board, with the tools of pip (BOARD=ulx3s|ice40_hx8k)
	$(RUN) -m pip install --quiet --editable '.[boards]'
	$(RUN) -m hw.board $(BOARD)

clean:  ## remove what was built, not the environment
	rm -rf build
