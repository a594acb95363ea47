"""``tramgac-collector report``: give a report out, list those given out, print one again."""

import argparse
import getpass
import json
import os
import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from tramgac_collector.commands._store import changing, looking, row_number
from tramgac_collector.config import DEFAULT_PATH, Config, load_config
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.report import archive
from tramgac_collector.report.archive import BadReport, Given
from tramgac_collector.report.figures import NoSuchPlace
from tramgac_collector.report.model import Figures
from tramgac_collector.report.page import report_page
from tramgac_collector.rules.given import begin_ms
from tramgac_collector.web.words import LANGUAGES, VIETNAM, moment
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_OK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--from", dest="first", type=date.fromisoformat, metavar="DAY")
    parser.add_argument("--to", dest="last", type=date.fromisoformat, metavar="DAY")
    scope = parser.add_mutually_exclusive_group()
    scope.add_argument("--facility", default="", metavar="ID", help="only this one")
    scope.add_argument("--province", action="store_true", help="all of them; the default")
    parser.add_argument("--known-at", type=_known_at, help="what was learnt later is left out")
    parser.add_argument("--draft", action="store_true", help="look only: no number, not kept")
    parser.add_argument("--by", default="", help="who you are; else the user's name")
    _printing(parser, suppress=False)
    actions = parser.add_subparsers(dest="action")
    listing = actions.add_parser("list", help="reports that were given out")
    listing.add_argument("--json", action="store_true", default=argparse.SUPPRESS)
    listing.add_argument("--config", type=Path, default=argparse.SUPPRESS)
    show = actions.add_parser("show", help="print one again, as it was")
    show.add_argument("number", type=row_number, metavar="NO")
    _printing(show, suppress=True)


def _printing(parser: argparse.ArgumentParser, *, suppress: bool) -> None:
    """How to print; an action must not undo what was said before its name."""

    def default(value: object) -> Any:  # noqa: ANN401 - as argparse has it
        return argparse.SUPPRESS if suppress else value

    parser.add_argument("--lang", choices=LANGUAGES, default=default(LANGUAGES[0]))
    parser.add_argument("--out", type=Path, default=default(None), help="HTML file; else printed")
    parser.add_argument("--json", action="store_true", default=default(value=False))
    parser.add_argument("--config", type=Path, default=default(DEFAULT_PATH))


def _known_at(text: str) -> int:
    """A moment in ms; a day alone means its end, or now if that is still to come."""
    if "T" in text or " " in text:
        at = datetime.fromisoformat(text)
        return round((at if at.tzinfo else at.replace(tzinfo=VIETNAM)).timestamp() * 1000)
    return min(begin_ms(date.fromisoformat(text) + timedelta(days=1)) - 1, wall_ms())


def main(args: argparse.Namespace) -> int:
    """Give out, list or print again."""
    config = load_config(args.config)
    try:
        if args.action == "list":
            with looking(config) as connection:
                _tell(_listing(archive.listed(connection), as_json=args.json))
            return EXIT_OK
        if args.action == "show":
            with looking(config) as connection:
                given = archive.find(connection, args.number)
                _print(args, archive.read(connection, args.number), given)
            return EXIT_OK
        made, given = _make(args, config)
    except (BadReport, NoSuchPlace) as error:
        raise CommandFailed(str(error)) from error
    _print(args, made, given)
    return EXIT_OK


def _make(args: argparse.Namespace, config: Config) -> tuple[Figures, Given | None]:
    if args.first is None or args.last is None:
        raise CommandFailed("name the days: --from DAY --to DAY; or `report list`, `report show`")
    _check_target(args.out)
    now = wall_ms()
    window = archive.window_of(args.first, args.last, args.known_at or now, now)
    with looking(config) as connection:
        made = archive.prepare(connection, args.facility, window, now)
    if args.draft:
        return made, None
    # Read and written apart: a report of two hundred facilities must not hold up the writer.
    with changing(config) as connection:
        return made, archive.give_out(connection, made, args.by or getpass.getuser(), now)


def _print(args: argparse.Namespace, made: Figures, given: Given | None) -> None:
    if args.json:
        said = {"report": None if given is None else given._asdict()}
        text = json.dumps({**said, **msgspec.to_builtins(made)}, ensure_ascii=False)
    else:
        text = report_page(made, given, args.lang)
    if args.out is None:
        _tell(text)
        return
    number = "draft" if given is None else f"report {given.number}"
    try:
        _write(args.out, text)
    except OSError as error:
        raise CommandFailed(f"{number} is not written, {args.out}: {error.strerror}") from error
    sys.stderr.write(f"{number}: {args.out}\n")


def _write(path: Path, text: str) -> None:
    """Weak points of hospitals: for the eyes of whoever asked, also where the file was there."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        if path.is_file():
            os.fchmod(handle, 0o600)
        file.write(text)


def _check_target(path: Path | None) -> None:
    """A number is given for good: not for a report that nobody gets.

    Raises:
        CommandFailed: Nothing can be written there.
    """
    if path is not None and (path.is_dir() or not os.access(path.parent, os.W_OK)):
        raise CommandFailed(f"--out {path}: no file can be written there")


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _listing(reports: Sequence[Given], *, as_json: bool) -> str:
    if as_json:
        return json.dumps([one._asdict() for one in reports], ensure_ascii=False)
    lines = [f"{'NO':<7}{'SCOPE':<24}{'FROM':<12}{'TO':<12}{'KNOWN AT':<21}{'BY':<16}SHA256"]
    for one in reports:
        where, digest = one.scope or "province", one.sha256[:16]
        days = f"{one.from_day:<12}{one.to_day:<12}{moment(one.known_ms):<21}"
        lines.append(f"{one.number:<7}{where:<24}{days}{one.created_by:<16}{digest}")
    return "\n".join(lines)
