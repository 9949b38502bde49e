# Short verbs. `make demo` and `make test` need Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
ARGS ?=
VENV := .venv

.PHONY: demo test check bench lock clean

$(VENV)/base: requirements/server.lock
	@$(PYTHON) -c 'import sys; sys.exit("Stembus needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --require-hashes -r requirements/server.lock
	$(VENV)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/test: $(VENV)/base requirements/test.lock
	$(VENV)/bin/pip install --quiet --require-hashes -r requirements/test.lock
	@touch $@

demo: $(VENV)/base
	$(VENV)/bin/stembus demo $(ARGS)

check: $(VENV)/test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

test: check
	$(VENV)/bin/pytest $(ARGS)

bench: $(VENV)/base
	$(VENV)/bin/python -m scripts.bench $(ARGS)

lock:
	for set in base server test; do \
	  uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    $$(test $$set = base || echo --extra server --extra officials) $$(test $$set = test && echo --extra test) \
	    pyproject.toml requirements/build.in --output-file requirements/$$set.lock; \
	done

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
