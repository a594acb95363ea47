"""``tramgac-collector rules ...``: packs, what they find, and what people lay beside it."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path

from sqlalchemy import Connection

from tramgac_collector.commands import _rules as show
from tramgac_collector.commands import _rules_entered as entered
from tramgac_collector.commands import _rules_signing as signing
from tramgac_collector.commands._store import changing, looking
from tramgac_collector.config import DEFAULT_PATH, load_config
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.rules import fixtures
from tramgac_collector.rules.library import FOLDER, Library, pack_files
from tramgac_collector.rules.lint import lint
from tramgac_collector.rules.manifest import changed
from tramgac_collector.rules.pack import PackError, read_pack
from tramgac_collector.rules.papers import FILE_NAME, lint_papers, read_papers
from tramgac_collector.rules.province import library_of, with_refusals
from tramgac_collector.rules.status import Status
from tramgac_collector.rules.stored import line_dict, lines, read_results
from tramgac_collector.rules.words import LANGUAGES
from tramgac_collector.web.words import VIETNAM
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_FAILED, EXIT_OK

_DAY_MS = 86_400_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="every rule and deadline, and what decides it")
    linting = actions.add_parser("lint", help="what is wrong with packs")
    testing = actions.add_parser("test", help="run the cases that are shipped with packs")
    for one in (linting, testing):
        one.add_argument("files", nargs="*", type=Path, help="packs; the shipped ones if none")
    evaluating = actions.add_parser("evaluate", help="judge now, or as of a day")
    evaluating.add_argument("--at", type=_moment, help="day or moment that is judged")
    evaluating.add_argument("--known-at", type=_moment, help="what was learnt later is left out")
    gaps = actions.add_parser("gaps", help="what somebody must act on, with the clause")
    deadlines = actions.add_parser("deadlines", help="days by which something must be done")
    for one in (evaluating, gaps, deadlines):
        one.add_argument("--facility", default="", help="only this one, by id")
    shown = [listing, linting, testing, evaluating, gaps, deadlines]
    for one in (*shown, *signing.add_arguments(actions), *entered.add_arguments(actions)):
        one.add_argument("--json", action="store_true")
        one.add_argument("--lang", choices=LANGUAGES, default=LANGUAGES[0])
        one.add_argument("--config", type=Path, default=DEFAULT_PATH, help="collector.toml")


def _moment(text: str) -> int:
    """A moment in ms; a day alone means its end, or now if that is still to come."""
    if "T" in text or " " in text:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=VIETNAM)
        return round(at.timestamp() * 1000)
    begin = datetime.combine(date.fromisoformat(text), time(), VIETNAM)
    return min(round(begin.timestamp() * 1000) + _DAY_MS - 1, wall_ms())


def _list(args: argparse.Namespace) -> str:
    library = _library(args)
    if args.json:
        return json.dumps(show.list_dict(library, args.lang), ensure_ascii=False)
    return show.list_table(library, args.lang)


def _library(args: argparse.Namespace) -> Library:
    """The shipped packs; with the province's own, where it has a folder for them."""
    config = load_config(args.config) if args.config.exists() else None
    if config is None or not config.rules.folder:
        return Library.read()
    with looking(config) as connection:
        return with_refusals(config.rules, connection)


def _files(args: argparse.Namespace) -> list[Path]:
    return args.files or list(pack_files(FOLDER))


def _lint(args: argparse.Namespace) -> tuple[str, bool]:
    told: list[dict[str, str]] = []
    packs = []
    for path in _files(args):
        try:
            pack = read_pack(path)
        except PackError as error:
            told.append({"file": path.name, "place": "", "text": str(error)})
            continue
        packs.append(pack)
        told += [{"file": path.name, "place": c.place, "text": c.text} for c in lint(pack)]
    if not args.files:
        told += [{"file": name, "place": c.place, "text": c.text} for name, c in changed(FOLDER)]
        found = lint_papers(packs, read_papers(FOLDER / FILE_NAME))
        told += [{"file": FILE_NAME, "place": c.place, "text": c.text} for c in found]
    if args.json:
        return json.dumps({"ok": not told, "packs": len(packs), "complaints": told}), not told
    rows = [f"{one['file']}: {one['place']}: {one['text']}" for one in told]
    return "\n".join([*rows, f"{len(packs)} packs, {len(told)} complaints"]), not told


def _test(args: argparse.Namespace) -> tuple[str, bool]:
    told, cases = [], 0
    for path in _files(args):
        pack = read_pack(path)
        cases += sum(len(rule.fixtures) for rule in pack.rules)
        for one in fixtures.run(pack):
            said = {"rule": one.rule, "case": one.name, "expected": one.expected.value}
            told.append({**said, "got": one.got.value, "reason": one.reason})
    if args.json:
        return json.dumps({"ok": not told, "cases": cases, "failed": told}), not told
    rows = [
        f"{one['rule']}: {one['case']}: {one['expected']} was expected, {one['got']} came out"
        f" ({one['reason']})"
        for one in told
    ]
    return "\n".join([*rows, f"{cases} cases, {len(told)} failed"]), not told


def _evaluate(connection: Connection, args: argparse.Namespace) -> str:
    now = wall_ms()
    at_ms = args.at or now
    known_ms = args.known_at or now
    if known_ms < at_ms:
        raise CommandFailed("--known-at lies before --at: nobody knew the future")
    found = show.evaluated(connection, args.facility, at_ms, known_ms, now)
    told = lines(library_of(connection), found, args.lang)
    if args.json:
        return json.dumps([line_dict(one) for one in told], ensure_ascii=False)
    return show.table(told, with_next=False)


def _gaps(connection: Connection, args: argparse.Namespace) -> str:
    found = [one for one in read_results(connection, args.facility) if one.is_gap]
    told = lines(library_of(connection), found, args.lang)
    if args.json:
        return json.dumps([line_dict(one) for one in told], ensure_ascii=False)
    return show.table(told, with_next=True)


def _deadlines(connection: Connection, args: argparse.Namespace) -> str:
    found = [
        one
        for one in read_results(connection, args.facility)
        if one.due_ms is not None and one.status is not Status.NOT_APPLICABLE
    ]
    found.sort(key=lambda one: (one.due_ms or 0, one.facility, one.rule))
    told = lines(library_of(connection), found, args.lang)
    now = wall_ms()
    if args.json:
        days = [{"days_left": show.days_left(one.stored, now), **line_dict(one)} for one in told]
        return json.dumps(days, ensure_ascii=False)
    return show.deadline_table(told, now)


_FILES: dict[str, Callable[[argparse.Namespace], tuple[str, bool]]] = {
    "list": lambda args: (_list(args), True),
    "lint": _lint,
    "test": _test,
    **signing.ON_FILES,
}
_READING: dict[str, Callable[[Connection, argparse.Namespace], str]] = {
    "evaluate": _evaluate,
    "gaps": _gaps,
    "deadlines": _deadlines,
    **entered.READING,
}


def main(args: argparse.Namespace) -> int:
    """Print, or enter what lies beside results; 1 when packs have faults."""
    good = True
    name = " ".join(filter(None, (args.action, getattr(args, "deed", ""))))
    try:
        if name in _FILES:
            text, good = _FILES[name](args)
        elif name in _READING:
            with looking(load_config(args.config)) as connection:
                text = _READING[name](connection, args)
        else:
            with changing(load_config(args.config)) as connection:
                text = entered.CHANGING[name](connection, args)
    except PackError as error:
        raise CommandFailed(str(error)) from error
    sys.stdout.write(text + "\n")
    return EXIT_OK if good else EXIT_FAILED
