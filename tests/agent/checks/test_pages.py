"""The pages of the checks: what they show must work as it stands there."""

import re
from pathlib import Path

import pytest

from tramgac_agent.checks import CHECKS, load
from tramgac_proto.compat import tomllib
from tramgac_proto.configfile import convert

PAGES = Path(__file__).parents[3] / "docs" / "checks"


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_the_settings_shown_on_a_page_load(name: str) -> None:
    """Every example with this check's section is a configuration the check takes."""
    page = (PAGES / f"{name}.md").read_text()
    trees = [tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", page, re.DOTALL)]
    sections = [tree["checks"][name] for tree in trees if name in tree.get("checks", {})]

    assert sections
    for section in sections:
        assert convert(section, load(name).settings_type, f"{name}.md").enabled
