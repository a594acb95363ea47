# make run   the main job on this machine's real data (loopback only, state in .run/)
# make test  every test
.PHONY: install run test check bench soak proto requirements docs dashboards dashboards-render dashboards-test demo-province ansible-check bundle packages clean

PY := .venv/bin/python
BIN := .venv/bin

install: .venv/installed

.venv/installed: pyproject.toml requirements/dev.txt
	python3 -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

run:
	scripts/system-packages run
	$(MAKE) --no-print-directory install
	exec $(PY) scripts/run_here.py

# A made-up province with its centre, and a typhoon day on top of it; loopback only, .run/demo/.
demo-province:
	scripts/system-packages test
	$(MAKE) --no-print-directory install
	PYTHONPATH=scripts:tests exec $(PY) -m demo

test:
	scripts/system-packages test
	scripts/other-restic trixie
	$(MAKE) --no-print-directory install
	$(PY) -m pytest -m "not soak and not alone" -n 4 --dist loadfile
	$(PY) -m pytest -m "alone and not soak"

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy agent collector proto scripts tests dashboards
	$(BIN)/mypy --python-version 3.10 agent proto
	$(BIN)/lint-imports
	$(BIN)/buf lint proto
	scripts/check-proto

bench:
	scripts/system-packages bench
	$(MAKE) --no-print-directory install
	PYTHONPATH=scripts:tests $(PY) -m bench

soak:
	scripts/system-packages bench
	scripts/other-restic trixie sid
	$(MAKE) --no-print-directory install
	$(PY) -m pytest -m soak
	PYTHONPATH=scripts:tests $(PY) -m bench --full

proto:
	scripts/gen-proto

docs:
	$(PY) scripts/gen-docs

# Dashboards, rules and examples anew from their one source.
dashboards: install
	PYTHONPATH=dashboards $(PY) -m tramgac_dashboards

# Every expression on a real Prometheus with a simulated province, the rules, and Grafana's own rules.
dashboards-test:
	scripts/system-packages test
	$(MAKE) --no-print-directory install
	$(PY) -m pytest -s tests/dashboards

# A picture of each dashboard in dist/dashboards; needs node, never part of `make test`.
dashboards-render:
	scripts/system-packages test
	$(MAKE) --no-print-directory install
	PYTHONPATH=scripts:tests $(PY) -m render --demo --choose facility=bvdk-tinh

requirements:
	scripts/lock-requirements

# The offline bundle, with every target that this machine can run proven; BUNDLE="--key FILE" signs it.
bundle: install
	scripts/bundle/make --prove $(BUNDLE)

# deb and rpm of the agent for this machine's kind, out of the same pins.
packages: install
	scripts/bundle/packages $(PACKAGES)

ansible-check:
	scripts/ansible-check

clean:
	rm -rf .run .venv .venv-proto .venv-ansible .tools
