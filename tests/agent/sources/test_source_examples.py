"""The page on sources: its examples are what a probe takes."""

import re
from pathlib import Path

import pytest

from tramgac_agent.sources import SOURCES
from tramgac_agent.sources.settings import read_source

PAGE = (Path(__file__).parents[3] / "docs/sources.md").read_text()
EXAMPLES = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_every_example_loads(number: int, tmp_path: Path) -> None:
    """As it stands on the page, with every key known and in bounds."""
    config = tmp_path / "probe.toml"
    config.write_text(EXAMPLES[number])
    settings = read_source(config).settings

    assert f'id = "{settings.series_ids[0]}"' in EXAMPLES[number]


def test_each_product_has_an_example() -> None:
    """Only restic's stands on a page of its own."""
    sources = {
        name for one in EXAMPLES for name in re.findall(r'^source = "(\w+)"', one, re.MULTILINE)
    }

    assert sources == SOURCES.keys() - {"restic"}
