"""``tramgac-collector lan plan|ledger``."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import Connection

from tramgac_collector.commands._store import inventory_in_force, looking
from tramgac_collector.config import DEFAULT_PATH, load_config
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.lan.ledger import Entry, overlaps, read_entries, read_refusals
from tramgac_collector.lan.mesh import Planned, plan
from tramgac_collector.web.words import moment
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_OK

_DAY_MS = 86_400_000
_MOST_DAYS = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    planned = actions.add_parser("plan", help="which paths are tested, and which cannot be")
    ledger = actions.add_parser("ledger", help="who tested when, and who was refused why")
    ledger.add_argument("--days", type=_days, default=1.0, help="how far back (1)")
    for one in (planned, ledger):
        one.add_argument("--facility", default="", help="only this one, by id")
        one.add_argument("--json", action="store_true")
        one.add_argument("--config", type=Path, default=DEFAULT_PATH)


def _days(text: str) -> float:
    days = float(text)
    if not 0 < days <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"from 0 to {_MOST_DAYS:g}")
    return days


def _plan(connection: Connection, args: argparse.Namespace) -> str:
    inventory = inventory_in_force(connection)
    if args.facility and inventory.facility(args.facility) is None:
        raise CommandFailed(f"no facility `{args.facility}`; `inventory check` shows the file's")
    found = list(plan(inventory, args.facility))
    if args.json:
        return json.dumps([asdict(one) for one in found])
    head = f"{'HOST':<40}{'TARGET':<24}{'KIND':<16}{'MBIT/S':>8}  NOT TESTED BECAUSE"
    return "\n".join([head, *map(_plan_line, found)])


def _plan_line(one: Planned) -> str:
    rate = "-" if one.expect_mbps is None else f"{one.expect_mbps:g}"
    place = f"{one.facility}/{one.site}/{one.host}"
    return f"{place:<39} {one.target or '-':<23} {one.kind:<15} {rate:>8}  {one.why_not}".rstrip()


def _entry_dict(entry: Entry) -> dict[str, object]:
    return {
        **asdict(entry.grant),
        "released_ms": entry.released_ms,
        "free_ms": entry.free_ms,
        "verdict": entry.verdict,
        "bytes": entry.bytes,
    }


def _ledger(connection: Connection, args: argparse.Namespace) -> str:
    since_ms = wall_ms() - int(args.days * _DAY_MS)
    # Overlaps are looked for among all: two facilities may share a line.
    everything = read_entries(connection, since_ms)
    found = [one for one in everything if _of(one.grant.site, args.facility)]
    refusals = [one for one in read_refusals(connection, since_ms) if _of(one.site, args.facility)]
    twice = overlaps(everything)
    if args.json:
        tree = {
            "tests": [_entry_dict(one) for one in found],
            "refusals": [asdict(one) for one in refusals],
            "overlaps": twice,
        }
        return json.dumps(tree)
    lines = [f"{'GRANTED (VIET NAM)':<21}{'FROM':<32}{'TO':<20}{'WAY':<9}{'PROVES':<10}ENDED"]
    lines += map(_test_line, found)
    lines += ["", f"{'REFUSED LAST':<21}{'FROM':<32}{'TO':<20}{'TIMES':>6}  WHY"]
    lines += [
        f"{moment(one.last_ms):<21}{one.site:<31} {one.target or '-':<19} "
        f"{one.count:>6}  {one.code}"
        for one in refusals
    ]
    return "\n".join([*lines, "", *_overlap_lines(twice)])


def _of(site: str, facility: str) -> bool:
    return not facility or site.partition("/")[0] == facility


def _test_line(entry: Entry) -> str:
    grant = entry.grant
    ended = entry.verdict or "not reported"
    return (
        f"{moment(grant.granted_ms):<21}{grant.site:<31} {grant.target:<19} "
        f"{grant.direction:<9}{grant.proves:<10}{ended}"
    )


def _overlap_lines(twice: list[tuple[str, str, str]]) -> Iterator[str]:
    if not twice:
        yield "No two tests loaded the same segment, uplink or line at once."
    for lock, first, second in twice:
        yield f"AT ONCE on {lock}: {first} and {second}"


_ACTIONS: dict[str, Callable[[Connection, argparse.Namespace], str]] = {
    "plan": _plan,
    "ledger": _ledger,
}


def main(args: argparse.Namespace) -> int:
    """Read the store and print; a running collector does not notice."""
    config = load_config(args.config)
    with looking(config) as connection:
        text = _ACTIONS[args.action](connection, args)
    sys.stdout.write(text + "\n")
    return EXIT_OK
