# Everything a newcomer needs: `make demo`, `make test`. `make check` is what pre-commit and CI run before the tests.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# A CPU build of PyTorch where the index has one; without it pip would fetch gigabytes of CUDA libraries.
TORCH ?= torch==2.13.0
# Weights that Inkline finds beside its own, once they are installed.
RARE = ./packages/inkline-rare-scripts
EXTRAS = test,openvino,train,serve,pdf,parquet,cloud,ocrmypdf,ray
# Programs written for PaddleOCR, which a test runs on Inkline: without what they require, in a folder that nothing else sees.
OTHERS = ocr-locator==0.2.0 ocrmypdf-paddleocr==0.1.1 llama-index-readers-paddle-ocr==0.3.0 omnimrz==0.2.2
PYTEST = $(BIN)/python -m pytest
# Test processes side by side. Each takes half of the tests in order; one that is done takes over half of what the other
# has left, so that neither idles while the other is at a long file.
JOBS ?= 2
SPREAD = -n $(JOBS) --dist worksteal

.PHONY: demo install test test-fast check lint types tests docs sbom fuzz format clean

$(VENV)/.base: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable . $(RARE)
	@touch $@

# Everything in one call, as pip needs long to choose versions; compiled by all cores at once, where pip would use one.
# What tests hardly use is compiled when it is. (Some packages hold files for other versions of Python, which fail.)
$(VENV)/.test: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-compile $(TORCH) --editable '.[$(EXTRAS)]' $(RARE)
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(VENV)/others $(OTHERS)
	@$(BIN)/python -m compileall -qq -j 0 -x '/(tests|testing|rllib|moto)/' $(VENV)/lib || true
	@touch $(VENV)/.base $@

install: $(VENV)/.test  ## the virtual environment with all extras

demo: $(VENV)/.base  ## read the sample page: print its text, write JSON and a picture with the boxes
	$(BIN)/inkline ocr examples/sample.png --save_path demo-output
	$(BIN)/inkline ocr examples/sample.png
	@echo; echo "JSON:    demo-output/sample_res.json"; echo "Picture: demo-output/sample_ocr_res_img.png"

check: lint types  ## lint, formatting, layers, types

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PYTEST) -q tests/test_layers.py

types: $(VENV)/.test
	$(BIN)/mypy

test: lint  ## all checks, and all tests beside the types, which keep one core busy alone
	@$(MAKE) --no-print-directory -j 2 types tests

tests: $(VENV)/.test
	$(PYTEST) $(SPREAD) --durations 15

test-fast: $(VENV)/.test  ## without the tests marked slow
	$(PYTEST) $(SPREAD) -m 'not slow'

docs: $(VENV)/.test  ## the documents as a site, in site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "site/index.html"

sbom: $(VENV)/.test  ## known vulnerabilities, licences, and a bill of materials in sbom.json
	$(BIN)/python -m benchmarks.audit --sbom sbom.json

MINUTES ?= 3
fuzz: $(VENV)/.test  ## changed files of all kinds: make fuzz MINUTES=60
	$(BIN)/python -m tests.fuzz.run --minutes $(MINUTES)

format: $(VENV)/.test
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

clean:
	rm -rf $(VENV) demo-output site .mypy_cache .ruff_cache .pytest_cache
