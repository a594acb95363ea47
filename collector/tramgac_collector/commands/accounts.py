"""``tramgac-collector accounts ...``: who may log in, and what they see."""

import argparse
import getpass
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from tramgac_collector.commands._store import changing, inventory_in_force, looking
from tramgac_collector.config import DEFAULT_PATH, Config, load_config
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.web import accounts
from tramgac_collector.web.accounts import ROLES, AccountRefused, Doer, Wanted
from tramgac_collector.web.passwords import LONGEST
from tramgac_collector.web.words import moment
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_OK

_DONE = {
    "add": "may log in",
    "passwd": "has a new password; its logins ended",
    "facilities": "sees these facilities alone; its logins ended",
    "disable": "may not log in any more; `passwd` lets it in again",
    "remove": "is gone",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="the password is asked for, or read from stdin")
    add.add_argument("--role", choices=ROLES, required=True, help="province sees everything")
    add.add_argument("--facility", action="append", default=[], metavar="ID")
    add.add_argument("--duty", action="store_true", help="may acknowledge incidents")
    passwd = actions.add_parser("passwd", help="give it a new password; its logins end")
    places = actions.add_parser("facilities", help="what it sees from now on; its logins end")
    disable = actions.add_parser("disable", help="let it in no more; its logins end")
    remove = actions.add_parser("remove", help="forget it; the audit trail keeps what it did")
    for one in (add, passwd, places, disable, remove):
        one.add_argument("name")
        one.add_argument("--by", default="", help="who you are; else the user's name")
    places.add_argument("facility", nargs="+", metavar="ID", help="all of them, old ones too")
    listing = actions.add_parser("list", help="every account")
    sessions = actions.add_parser("sessions", help="every login that holds")
    for one in (listing, sessions):
        one.add_argument("--json", action="store_true")
    for one in (add, passwd, places, disable, remove, listing, sessions):
        one.add_argument("--config", type=Path, default=DEFAULT_PATH)


def main(args: argparse.Namespace) -> int:
    """Change or list accounts."""
    config = load_config(args.config)
    if args.action in {"list", "sessions"}:
        sys.stdout.write(_listed(config, args) + "\n")
        return EXIT_OK
    password = _password() if args.action in {"add", "passwd"} else ""
    try:
        _change(config, args, password)
    except AccountRefused as error:
        raise CommandFailed(str(error)) from None
    sys.stdout.write(f"{args.name} {_DONE[args.action]}\n")
    if args.action == "add" and not config.web.accounts:
        sys.stdout.write("nobody is asked for a login until [web] accounts = true\n")
    return EXIT_OK


def _change(config: Config, args: argparse.Namespace, password: str) -> None:
    with changing(config) as connection:
        doer = Doer(args.by or getpass.getuser(), wall_ms())
        if args.action == "add":
            _check_facilities(connection, args.facility)
            wanted = Wanted(args.name, args.role, args.facility, args.duty)
            accounts.add(connection, doer, wanted, password)
        elif args.action == "passwd":
            accounts.change_password(connection, doer, args.name, password)
        elif args.action == "facilities":
            _check_facilities(connection, args.facility)
            accounts.change_facilities(connection, doer, args.name, args.facility)
        elif args.action == "disable":
            accounts.disable(connection, doer, args.name)
        else:
            accounts.remove(connection, doer, args.name)


def _check_facilities(connection: Connection, wanted: Sequence[str]) -> None:
    known = inventory_in_force(connection)
    for facility in wanted:
        if known.facility(facility) is None:
            raise CommandFailed(f"the inventory has no facility {facility}")


def _password() -> str:
    """From the terminal, twice, or the first line of stdin; never from the command line."""
    if not sys.stdin.isatty():
        return sys.stdin.readline(LONGEST + 2).rstrip("\r\n")
    password = getpass.getpass("password: ")
    if getpass.getpass("again: ") != password:
        raise CommandFailed("these are not the same")
    return password


def _listed(config: Config, args: argparse.Namespace) -> str:
    with looking(config) as connection:
        if args.action == "list":
            found = accounts.listing(connection)
        else:
            found = accounts.sessions(connection, wall_ms())
    if args.json:
        return json.dumps(found, ensure_ascii=False, indent=1)
    return "\n".join(map(_account if args.action == "list" else _session, found)) or "none"


def _account(one: dict[str, Any]) -> str:
    last = one["last_login_unix_ms"]
    return (
        f"{one['name']:<24}{one['role']:<10}{'duty' if one['duty'] else '':<6}{one['state']:<10}"
        f"{moment(last) if last else 'never':<21}{' '.join(one['facilities'])}"
    )


def _session(one: dict[str, Any]) -> str:
    times = (moment(one[f"{name}_unix_ms"]) for name in ("begun", "seen", "ends"))
    return f"{one['account']:<24}{one['address']:<40}" + "  ".join(times)
