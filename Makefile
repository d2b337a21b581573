# Two commands do all set-up on a fresh machine (Python 3.11, make, git):
#   make heatmap   the main job on the shipped open world; leaves pictures in out/
#   make test      lint, types and tests
# and more:
#   make mesh      occlusion sensitivity meshes of pare-open on the shipped people
#   make compare   the three open models against each other, with figures and an interactive page
#   make docs      the documentation as a site, in out/docs; warnings are errors
#   make test-slow the tests that take long: whole runs, kills, browsers, the notebook
PYTHON ?= python3.11
VENV ?= .venv
OUT ?= out
BIN := $(VENV)/bin

.PHONY: heatmap mesh compare test lint types tests test-slow docs clean

heatmap: $(VENV)/.installed
	$(BIN)/occlusion-toolkit heatmap examples/rendered-person.jpg --ground-truth examples/rendered-person.npz --out $(OUT)/rendered-person --resume
	$(BIN)/occlusion-toolkit heatmap examples/photo.jpg --openpose examples/photo_keypoints.json --out $(OUT)/photo --resume

mesh: $(VENV)/.installed
	$(BIN)/occlusion-toolkit mesh --out $(OUT)/mesh --resume

compare: $(VENV)/.installed
	$(BIN)/occlusion-toolkit compare --model pare-open --model hmr-synthocc-open --model hmr-open \
	  --out $(OUT)/compare --report $(OUT)/compare/report.html

test: lint types tests

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

tests: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n auto

test-slow: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n auto -m slow

docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -q -b html -W --keep-going -n -E -d $(OUT)/docs-cache docs $(OUT)/docs

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[synthesize,test]'
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) $(OUT)
