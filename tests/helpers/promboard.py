"""Committed dashboards as questions to Prometheus: what is asked, what must be in the answer."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from render.jobs import panels_of

from tramgac_dashboards import boards
from tramgac_dashboards.model import LANGUAGES, Language
from tramgac_dashboards.places import ROOT, uid

Tree = dict[str, Any]
_IN_LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_IN_LINK = re.compile(r"\$\{__field\.labels\.(\w+)\}")
_VALUE = re.compile(r"Value(?: #[A-Z])?")
_OF_LINK = re.compile(r"[?&]var-(\w+)=")


@dataclass(frozen=True, slots=True)
class Question:
    """One expression of a panel.

    Attributes:
        labels: Those that legend, links or columns read.
        table: Whether each row may lack some of them.
    """

    board: str
    panel: str
    ref: str
    expr: str
    labels: frozenset[str]
    table: bool
    instant: bool

    @property
    def name(self) -> str:
        """For people who read what failed."""
        return f"{self.board}: {self.panel}: {self.ref}"


@cache
def trees(language: Language) -> Mapping[str, Tree]:
    """Every committed dashboard by its name."""
    found: dict[str, Tree] = {}
    for name in boards.BOARDS:
        path = ROOT / "grafana" / language / f"{uid(name, language)}.json"
        found[name] = json.loads(path.read_text(encoding="utf-8"))
    return found


def every() -> Iterator[tuple[Language, str, Tree]]:
    """Language, name and tree of all of them."""
    for language in LANGUAGES:
        for name, tree in trees(language).items():
            yield language, name, tree


def shown(tree: Tree) -> list[Tree]:
    """Its panels without the headings."""
    return [panel for panel in panels_of(tree) if panel["type"] != "row"]


def columns(panel: Tree) -> Mapping[str, str]:
    """A table's columns: head by source."""
    found: dict[str, str] = {}
    for step in panel.get("transformations", []):
        if step["id"] == "organize":
            found |= step["options"]["renameByName"]
    return found


def links(panel: Tree) -> Iterator[tuple[str, str]]:
    """Address of each click on a value, and the label it reads where that is a column."""
    for link in panel["fieldConfig"]["defaults"].get("links", []):
        yield link["url"], ""
    heads = {head: source for source, head in columns(panel).items()}
    for override in panel["fieldConfig"]["overrides"]:
        for one in override["properties"]:
            if one["id"] == "links":
                source = heads[override["matcher"]["options"]]
                yield from ((link["url"], source) for link in one["value"])


def linked_variables(url: str) -> list[str]:
    """Variables that an address sets."""
    return _OF_LINK.findall(url)


def _labels(panel: Tree, target: Tree) -> frozenset[str]:
    found = set(_IN_LEGEND.findall(target["legendFormat"]))
    for url, _ in links(panel):
        found |= set(_IN_LINK.findall(url))
    if target.get("format") == "table":
        found |= {source for source in columns(panel) if not _VALUE.fullmatch(source)}
    return frozenset(found)


def questions(name: str, language: Language = "vi") -> list[Question]:
    """All that a dashboard asks."""
    return [
        Question(
            name, panel["title"], target["refId"], target["expr"], _labels(panel, target),
            panel["type"] == "table", bool(target.get("instant")),
        )
        for panel in shown(trees(language)[name])
        for target in panel["targets"]
    ]  # fmt: skip
