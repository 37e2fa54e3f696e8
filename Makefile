# SPDX-License-Identifier: GPL-3.0-or-later
# The verbs. Each makes ready what it needs, says so before it does, and can be run as root or as an ordinary user.
.POSIX:
.PHONY: help quickstart test lint types bench bench-archive docs build provision-run provision-dev

PY = .venv/bin/python
PAIRS =
COUNT = 30
# the release of this machine, if it is a release of Debian that has a name, else the current stable one
SUITE = $$(. /etc/os-release; [ "$$ID" = debian ] && echo "$${VERSION_CODENAME:-trixie}" || echo trixie)
# what quickstart builds; another one: make quickstart PACKAGE=grep SUITE=sid
PACKAGE = hello
# Django's settings want a data directory, even where only types are checked
SCRATCH = DEBUSINE_DATA_DIR=$${DEBUSINE_DATA_DIR:-$$(mktemp -d)}

help:
	@echo 'make quickstart  install what is needed, then build a Debian package and show how it went'
	@echo 'make test        install what the tests need, then run all checks and tests'
	@echo 'make lint        style, formatting, import contracts'
	@echo 'make types       the type checker'
	@echo 'make bench       measure this machine: a table of ratios, nothing passes or fails;'
	@echo '                 building through tasks and without (task_costs.py) takes some ten minutes;'
	@echo '                 PAIRS=10 also builds hello so many times with and without the server'
	@echo 'make bench-archive  build sources of the mirror, compare with bare sbuild; COUNT=30'
	@echo 'make docs        generate, check and render the documentation'
	@echo 'make build       source distribution and wheel in dist/'

quickstart: provision-run
	@.venv/bin/debusine build "$(PACKAGE)" --suite "$(SUITE)"

test:
	@scripts/test

lint: provision-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	.venv/bin/lint-imports

types: provision-dev
	$(SCRATCH) $(PY) -m mypy src bench

bench: provision-dev
	@for file in bench/*_costs.py bench/queue_properties.py; do $(PY) "$$file" || exit 1; done
	@[ -z "$(PAIRS)" ] || $(PY) bench/hello_pairs.py --pairs "$(PAIRS)"

bench-archive: provision-dev
	@$(PY) bench/archive.py --count "$(COUNT)"

docs: provision-dev
	@$(SCRATCH) $(PY) scripts/docs

build: provision-dev
	$(PY) -m hatchling build

provision-run:
	@scripts/provision run

provision-dev:
	@scripts/provision dev
