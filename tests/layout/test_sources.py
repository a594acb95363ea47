"""Every backup product we read has its test and its section."""

import re
from pathlib import Path

import pytest

from tramgac_agent.sources import SOURCES, load
from tramgac_agent.sources.base import SourceSettings

ROOT = Path(__file__).parents[2]
# Older than the other sources, and tested as the probe that it was.
TESTS = {"restic": "tests/agent/backup/test_probe.py"}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_source_keeps_the_contract(name: str) -> None:
    """Name and strict settings are there; its test and its section stand beside it."""
    source = load(name)
    page = (ROOT / "docs/sources.md").read_text()
    titles = {title.lower() for title in re.findall(r"^## (.+)$", page, re.MULTILINE)}

    assert source.name == name
    assert issubclass(source.settings_type, SourceSettings)
    assert source.settings_type.__struct_config__.forbid_unknown_fields
    assert (ROOT / TESTS.get(name, f"tests/agent/sources/test_{name}.py")).is_file()
    assert name in titles
    assert f"| `{name}` |" in page


def test_the_registry_is_in_order() -> None:
    """So that two people who add a line do not write the same one."""
    assert list(SOURCES) == sorted(SOURCES)
