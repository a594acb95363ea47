"""``tramgac-collector incidents [list|show|ack|hand-over|close-note]``."""

import argparse
import getpass
import json
import sys
from pathlib import Path
from typing import Any

from tramgac_collector.commands._store import changing, looking, row_number
from tramgac_collector.config import DEFAULT_PATH, load_config
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.incidents import ledger
from tramgac_collector.incidents.ledger import Doer
from tramgac_collector.notify.acks import NotAcknowledged, acknowledge
from tramgac_collector.web.words import moment
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_OK

# As long as `[notify] ack_minutes` may be: a week.
_MOST_MINUTES = 10_080
_HEAD = f"{'NO':<7}{'SEVERITY':<10}{'CODE':<28}{'SINCE':<21}{'CAUSE':<24}NODE"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="what is open now")
    listing.add_argument("--facility", default="", help="only this one, by id")
    listing.add_argument("--all", action="store_true", help="those that are over as well")
    show = actions.add_parser("show", help="one incident and its record")
    ack = actions.add_parser("ack", help="say that you work on it; it expires")
    ack.add_argument("--minutes", type=float, default=240.0)
    ack.add_argument("--note", default="")
    over = actions.add_parser("hand-over", help="a vendor's or carrier's clock")
    over.add_argument("--to", default="", metavar="VENDOR", help="who was told")
    over.add_argument("--moment", choices=("told", "answered", "fixed"), default="told")
    close = actions.add_parser("close-note", help="write down what it was; evidence closes it")
    for one in (show, ack, over, close):
        one.add_argument("incident", type=row_number, metavar="NO")
    close.add_argument("text")
    for one in (listing, show):
        one.add_argument("--json", action="store_true")
    for one in (ack, over, close):
        one.add_argument("--by", default="", help="who you are; else the user's name")
    for one in (listing, show, ack, over, close):
        one.add_argument("--config", type=Path, default=DEFAULT_PATH)


def main(args: argparse.Namespace) -> int:
    """List, show, or record what people did."""
    try:
        text = _look(args) if args.action in {"list", "show"} else _act(args)
    except (ledger.Unknown, NotAcknowledged) as error:
        raise CommandFailed(str(error)) from error
    sys.stdout.write(f"{text}\n")
    return EXIT_OK


def _look(args: argparse.Namespace) -> str:
    found: list[dict[str, Any]] | dict[str, Any]
    with looking(load_config(args.config)) as connection:
        if args.action == "show":
            found = ledger.read(connection, args.incident)
        else:
            found = ledger.find(connection, facility=args.facility, closed=args.all)
    if args.json:
        return json.dumps(found, ensure_ascii=False, indent=1)
    if isinstance(found, list):
        return "\n".join([_HEAD, *map(_line, found)])
    return _page(found)


def _line(one: dict[str, Any]) -> str:
    over = "" if one["closed_unix_ms"] is None else f"  (-> {moment(one['closed_unix_ms'])})"
    return (
        f"{one['incident']:<7}{one['severity']:<10}{one['code']:<28}"
        f"{moment(one['opened_unix_ms']):<21}{one['cause'] or '-':<24}{one['node']}{over}"
    )


def _page(one: dict[str, Any]) -> str:
    lines = [_HEAD, _line(one)]
    for name in ("inside", "down"):
        lines += [f"  {name}: {', '.join(one[name])}"] if one[name] else []
    if one["vendor"]:
        lines.append(f"  vendor: {one['vendor']}")
    for event in one["events"]:
        said = " ".join(f"{key}={value}" for key, value in event["detail"].items())
        lines.append(
            f"  {moment(event['at_unix_ms'])}  {event['kind']:<14}{event['actor']:<16}{said}"
        )
    return "\n".join(lines)


def _act(args: argparse.Namespace) -> str:
    doer = Doer(args.by or getpass.getuser(), wall_ms())
    if args.action == "ack" and not 0 < args.minutes <= _MOST_MINUTES:
        raise CommandFailed(f"--minutes is above 0 and at most {_MOST_MINUTES}")
    with changing(load_config(args.config)) as connection:
        if args.action == "hand-over":
            ledger.hand_over(connection, args.incident, doer, args.to, args.moment)
            return f"incident {args.incident}: {args.moment} {moment(doer.now_ms)}"
        if args.action == "close-note":
            ledger.close_note(connection, args.incident, doer, args.text)
            return f"incident {args.incident}: noted"
        until = acknowledge(
            connection, args.incident, doer.name,
            how="cli", now_ms=doer.now_ms, minutes=args.minutes, text=args.note,
        )  # fmt: skip
        return f"incident {args.incident}: acknowledged until {moment(until)}"
