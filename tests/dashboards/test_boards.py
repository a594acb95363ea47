"""Boards: what is committed is what their source makes, in both languages."""

from pathlib import Path

import pytest

from tramgac_dashboards import boards
from tramgac_dashboards.__main__ import files
from tramgac_dashboards.places import ROOT


def test_what_is_committed_is_what_the_source_makes() -> None:
    """`make dashboards` would change nothing."""
    made = dict(files())
    stored = {path: path.read_text(encoding="utf-8") for path in (ROOT / "grafana").rglob("*.json")}
    assert {path.name for path in made} == {path.name for path in stored}
    assert [path.name for path, text in made.items() if stored[path] != text] == []


def test_every_board_is_registered() -> None:
    """A file in `boards/` is in the list, and the list names only files."""
    folder = Path(boards.__file__).parent
    found = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {name for name in found if not name.startswith("_")} == set(boards.BOARDS)


@pytest.mark.parametrize("name", boards.BOARDS)
def test_a_board_is_named_like_its_file(name: str) -> None:
    """Its address never changes by accident."""
    assert boards.load(name).name == name
