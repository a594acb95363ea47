"""``tramgac-collector maintenance [add|list|end]``."""

import argparse
import getpass
import json
import sys
from pathlib import Path

from tramgac_collector.commands._store import changing, looking, row_number
from tramgac_collector.config import DEFAULT_PATH, load_config
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.incidents import ledger
from tramgac_collector.incidents.ledger import Doer
from tramgac_collector.incidents.tree import Tree
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.versions import newest
from tramgac_collector.web.words import moment
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_OK

_HOUR_MS = 3_600_000
_MOST_HOURS = 24 * 31
_MOST_AHEAD_HOURS = 24 * 366


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    add = actions.add_parser("add", help="no alarm from there meanwhile; measuring goes on")
    add.add_argument(
        "node",
        help="FACILITY[/SITE[/HOST]], provider:ID, link:ID or system:FACILITY/ID",
    )
    add.add_argument("--hours", type=float, default=2.0)
    add.add_argument("--in-hours", type=float, default=0.0, help="when it begins")
    add.add_argument("--reason", required=True)
    listing = actions.add_parser("list", help="what is planned, now or later")
    listing.add_argument("--json", action="store_true")
    end = actions.add_parser("end", help="end it at once")
    end.add_argument("maintenance", type=row_number, metavar="NO")
    for one in (add, end):
        one.add_argument("--by", default="", help="who you are; else the user's name")
    for one in (add, listing, end):
        one.add_argument("--config", type=Path, default=DEFAULT_PATH)


def main(args: argparse.Namespace) -> int:
    """Plan, list or end planned work."""
    config = load_config(args.config)
    if args.action == "list":
        with looking(config) as connection:
            found = ledger.plans(connection, wall_ms())
        text = json.dumps(found, ensure_ascii=False, indent=1) if args.json else _table(found)
        sys.stdout.write(f"{text}\n")
        return EXIT_OK
    doer = Doer(args.by or getpass.getuser(), wall_ms())
    with changing(config) as connection:
        if args.action == "end":
            try:
                ledger.end_plan(connection, doer, args.maintenance)
            except ledger.Unknown as error:
                raise CommandFailed(str(error)) from error
            sys.stdout.write(f"maintenance {args.maintenance}: over\n")
            return EXIT_OK
        version = newest(connection)
        inventory = parse_inventory(version.document, "inventory") if version else Inventory()
        if not Tree(inventory).knows(args.node):
            raise CommandFailed(f"the inventory has no {args.node}; see `maintenance add --help`")
        if not 0 < args.hours <= _MOST_HOURS:
            raise CommandFailed(f"--hours is above 0 and at most {_MOST_HOURS}")
        if not 0 <= args.in_hours <= _MOST_AHEAD_HOURS:
            raise CommandFailed(f"--in-hours is from 0 to {_MOST_AHEAD_HOURS}")
        begin = doer.now_ms + round(args.in_hours * _HOUR_MS)
        span = (begin, begin + round(args.hours * _HOUR_MS))
        number = ledger.plan(connection, doer, args.node, span, args.reason)
    sys.stdout.write(f"maintenance {number}: {args.node} until {moment(span[1])}\n")
    return EXIT_OK


def _table(found: list[dict[str, object]]) -> str:
    lines = [f"{'NO':<7}{'FROM':<21}{'UNTIL':<21}{'BY':<16}NODE"]
    for one in found:
        begin, end = (moment(int(str(one[f"{name}_unix_ms"]))) for name in ("from", "until"))
        lines.append(
            f"{one['maintenance']:<7}{begin:<21}{end:<21}{_by(one):<16}{one['node']}"
            f"  {one['reason']}{_refused(one)}"
        )
    return "\n".join(lines)


def _by(one: dict[str, object]) -> str:
    return "the host" if one["origin"] == "host" else str(one["entered_by"])


def _refused(one: dict[str, object]) -> str:
    return f"  (does not count: {one['refused']})" if one["refused"] else ""
