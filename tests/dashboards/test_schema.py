"""Dashboards against the schemas of Grafana's types; both languages alike but for their texts."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.promboard import Tree, every, shown, trees
from jsonschema import Draft7Validator

from tramgac_dashboards.model import LANGUAGES

_SCHEMAS = {
    path.stem: Draft7Validator(json.loads(path.read_text(encoding="utf-8")))
    for path in (Path(__file__).parent / "schemas").glob("*.json")
}
_VIETNAMESE = re.compile("[À-ỹ]")
# Words for people, wherever they stand; all else must be the same in both languages.
_TEXTS = frozenset({"title", "description", "label", "text", "noValue", "displayName"})
# The same in every language: names of boards in links, and what has only this name.
_SHORT = re.compile(r"[a-z]+|[A-Z]{2,4}|\W*")


def _faults(tree: Tree) -> Iterator[str]:
    for error in _SCHEMAS["dashboard"].iter_errors(tree):
        yield f"{error.json_path}: {error.message:.200}"
    for panel in shown(tree):
        custom = panel["fieldConfig"]["defaults"].get("custom", {})
        told = {"options": panel["options"], "custom": custom}
        for error in _SCHEMAS[panel["type"]].iter_errors(told):
            yield f"{panel['title']}: {error.json_path}: {error.message:.200}"


def _known(tree: Tree) -> Tree:
    """Without the one key that Grafana writes and its types lack."""
    tree = copy.deepcopy(tree)
    for variable in tree["templating"]["list"]:
        variable.pop("definition", None)
    return tree


def test_dashboards_are_what_grafana_calls_one() -> None:
    """No unknown key, no wrong type, no word that is none of Grafana's."""
    faults = [f"{tree['uid']}: {one}" for _, _, tree in every() for one in _faults(_known(tree))]
    assert faults == []


@pytest.mark.parametrize("key", ["refrsh", "id_"])
def test_a_misspelt_key_is_found(key: str) -> None:
    """The schemas do judge."""
    tree = _known(trees("vi")["province"]) | {key: "30s"}
    assert any(key in one for one in _faults(tree))
    tree = _known(trees("vi")["province"])
    shown(tree)[0]["options"][key] = 1
    assert any(key in one for one in _faults(tree))


def _written(key: str, tree: Tree) -> bool:
    """Whether ``tree[key]`` is something that people read."""
    if key in _TEXTS:
        return True
    if key == "value":
        return tree.get("id") == "noValue"
    return key == "options" and tree.get("id") == "byName"


def _skeleton(tree: Any, language: str, *, heads: bool = False) -> Any:
    """What both languages must share; ``heads``: its values are heads of columns."""
    if isinstance(tree, dict):
        return {
            re.sub(rf"_{language}$", "_L", key): "text"
            if isinstance(value, str) and (heads or _written(key, tree))
            else _skeleton(value, language, heads=key == "renameByName")
            for key, value in tree.items()
        }
    if isinstance(tree, list):
        return [_skeleton(one, language) for one in tree]
    if isinstance(tree, str):
        tree = re.sub(r'fields\["[^"]*"\]', "fields", tree)
        return re.sub(rf"(?<=[-_/]){language}\b", "L", tree)
    return tree


def _legends(tree: Tree) -> Tree:
    """Legends by their labels, since the words between are text."""
    tree = copy.deepcopy(tree)
    for panel in shown(tree):
        for target in panel["targets"]:
            target["legendFormat"] = re.findall(r"\{\{\w+\}\}", target["legendFormat"])
    return tree


@pytest.mark.parametrize("name", trees("vi"))
def test_both_languages_show_the_same(name: str) -> None:
    """Only texts, names of places and addresses differ."""
    vi, en = (_skeleton(_legends(trees(one)[name]), one) for one in LANGUAGES)
    assert vi == en


def _texts(tree: Any, *, heads: bool = False) -> Iterator[str]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if isinstance(value, str) and (heads or _written(key, tree)):
                yield value
            yield from _texts(value, heads=key == "renameByName")
    elif isinstance(tree, list):
        for one in tree:
            yield from _texts(one)


@pytest.mark.parametrize("name", trees("vi"))
def test_nobody_reads_a_language_that_is_not_theirs(name: str) -> None:
    """No Vietnamese letter in English texts, and no text that was left as it was."""
    english = set(_texts(trees("en")[name]))
    assert [one for one in english if _VIETNAMESE.search(one.replace("Trạm Gác", ""))] == []
    both = english & set(_texts(trees("vi")[name]))
    assert {one for one in both if not _SHORT.fullmatch(one)} == set()
