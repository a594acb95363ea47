"""Runbooks: one for everything that may call somebody, and nothing in them that does not exist."""

import argparse
import json
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from itertools import groupby
from pathlib import Path

import pytest
import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tramgac_agent.__main__ import COMMANDS as AGENT
from tramgac_collector.__main__ import COMMANDS as COLLECTOR
from tramgac_collector.incidents.codes import CODES
from tramgac_collector.notify.alertmanager import alert_name
from tramgac_collector.web.runbooks import COMMON, runbook

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs/runbooks"
HEADINGS = {
    "en": ["Meaning", "Impact", "Diagnosis", "Mitigation", "Evidence to keep"],
    "vi": ["Ý nghĩa", "Ảnh hưởng", "Chẩn đoán", "Xử lý", "Bằng chứng cần giữ"],
}
# Told to Alertmanager by the collector; they are no incidents.
TOLD = {"RegulatoryGap", "Trial"}
TABLES = {"tramgac-agent": AGENT, "tramgac-collector": COLLECTOR}
# Words in capitals stand for what the reader puts there; a number must be one.
STANDS_FOR = {"N": "12", "NUMBER": "12"}
DESTROYS = re.compile(
    r"\b(reboot|poweroff|shutdown|restart|rm|kill|umount|fsck|mkfs|unlock|prune)\b"
)

Where = tuple[str, str]


def alerts() -> set[str]:
    found = set()
    for path in (ROOT / "dashboards/alerts").glob("*.yml"):
        for group in yaml.safe_load(path.read_text())["groups"]:
            found |= {rule["alert"] for rule in group["rules"] if "alert" in rule}
    return found


def pages(language: str) -> dict[str, Path]:
    return {path.stem: path for path in (PAGES / language).glob("*.md")}


def tokens(where: Where) -> list[Token]:
    language, name = where
    return MarkdownIt().enable("table").parse(pages(language)[name].read_text())


def headings(where: Where) -> list[tuple[str, str]]:
    found = tokens(where)
    return [
        (one.tag, found[at + 1].content)
        for at, one in enumerate(found)
        if one.type == "heading_open"
    ]


def code(found: list[Token]) -> Iterator[str]:
    """Each line of code, in blocks and between words."""
    for one in found:
        if one.type in {"code_block", "fence"}:
            yield from one.content.splitlines()
        for child in one.children or ():
            if child.type == "code_inline":
                yield child.content


def commands(where: Where) -> list[list[str]]:
    """Words of each of our commands; pipes, files and ``sudo`` around them are left out."""
    found = []
    for line in code(tokens(where)):
        if "tramgac-" not in line:
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        for mark, words in groupby(lexer, lambda word: set(word) <= set("();<>|&")):
            given = list(words)
            start = next((at for at, word in enumerate(given) if word in TABLES), None)
            # A name alone is the program, or its user, not a command.
            if not mark and start is not None and given[:1] in (["sudo"], [given[start]]):
                found.append(given[start:])
    return [one for one in found if len(one) > 1 and one[1] != "-s"]


def parse(words: list[str]) -> None:
    program, name, *rest = words
    if [name, *rest] == ["--version"]:
        return
    parser = argparse.ArgumentParser(prog=f"{program} {name}", exit_on_error=False)
    import_module(TABLES[program][name].module).add_arguments(parser)
    parser.parse_args([STANDS_FOR.get(word, word) for word in rest])


EVERY = sorted((language, name) for language in HEADINGS for name in pages(language))
ONES = [where for where in EVERY if where[1] != COMMON]


def test_everything_that_calls_somebody_has_its_page() -> None:
    """Every incident code and every alert, in both languages; and no page is without one."""
    wanted = {alert_name(one) for one in CODES} | alerts() | TOLD | {COMMON}

    for language in HEADINGS:
        assert set(pages(language)) == wanted


@pytest.mark.parametrize("where", ONES, ids="-".join)
def test_a_page_has_its_form(where: Where) -> None:
    """Title, one paragraph, the five headings in order, each with something; not too long."""
    language, name = where
    found = tokens(where)
    lines = pages(language)[name].read_text().splitlines()

    assert headings(where) == [("h1", name), *(("h2", one) for one in HEADINGS[language])]
    assert [one.type for one in found[3:7:3]] == ["paragraph_open", "heading_open"]
    assert 20 <= len(lines) <= 60
    assert max(map(len, lines)) <= 250
    starts = [at for at, one in enumerate(found) if one.type == "heading_open"]
    assert all(found[at + 3].type != "heading_open" for at in starts)


@pytest.mark.parametrize("where", EVERY, ids="-".join)
def test_every_command_is_taken_by_the_real_parser(where: Where) -> None:
    """Nobody reads `invalid choice` at 3 a.m."""
    found = commands(where)

    assert found
    for words in found:
        try:
            parse(words)
        except (argparse.ArgumentError, SystemExit, KeyError) as error:
            raise AssertionError(f"{' '.join(words)}: {error}") from error


@pytest.mark.parametrize("name", sorted({name for _, name in EVERY}))
def test_both_languages_say_the_same_commands(name: str) -> None:
    """What is typed is the same; only sentences between quotation marks differ."""
    typed = [
        sorted(
            [word for word in words if word.isascii() and " " not in word and word not in HEADINGS]
            for words in commands((language, name))
        )
        for language in HEADINGS
    ]

    assert typed[0] == typed[1]


@pytest.mark.parametrize("where", ONES, ids="-".join)
def test_the_first_step_destroys_nothing(where: Where) -> None:
    """No restart, no unlocking, no deleting before something else was done."""
    found = tokens(where)
    titles = [at for at, one in enumerate(found) if one.content in {"Mitigation", "Xử lý"}]
    first = next(at for at in range(titles[0], len(found)) if found[at].type == "list_item_open")
    step = found[first : next(at for at in range(first, len(found)) if "close" in found[at].type)]

    # A word alone is a name, not a command.
    assert not [line for line in code(step) if " " in line and DESTROYS.search(line)]


def test_every_metric_exists() -> None:
    """Names as the page of metrics lists them, which is made from the catalogue."""
    known = set(re.findall(r"tramgac_\w+", (ROOT / "docs/metrics.md").read_text()))
    named = {
        (metric, *where)
        for where in EVERY
        for metric in re.findall(r"(?<![\w:])tramgac_\w+(?!\w*:)", "\n".join(code(tokens(where))))
    }

    assert {
        one for one in named if re.sub(r"_(bucket|sum|count)$", "", one[0]) not in known
    } == set()
    assert len(named) > 20


def test_every_board_is_there() -> None:
    """By the name that stands on it, in the language of the page."""
    lost, named = [], 0
    for language, name in EVERY:
        titles = {
            json.loads(path.read_text())["title"].rpartition("/")[2].strip()
            for path in (ROOT / "dashboards/grafana" / language).glob("*.json")
        }
        text = pages(language)[name].read_text()
        shown = re.findall(r"(?:[Bb]oard|[Bb]ảng) \*([^*]+)\*", text)
        named += len(shown)
        lost += [(name, one) for one in shown if one not in titles]

    assert lost == []
    assert named > 20


def test_every_link_leads_to_a_runbook() -> None:
    """To one that is there, and to a heading that it has; nothing leads to the Internet."""
    lost = []
    for language, name in EVERY:
        for target in re.findall(r"\]\(([^)\s]*)\)", pages(language)[name].read_text()):
            page, _, anchor = target.partition("#")
            found = runbook(language, page.removesuffix(".md") or name)
            if found is None or (anchor and f'id="{anchor}"' not in found.body):
                lost.append((language, name, target))

    assert lost == []
