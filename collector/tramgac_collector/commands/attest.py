"""``tramgac-collector attest add|list|revoke|import``: documents and statements."""

import argparse
import getpass
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection

from tramgac_collector.commands._rules import in_force
from tramgac_collector.commands._store import changing, looking, row_number
from tramgac_collector.config import DEFAULT_PATH, load_config
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.inventory import strictyaml
from tramgac_collector.rules.clocks import EVENTS
from tramgac_collector.rules.given import Given, read_given
from tramgac_collector.rules.handing_in import CannotTake, HandedIn, Office
from tramgac_collector.rules.library import Library
from tramgac_collector.rules.papers import Paper
from tramgac_collector.rules.words import LANGUAGES
from tramgac_collector.web.words import VIETNAM, day
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_OK

_ROLES = ("DIR", "IT", "SYT", "VEN", "IND")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="enter one document or statement")
    add.add_argument("facility")
    add.add_argument("name", help=f"doc:... or att:... (`list --known`), or {', '.join(EVENTS)}")
    add.add_argument("--by", required=True, choices=_ROLES, help="whose word it is")
    add.add_argument("--subject", default="", help="system/ID, dataset/HOST/ID; else all of it")
    add.add_argument("--no", action="store_true", help="the answer is no")
    add.add_argument("--at", type=_moment, help="of what happened: when, 2026-11-20T10:00")
    add.add_argument("--issued", type=date.fromisoformat, help="day of the paper; today if none")
    add.add_argument("--until", type=date.fromisoformat, help="its last day")
    add.add_argument("--statement", default="", help="number, issuer, or the words")
    add.add_argument("--file", type=Path, help="the file that was shown; only its hash is kept")
    listing = actions.add_parser("list", help="what was handed in")
    listing.add_argument("--facility", default="", help="only this one, by id")
    listing.add_argument("--known", action="store_true", help="what can be handed in")
    revoke = actions.add_parser("revoke", help="take one back; it stays on record")
    revoke.add_argument("number", type=row_number)
    revoke.add_argument("--reason", required=True)
    importing = actions.add_parser("import", help="enter all of a YAML file, or none of it")
    importing.add_argument("file", type=Path)
    for one in actions.choices.values():
        one.add_argument("--json", action="store_true")
        one.add_argument("--lang", choices=LANGUAGES, default=LANGUAGES[0])
        one.add_argument("--config", type=Path, default=DEFAULT_PATH, help="collector.toml")


def _moment(text: str) -> int:
    at = datetime.fromisoformat(text)
    at = at if at.tzinfo else at.replace(tzinfo=VIETNAM)
    return round(at.timestamp() * 1000)


def _today() -> date:
    return datetime.now(VIETNAM).date()


def _papers() -> Mapping[str, Paper]:
    """What can be handed in; none by a list that is not the one that was shipped."""
    library = Library.read()
    if not library.papers:
        raise CommandFailed(library.refused[0].complaints[0].text)
    return library.papers


def _office(connection: Connection) -> Office:
    listed = dict(_papers())
    who = (f"cli:{getpass.getuser()}"[:64], wall_ms())
    return Office(connection, in_force(connection), listed, who)


def _add(connection: Connection, args: argparse.Namespace) -> str:
    value = "false" if args.no else "true"
    issued = args.issued or _today()
    if args.at is not None:
        value = str(args.at)
        issued = datetime.fromtimestamp(args.at / 1000, VIETNAM).date()
    one = HandedIn(
        facility=args.facility,
        name=args.name,
        subject=args.subject,
        value=value,
        issued_on=issued,
        until=args.until,
        given_by=args.by,
        statement=args.statement[:2000],
        evidence_sha256=_digest(args.file) if args.file else "",
    )
    number = _office(connection).take(one)
    return json.dumps({"number": number}) if args.json else f"#{number}: {one.name} entered"


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CommandFailed(f"{path}: cannot be read: {error.strerror}") from error


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``import`` reads."""

    papers: tuple[HandedIn, ...]


def _import(connection: Connection, args: argparse.Namespace) -> str:
    try:
        raw = args.file.read_bytes()
        if len(raw) > strictyaml.MAX_BYTES:
            raise CommandFailed(f"{args.file}: larger than {strictyaml.MAX_BYTES} bytes")
        told = msgspec.convert(strictyaml.parse(raw.decode("utf-8")) or {}, _File, strict=False)
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{args.file}: cannot be read: {error}") from error
    except (strictyaml.StrictYamlError, msgspec.ValidationError) as error:
        raise CommandFailed(f"{args.file}: {error}") from error
    office = _office(connection)
    numbers = []
    for place, one in enumerate(told.papers):
        try:
            numbers.append(office.take(one))
        except CannotTake as error:
            raise CommandFailed(f"{args.file}: papers[{place}]: {error}; none entered") from error
    return json.dumps({"numbers": numbers}) if args.json else f"{len(numbers)} papers entered"


def _revoke(connection: Connection, args: argparse.Namespace) -> str:
    _office(connection).take_back(args.number, args.reason)
    return json.dumps({"number": args.number}) if args.json else f"#{args.number}: taken back"


def _list(connection: Connection, args: argparse.Namespace) -> str:
    if args.known:
        return _known(args)
    found = read_given(connection, args.facility)
    if args.json:
        return json.dumps([_dict(one) for one in found], ensure_ascii=False)
    return _table(found)


def _known(args: argparse.Namespace) -> str:
    listed = _papers().values()
    if args.json:
        rows = [
            {
                "name": one.id,
                "title": getattr(one.title, args.lang),
                "given_by": one.given_by,
                "valid_days": one.valid_days,
            }
            for one in listed
        ]
        return json.dumps(rows, ensure_ascii=False)
    return "\n".join(
        f"{one.id:<36}{one.given_by:<5}{getattr(one.title, args.lang)}" for one in listed
    )


def _dict(one: Given) -> dict[str, Any]:
    return {**one._asdict(), "issued_on": one.issued_on.isoformat()}


def _table(found: Sequence[Given]) -> str:
    rows = [f"{'NO':<6}{'FACILITY':<22}{'ISSUED':<12}{'UNTIL':<12}{'BY':<5}{'SAYS':<7}NAME"]
    for one in found:
        until = "-" if one.expires_ms is None else day(one.expires_ms - 1)
        back = "  (taken back)" if one.revoked_ms is not None else ""
        about = f"  {one.subject}" if one.subject else ""
        rows.append(
            f"{one.id:<6}{one.facility:<22}{one.issued_on:%d/%m/%Y}  {until:<12}{one.given_by:<5}"
            f"{one.value[:6]:<7}{one.name}{about}{back}"
        )
    return "\n".join(rows)


_CHANGING: dict[str, Callable[[Connection, argparse.Namespace], str]] = {
    "add": _add,
    "import": _import,
    "revoke": _revoke,
}


def main(args: argparse.Namespace) -> int:
    """Enter, list or take back."""
    config = load_config(args.config)
    try:
        if args.action == "list":
            with looking(config) as connection:
                text = _list(connection, args)
        else:
            with changing(config) as connection:
                text = _CHANGING[args.action](connection, args)
    except CannotTake as error:
        raise CommandFailed(str(error)) from error
    sys.stdout.write(text + "\n")
    return EXIT_OK
