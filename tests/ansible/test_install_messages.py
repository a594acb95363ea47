"""What the installation pages say about messages, against the programs that print them."""

import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_SOURCES = [
    *(_ROOT / "ansible").rglob("*.yml"),
    *(_ROOT / "ansible").rglob("*.py"),
    *(_ROOT / "proto").rglob("*.py"),
    *(_ROOT / "collector/tramgac_collector/identity").rglob("*.py"),
]


def quoted(page: str) -> list[str]:
    """The first cell of every row of the table of messages, when it is a quotation."""
    text = (_ROOT / "docs" / page).read_text()
    return re.findall(r"^\| `([^`]+)` \| [^|]+ \|$", text.split("| --- | --- |")[-1], re.MULTILINE)


def test_every_message_of_the_page_is_said_by_a_program() -> None:
    """Whoever looks a message up finds it as it was printed."""
    said = " ".join(" ".join(path.read_text().split()) for path in _SOURCES)
    pieces = [piece for text in quoted("install.md") for piece in text.split("...")]

    assert len(pieces) > 15
    assert [piece for piece in pieces if piece.strip(" ,") not in said] == []


@pytest.mark.parametrize("page", ["install.md", "install.vi.md"])
def test_both_languages_know_the_same_messages(page: str) -> None:
    """Messages are printed in English, so both pages quote them alike."""
    assert quoted(page) == quoted("install.md")
