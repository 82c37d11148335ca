# `make book` builds the site, `make test` runs every check. Each makes what it needs and does nothing twice.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SITE := _build/html
PORT ?= 8000
# Threads of torch that wait give up spinning early: where other work runs they would slow each other down many times.
export GOMP_SPINCOUNT ?= 10000
export PYDEVD_DISABLE_FILE_VALIDATION = 1

.PHONY: help install book serve lab study test test-full lint unit interop processes reruns site readme notebooks pages faults bench picture records spines gpu clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

install: .venv/.installed  ## virtual environment with the pinned packages

.venv/.installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed, $(PYTHON) is older; set PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet -r requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

book: install  ## build the site into _build/html
	$(BIN)/jupyter-book build . -W -n --keep-going --quiet
	@echo "The book is at $(SITE)/index.html (or: make serve)"

serve: book  ## build and serve on http://127.0.0.1:8000
	$(BIN)/python -m http.server --directory $(SITE) --bind 127.0.0.1 $(PORT)

lab: install  ## open the chapters in JupyterLab
	$(BIN)/jupyter lab --notebook-dir book

test: lint unit interop processes reruns site  ## every check

test-full: test  ## every check, and the drills that take minutes
	$(BIN)/python -m pytest tests -m full

lint: install  ## ruff, and notebooks without outputs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check spinalnet_lib tests book/_ext
	$(BIN)/ruff format --check --line-length 78 $$(git ls-files 'book/*.ipynb')
	$(BIN)/nbstripout --verify $$(git ls-files 'book/*.ipynb')

# One thread of torch a worker: two workers with two threads each wait for each other.
unit: install  ## unit tests and doctests, minutes
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -p no:nbmake -n 2 tests --ignore tests/book --ignore tests/interop -m "not full and not processes" --doctest-modules spinalnet_lib book/_ext/prose_numbers.py book/_ext/formulas.py book/_ext/tables.py

interop: install  ## every head compiled, exported, stacked; replace_head over torchvision and timm
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 tests/interop -m "not full"

# The tests of a file stay in one worker: two clusters of Ray would disturb each other.
processes: install  ## real processes: killed, doubled, cut off, out of memory, with torch alone
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests -m "processes and not full and not reruns"

reruns: install  ## three committed runs made again, chosen by the commit
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -p no:nbmake tests/cli/test_rerun.py -m reruns

site: book  ## readme, notebooks, pages and faults in one run
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile tests/book

readme: install  ## the Python in README.md
	$(BIN)/python -m pytest tests/book/test_readme.py

notebooks: install  ## every chapter executed by nbmake, alone in an empty folder with the wheel, with less training
	$(BIN)/python -m pytest tests/book/test_standalone.py

pages: book  ## the built pages in a real browser, links, numbers
	$(BIN)/python -m pytest -n 2 tests/book -m "not slow" --ignore tests/book/test_readme.py

faults: install  ## planted faults must turn the build red or re-execute the page
	$(BIN)/python -m pytest tests/book/test_planted_faults.py

bench: book  ## every performance figure, as ratios, with nothing else running
	$(BIN)/spinalnet bench --out data/results/bench
	$(BIN)/python -m tests.book.measure_pages data/results/bench/pages.json
	$(BIN)/python -m tests.book.measure_builds data/results/bench/builds.json

picture: book  ## the picture in README.md, taken from the built page
	$(BIN)/python -m tests.book.take_picture book/page.png

records: install  ## make the runs behind data/results again; finished ones are skipped (an hour on one core)
	for data in mnist_5k mnist; do \
	  for arm in "mlp" "spinal" "mlp --classifier-drop-rate 0" "spinal --classifier-drop-rate 0.5"; do \
	    $(BIN)/spinalnet train --data $$data --head $$arm --seeds 0-9 --epochs 8 --threads 1 \
	      --out data/results/first_training.jsonl || exit 1; \
	done; done

spines: install  ## train the small spines of the first chapter again (minutes on one core; needs their data sets)
	OMP_NUM_THREADS=1 $(BIN)/spinalnet spines --out data/weights

# One worker leaves the other core to whatever runs beside it; WORKERS=2 takes both, LIMIT=600 stops after ten minutes.
# Where sessions have scheduling groups of their own, as on most Linux desktops, nice alone yields to nobody outside of its own.
YIELD := nice -n 19 $(shell chrt --idle 0 true 2>/dev/null && echo chrt --idle 0)
study: install  ## what is missing of the study's runs, in the plan's order; stop it and start it again at will
	$(YIELD) $(BIN)/spinalnet sweep all --out data/results --workers $(or $(WORKERS),1) --threads 1 $(if $(LIMIT),--time-limit $(LIMIT))

gpu: install  ## minutes of a GPU, well used: selftest, bench, then the plan's runs; MINUTES=10; without one what it would run
	$(BIN)/spinalnet gpu --out gpu_runs $(if $(MINUTES),--minutes $(MINUTES))

clean:  ## remove what was built, keep the environment and the data
	rm -rf _build build dist .pytest_cache .ruff_cache .hypothesis
