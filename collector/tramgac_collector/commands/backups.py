"""``tramgac-collector backups [explain|drills|drill-record]``."""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from tramgac_collector.backups.declared import Declarations
from tramgac_collector.backups.listing import explanation, explanation_dict, row_dict, table
from tramgac_collector.backups.record_page import drill_page, drill_text
from tramgac_collector.backups.records import (
    StoredDrill,
    evidence_of,
    find_drills,
    list_drills,
)
from tramgac_collector.backups.rows import judge_one, list_rows
from tramgac_collector.commands._store import inventory_in_force, looking
from tramgac_collector.config import DEFAULT_PATH, load_config
from tramgac_collector.facts.stored import StoredFacts
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.web.words import LANGUAGES, moment
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_OK

_KEEP = argparse.SUPPRESS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments; without an action it lists."""
    _common(parser, default=True)
    parser.add_argument("--facility", default="", help="only this one, by id")
    actions = parser.add_subparsers(dest="action")
    explain = actions.add_parser("explain", help="everything that is known of one series")
    explain.add_argument("series", metavar="SERIES", help="facility/host/dataset@destination")
    drills = actions.add_parser("drills", help="restore drills, the newest first")
    drills.add_argument("--facility", default=_KEEP, help="only this one, by id")
    drills.add_argument("--series", default="", help="only this one")
    record = actions.add_parser("drill-record", help="the evidence record of one drill")
    record.add_argument("drill", metavar="DRILL_ID", help="as `backups drills` shows it")
    record.add_argument("--agent", default="", help="which agent's, where two have that id")
    record.add_argument("--out", type=Path, help="write it as a page to print, HTML")
    for one in (explain, drills, record):
        _common(one, default=False)


def _common(parser: argparse.ArgumentParser, *, default: bool) -> None:
    # What stands before the action must not be undone by the action's own defaults.
    parser.add_argument("--json", action="store_true", default=False if default else _KEEP)
    parser.add_argument("--lang", choices=LANGUAGES, default=LANGUAGES[0] if default else _KEEP)
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH if default else _KEEP)


def _drill_dict(drill: StoredDrill) -> dict[str, object]:
    return {
        "drill_id": drill.drill_id,
        "series": drill.series,
        "agent_id": drill.agent_id,
        "kind": drill.kind,
        "result": drill.result,
        "failure": drill.told.failure,
        "started_unix_ms": drill.started_ms,
        "ended_unix_ms": drill.ended_ms,
    }


def _drills(connection: Connection, args: argparse.Namespace) -> str:
    found = list_drills(connection, args.facility, args.series)
    if args.json:
        return json.dumps([_drill_dict(one) for one in found])
    lines = [f"{'ENDED (VIET NAM)':<21}{'KIND':<8}{'RESULT':<14}{'DRILL':<34}SERIES"]
    for one in found:
        why = f"  ({one.told.failure})" if one.told.failure else ""
        lines.append(
            f"{moment(one.ended_ms):<21}{one.kind:<8}{one.result:<14}{one.drill_id:<34}"
            f"{one.series}{why}"
        )
    return "\n".join(lines)


def _drill_record(connection: Connection, args: argparse.Namespace) -> str:
    found = [
        one
        for one in find_drills(connection, args.drill)
        if not args.agent or one.agent_id == args.agent
    ]
    if not found:
        raise CommandFailed(f"no drill `{args.drill}`; `backups drills` lists them")
    if len(found) > 1:
        agents = ", ".join(one.agent_id for one in found)
        raise CommandFailed(f"several agents have a drill `{args.drill}`: --agent one of {agents}")
    record = evidence_of(connection, found[0])
    if args.json:
        text = json.dumps(record, ensure_ascii=False, indent=2)
    else:
        text = drill_page(record) if args.out else drill_text(record, args.lang)
    if args.out is None:
        return text
    args.out.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return f"{args.out}: written, sha256 {record['sha256']}"


def _list(connection: Connection, args: argparse.Namespace) -> str:
    now = wall_ms()
    facts = StoredFacts.load(connection, args.facility)
    rows = list_rows(facts, inventory_in_force(connection), now, args.facility)
    if args.json:
        return json.dumps([row_dict(row, args.lang) for row in rows], ensure_ascii=False)
    return table(rows, now, args.lang)


def _explain(connection: Connection, args: argparse.Namespace) -> str:
    now, inventory = wall_ms(), inventory_in_force(connection)
    facts = StoredFacts.load(connection, args.series.partition("/")[0])
    if args.series not in Declarations.of(inventory).series and args.series not in facts.series():
        raise CommandFailed(f"no series `{args.series}`, declared or seen; `backups` lists them")
    judged, row = judge_one(facts, inventory, args.series, now)
    if args.json:
        answer = explanation_dict(judged, row, now, args.lang)
        return json.dumps(answer, ensure_ascii=False, indent=2)
    return explanation(judged, row, now, args.lang)


_ACTIONS: dict[str | None, Callable[[Connection, argparse.Namespace], str]] = {
    None: _list,
    "explain": _explain,
    "drills": _drills,
    "drill-record": _drill_record,
}


def main(args: argparse.Namespace) -> int:
    """Read the store and print; a running collector does not notice."""
    config = load_config(args.config)
    with looking(config) as connection:
        text = _ACTIONS[args.action](connection, args)
    sys.stdout.write(text + "\n")
    return EXIT_OK
