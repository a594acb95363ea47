"""The published rules of Grafana's dashboard linter, and ours, over every committed dashboard.

The linter itself is not at hand; its list of rules is: templated data source, title, description
and unit of panels, PromQL that parses, `$__rate_interval` in rates, matchers for what is chosen.
"""

import re
from collections import Counter
from itertools import combinations
from typing import Any

import pytest
from helpers.promboard import (
    Tree,
    columns,
    every,
    linked_variables,
    links,
    questions,
    shown,
    trees,
)
from helpers.promparts import honest, loosened, rates, selectors
from helpers.promql import existing, names
from render.choices import Window, filled

from tramgac_dashboards.palette import UNKNOWN
from tramgac_dashboards.places import ROOT, RUNBOOKS

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_FIXED = "5m"
_WIDE = 24
# The boards' rates over a fixed time; all say so in their titles or descriptions.
_HOURLY = {
    "fleet: tramgac_collector_refused_total": "a table of one hour, not a graph",
    "collector: tramgac_collector_refused_total": "the same",
    "collector: tramgac_collector_quarantined_total": "the same",
    "collector: tramgac_collector_live_refused_total": "the same",
    "collector: tramgac_collector_reloads_total": "the same",
}
# What a unit's value must be made of; units without a rule here are no measure.
_MADE_OF = {
    "s": r"seconds|time\(\)",
    "bytes": r"bytes",
    "Bps": r"bytes",
    "bps": r"bytes|bits|speed|throughput|8 \*|\* 8",
    "percentunit": r"ratio|/|avg|rate.*cpu_seconds",
    "celsius": r"celsius",
    "volt": r"volt",
    "cps": r"rate",
    "short": "",
    "none": "",
    "dateTimeFromNow": r"\* 1000",
    "dateTimeAsLocal": r"\* 1000",
}  # fmt: skip

BOARDS = pytest.mark.parametrize(
    "tree", [tree for _, _, tree in every()], ids=[tree["uid"] for _, _, tree in every()]
)


def _expressions(tree: Tree) -> list[str]:
    return [target["expr"] for panel in shown(tree) for target in panel["targets"]]


def _plain(expression: str) -> str:
    """With something in the place of each variable."""
    values = Window(0, 3_600, 15).variables(900) | {"__rate_interval": _FIXED, "__range": _FIXED}
    return re.sub(r"\$\w+", "x", filled(expression, values))


@BOARDS
def test_head(tree: Tree) -> None:
    """Its address is fixed, nobody edits it by hand, its time zone is said."""
    language = tree["uid"].rpartition("-")[2]
    path = ROOT / "grafana" / language / f"{tree['uid']}.json"
    assert path.is_file()
    assert tree["editable"] is False
    assert "id" not in tree
    assert {"tramgac", f"tramgac-{language}"} <= set(tree["tags"])
    assert tree["timezone"] == "Asia/Ho_Chi_Minh"
    assert tree["schemaVersion"] >= 39
    assert tree["title"]
    assert tree["description"]


def test_addresses_are_unique() -> None:
    """No board hides another one."""
    assert [
        uid for uid, times in Counter(t["uid"] for _, _, t in every()).items() if times > 1
    ] == []


@BOARDS
def test_source_is_chosen_by_people(tree: Tree) -> None:
    """Panels, questions and choices are tied to no single Prometheus."""
    first, *others = tree["templating"]["list"]
    assert (first["type"], first["query"]) == ("datasource", "prometheus")
    held = [*others, *shown(tree), *(t for panel in shown(tree) for t in panel["targets"])]
    assert [one for one in held if one["datasource"] != _SOURCE] == []


@BOARDS
def test_panels_say_what_they_are(tree: Tree) -> None:
    """Title, description, unit, a word for nothing; a bare number has words for its values."""
    bare = []
    for panel in shown(tree):
        look = panel["fieldConfig"]["defaults"]
        told = [panel["title"], panel["description"], look["unit"], look["noValue"]]
        meant = any(one["type"] == "value" for one in look["mappings"])
        if not all(told) or (look["unit"] == "none" and not meant and panel["type"] != "table"):
            bare.append(panel["title"])
    assert bare == []
    assert [panel["title"] for panel in tree["panels"] if not panel["title"]] == []


def _looks(panel: Tree) -> list[tuple[str, Tree]]:
    """Of the panel and of each column: a name for it, and what it sets."""
    found: list[tuple[str, Tree]] = [(panel["title"], panel["fieldConfig"]["defaults"])]
    for one in panel["fieldConfig"]["overrides"]:
        look = {part["id"]: part["value"] for part in one["properties"]}
        found.append((f"{panel['title']}: {one['matcher']['options']}", look))
    return found


def _colours(look: Tree) -> set[str]:
    """By its steps, and by what single values mean."""
    steps = [one["color"] for one in look.get("thresholds", {}).get("steps", [])]
    meant = [
        result.get("color", "")
        for one in look.get("mappings", [])
        if one["type"] == "value"
        for result in one["options"].values()
    ]
    return {*steps, *meant} - {""}


def _nothing(look: Tree) -> list[str]:
    """The colours of null and NaN."""
    return [
        one["options"]["result"].get("color", "")
        for one in look.get("mappings", [])
        if one["type"] == "special" and one["options"]["match"] == "null+nan"
    ]


@BOARDS
def test_nothing_known_is_grey(tree: Tree) -> None:
    """Wherever a value has a colour: without its own, nothing would have the lowest step's."""
    told = [(name, look) for panel in shown(tree) for name, look in _looks(panel)]
    coloured = [(name, look) for name, look in told if _colours(look) - {UNKNOWN}]
    assert coloured
    assert [name for name, look in coloured if _nothing(look) != [UNKNOWN]] == []
    assert [name for name, look in coloured if not look.get("noValue")] == []


def _units(panel: Tree) -> list[tuple[str, str]]:
    """Unit and expression of each value that a panel shows."""
    asked = {target["refId"]: target["expr"] for target in panel["targets"]}
    if panel["type"] != "table":
        unit = panel["fieldConfig"]["defaults"]["unit"]
        return [(unit, expression) for expression in asked.values()]
    heads = {head: source for source, head in columns(panel).items()}
    found = []
    for override in panel["fieldConfig"]["overrides"]:
        source = heads[override["matcher"]["options"]]
        if source.startswith("Value"):
            units = [one["value"] for one in override["properties"] if one["id"] == "unit"]
            found += [(unit, asked[source.partition("#")[2] or "A"]) for unit in units]
    return found


@BOARDS
def test_units_fit_what_is_measured(tree: Tree) -> None:
    """Seconds are shown as seconds, bytes as bytes, shares as shares."""
    wrong = [
        (panel["title"], unit)
        for panel in shown(tree)
        for unit, expression in _units(panel)
        if unit not in _MADE_OF or not re.search(_MADE_OF[unit], expression)
    ]
    assert wrong == []


@BOARDS
def test_columns_are_answered(tree: Tree) -> None:
    """Each value column names a question of its table, each question has a column."""
    for panel in shown(tree):
        if panel["type"] != "table":
            continue
        sources = {one for one in columns(panel) if one.startswith("Value")}
        asked = {target["refId"] for target in panel["targets"]}
        letters = {one.partition("#")[2] or "A" for one in sources}
        assert letters <= asked, panel["title"]
        heads = set(columns(panel).values())
        assert len(heads) == len(columns(panel)), panel["title"]
        assert {one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]} <= heads
        assert {one["displayName"] for one in panel["options"].get("sortBy", [])} <= heads


@BOARDS
def test_questions_parse_and_read_what_exists(tree: Tree) -> None:
    """Metrics of the catalogue, the collector's, recorded ones and Prometheus's own."""
    known = existing()
    unknown = {name for one in _expressions(tree) for name in names(_plain(one)) - known}
    assert unknown == set()
    asked = [
        one["query"]["query"].removeprefix("label_values(").rpartition(",")[0]
        for one in tree["templating"]["list"]
        if one["type"] == "query"
    ]
    assert {name for one in asked for name in names(_plain(one))} <= known


@BOARDS
def test_rates_follow_the_scrapes(tree: Tree) -> None:
    """Over `$__rate_interval`, or over all that is shown; exceptions have a reason."""
    board = tree["uid"].split("-")[1]
    fixed = {
        f"{board}: {next(iter(names(_plain(one))))}"
        for expression in _expressions(tree)
        for one in rates(_plain(expression))
        if f"[{_FIXED}]" not in one
    }
    assert fixed <= _HOURLY.keys()


@BOARDS
def test_variables_that_are_used_exist_and_are_used(tree: Tree) -> None:
    """Instead of job and instance, which one collector has, boards select by place."""
    offered = {one["name"] for one in tree["templating"]["list"]} - {"datasource"}
    text = " ".join(
        [*_expressions(tree), *(str(one.get("query")) for one in tree["templating"]["list"])]
    )
    # `$1` is of `label_replace`, and no name of a variable.
    used = {one for one in re.findall(r"\$\{?([a-z]\w*)", text) if not one.startswith("__")}
    assert used == offered


def _overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "w"), ("y", "h"))
    )


@BOARDS
def test_panels_lie_beside_each_other(tree: Tree) -> None:
    """Within 24 columns, none on another, each with its own id."""
    places = [panel["gridPos"] for panel in tree["panels"]]
    assert [one for one in places if one["x"] < 0 or one["x"] + one["w"] > _WIDE] == []
    assert [pair for pair in combinations(places, 2) if _overlap(*pair)] == []
    ids = [panel["id"] for panel in tree["panels"]]
    assert len(ids) == len(set(ids))


def _lead(url: str, language: str) -> list[str]:
    """What is wrong with a click's address."""
    found = re.match(r"/d/tramgac-(\w+)-(\w+)\?", url)
    if found is None or found[2] != language or found[1] not in trees("vi"):
        return [f"leads nowhere: {url}"]
    there = {one["name"] for one in trees("vi")[found[1]]["templating"]["list"]}
    given = linked_variables(url)
    wrong = [f"{url}: no {one} there" for one in set(given) - there]
    # Names of hosts and series repeat between facilities.
    return wrong + [f"{url}: whose?" for _ in given if "facility" not in given]


@BOARDS
def test_clicks_lead_to_boards(tree: Tree) -> None:
    """In the same language, with choices that are there, always with the facility."""
    language = tree["uid"].rpartition("-")[2]
    single = {one["name"] for one in tree["templating"]["list"] if one.get("multi") is False}
    wrong: list[str] = []
    for panel in shown(tree):
        heads = columns(panel).values()
        for url, source in links(panel):
            wrong += _lead(url, language)
            if source and f"var-{source}=${{__value.raw}}" not in url:
                wrong.append(f"{url}: not what the column holds")
            wrong += [url for one in re.findall(r'fields\["(.*?)"\]', url) if one not in heads]
            wrong += [url for one in re.findall(r"\$\{([a-z]+)\}", url) if one not in single]
    assert wrong == []


def _runbooks(tree: Tree) -> list[str]:
    urls = [link["url"] for panel in shown(tree) for link in panel.get("links", [])]
    return sorted({one.removeprefix(f"{RUNBOOKS}/") for one in urls})


@BOARDS
def test_runbooks_exist(tree: Tree) -> None:
    """What a mark leads to is written, in the board's language."""
    language = tree["uid"].rpartition("-")[2]
    pages = _runbooks(tree)
    assert [one for one in pages if not one.startswith(f"{language}/")] == []
    folder = ROOT.parent / "docs/runbooks"
    assert [one for one in pages if not (folder / f"{one}.md").is_file()] == []


def test_exceptions_are_still_needed() -> None:
    """Each names a rate over a fixed time that a board still has."""
    asked: list[tuple[str, Any]] = [
        (one.board, one.expr) for board in trees("vi") for one in questions(board)
    ]
    for key in _HOURLY:
        board, _, metric = key.partition(": ")
        assert [one for one in asked if one[0] == board and f"({metric}[1h])" in one[1]], key


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("sum(a) or vector(0)", "sum(a)"),
        ("sum(a) or (0 * count(b))", "sum(a)"),
        ("sum(a or 0 * b)", "sum(a)"),
        ("a or absent(b)", "a"),
        ("a or b * 2", "a or b * 2"),
    ],
)
def test_made_up_values_are_no_data(given: str, left: str) -> None:
    """Only what stands in for an answer is taken away."""
    assert selectors(honest(given)) == selectors(left)
    assert (" or " in honest(given)) == (" or " in left)


@pytest.mark.parametrize(
    ("given", "gone"),
    [("a > 1", ">"), ("1 < a", "<"), ("count(a == 0)", "=="), ("a unless on (x) b", "unless")],
)
def test_comparisons_can_be_dropped(given: str, gone: str) -> None:
    """What is compared stays; one that answers 0 or 1 is no filter."""
    assert gone not in loosened(given)
    assert selectors(loosened(given)) == selectors("a")
    assert "bool" in loosened("a > bool 1")
