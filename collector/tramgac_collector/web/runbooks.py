"""Runbooks: what to do about a finding, as pages that ship with the program."""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

from tramgac_collector.notify.alertmanager import alert_name

_PACKAGE = Path(__file__).parents[1]
# A wheel carries them; in a checkout they are where people read them.
_FOLDERS = (_PACKAGE / "runbooks", _PACKAGE.parents[1] / "docs/runbooks")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{1,79}")
_LINK = re.compile(r"(?:([A-Za-z][A-Za-z0-9]{1,79})\.md)?(#[^\s#]{1,100})?")
# What everybody needs to know once; no finding has this name.
COMMON = "common"


class Runbook(NamedTuple):
    """One page in one language.

    Attributes:
        body: HTML; nothing of it comes from outside the program.
        gist: Its first sentence, as text.
    """

    name: str
    title: str
    gist: str
    body: str


def runbook_of(code: str) -> str:
    """The runbook of an incident's code; empty where this version has none."""
    name = alert_name(code)
    return name if name in _paths("vi") else ""


def names(language: str) -> list[str]:
    """Every runbook of a language, in order, without the common one."""
    return sorted(name for name in _paths(language) if name != COMMON)


def runbook(language: str, name: str) -> Runbook | None:
    """One as HTML, or None.

    Args:
        language: ``vi`` or ``en``; nothing else has any.
        name: As somebody asked for it; only one of the files that are there is read.
    """
    path = _paths(language).get(name)
    return None if path is None else _read(path)


# Only files that are there come here: whatever else is asked for takes no memory.
@cache
def _read(path: Path) -> Runbook:
    return _render(path.stem, path.read_text(encoding="utf-8"))


@cache
def _paths(language: str) -> Mapping[str, Path]:
    for folder in _FOLDERS:
        found = sorted((folder / language).glob("*.md")) if language in {"vi", "en"} else []
        if found:
            return {path.stem: path for path in found if _NAME.fullmatch(path.stem)}
    return {}


def _render(name: str, text: str) -> Runbook:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text)
    for at, token in enumerate(tokens):
        if token.type == "heading_open":
            token.attrSet("id", _anchor(tokens[at + 1].content))
        for child in token.children or ():
            _keep_inside(child)
    title, gist, *_rest = [one.content for one in tokens if one.type == "inline"] + [name, ""]
    return Runbook(name, title, gist, parser.renderer.render(tokens, parser.options, {}))


def _anchor(heading: str) -> str:
    """As the places where Markdown is read elsewhere make it."""
    plain = unicodedata.normalize("NFC", heading).lower()
    return re.sub(r"[^\w -]", "", plain).replace(" ", "-")


def _keep_inside(token: Token) -> None:
    """A link to another runbook leads there; any other leads nowhere without internet."""
    if token.type != "link_open":
        return
    found = _LINK.fullmatch(str(token.attrGet("href")))
    token.attrs = {} if found is None else {"href": f"{found[1] or ''}{found[2] or ''}"}
