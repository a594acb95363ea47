"""CONTRIBUTING's way to a new check works as written."""

import logging
import re
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

from tramgac_agent import checks
from tramgac_agent.checks.base import AgentView, CheckSettings, Context, LeaseDesk
from tramgac_agent.runner import measure

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text()


def code_blocks() -> list[str]:
    blocks = re.findall(r"^   ```python\n(.*?)^   ```$", TEXT, re.MULTILINE | re.DOTALL)
    return [re.sub(r"^   ", "", block, flags=re.MULTILINE) for block in blocks]


def test_the_steps_add_a_working_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One file and one registry line give a check that measures."""
    source, line = code_blocks()
    name, target = re.findall(r'"([^"]+)"', line)
    module = ModuleType(target.partition(":")[0])
    exec(compile(source, target, "exec"), module.__dict__)  # noqa: S102 - the document's own code
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(checks.CHECKS, name, target)

    check = checks.load(name)(CheckSettings())
    view = AgentView(tmp_path, "", LeaseDesk())
    outcome = measure(check, Context(logging.getLogger(), tmp_path, threading.Event(), 5.0, view))

    assert check.name == name
    assert outcome.success
    assert [len(one.samples) for one in outcome.observations] == [1]


def test_the_steps_name_every_place_a_check_has() -> None:
    """File, registry, catalogue, test, cases and page are all mentioned."""
    for place in (
        "agent/tramgac_agent/checks/entropy.py",
        "agent/tramgac_agent/checks/__init__.py",
        "proto/tramgac_proto/catalogue.py",
        "tests/agent/checks/test_entropy.py",
        "tests/agent/checks/cases/entropy/",
        "docs/checks/entropy.md",
    ):
        assert place in TEXT
