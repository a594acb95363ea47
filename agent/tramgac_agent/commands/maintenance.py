"""``tramgac-agent maintenance 2h --reason "..."``, ``maintenance end``, ``maintenance status``.

A plan goes the way of all evidence: a file in the drop folder, taken over by the agent within a
minute, sent from its outbox. Measuring goes on; the centre tells nobody of this host meanwhile.
"""

import argparse
import json
import re
import sqlite3
import sys
import time
import uuid
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec

from tramgac_agent import drop
from tramgac_agent.checks.drop import DropSettings
from tramgac_agent.config import DEFAULT_PATH, Config, load_config
from tramgac_agent.maintenance import is_open, known
from tramgac_agent.outbox import database, export
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.compat import iso_time
from tramgac_proto.configfile import EXIT_OK
from tramgac_proto.limits import MAX_MAINTENANCE_AHEAD_MS, MAX_MAINTENANCE_MS

_UNITS_MS = {"m": 60_000, "h": 3_600_000}
_LENGTH = re.compile(r"([0-9]{1,4})([mh])")
_UNTAKEN = "waits for the agent"
_NEXT = (
    "the agent takes it over within a minute; before this machine goes off,"
    " see `tramgac-agent maintenance status`: it must say sent\n"
)

# Nothing of it comes back to the agent.
_REFUSABLE = (
    "the centre may refuse a plan that is more than a host may plan, and this host is not told;"
    " the centre sees it by `tramgac-collector maintenance list`\n"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("what", metavar="LENGTH|end|status", help="like 90m or 2h, at most 24h")
    parser.add_argument("--reason", default="", help="for the people at the centre; needed to plan")
    parser.add_argument(
        "--at",
        default="",
        metavar="TIME",
        help="by this host's clock: 2026-11-22T21:00",
    )
    parser.add_argument("--json", action="store_true", help="status as JSON")
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, help="configuration file")


def main(args: argparse.Namespace) -> int:
    """Plan, end or show."""
    config = load_config(args.config)
    folder = _drop_folder(config)
    now_ms = time.time_ns() // 1_000_000
    try:
        if args.what == "status":
            _show(_status(config, folder, now_ms), as_json=args.json)
        elif args.what == "end":
            _end(config, folder, now_ms)
        else:
            _plan(args, folder, now_ms)
    except OSError as error:
        text = f"{error.filename or folder}: {error.strerror}; run as root or the agent's user"
        raise CommandFailed(text) from error
    return EXIT_OK


def _drop_folder(config: Config) -> Path:
    settings = config.checks.get("drop")
    if not isinstance(settings, DropSettings):
        raise CommandFailed("[checks.drop] is off: the agent would never read what is planned")
    return Path(settings.folder or config.state_dir / "drop")


def _length_ms(text: str) -> int:
    found = _LENGTH.fullmatch(text)
    length = int(found[1]) * _UNITS_MS[found[2]] if found else 0
    if not 0 < length <= MAX_MAINTENANCE_MS:
        raise CommandFailed(f"{text}: not a length like 90m or 2h, at most 24h; or end, status")
    return length


def _start_ms(text: str, now_ms: int) -> int:
    if not text:
        return now_ms
    try:
        start = round(iso_time(text).timestamp() * 1000)
    except ValueError as error:
        raise CommandFailed(f"--at {text}: not a time like 2026-11-22T21:00") from error
    if not now_ms <= start <= now_ms + MAX_MAINTENANCE_AHEAD_MS:
        raise CommandFailed("--at must be now or within seven days")
    return start


def _plan(args: argparse.Namespace, folder: Path, now_ms: int) -> None:
    length, start = _length_ms(args.what), _start_ms(args.at, now_ms)
    try:
        plan = msgspec.convert(
            {
                "kind": "maintenance",
                "version": drop.VERSION,
                "plan_id": uuid.uuid4().hex,
                "entered_unix_ms": now_ms,
                "from_unix_ms": start,
                "until_unix_ms": start + length,
                "reason": args.reason.strip(),
            },
            drop.Maintenance,
        )
    except msgspec.ValidationError as error:
        raise CommandFailed("--reason is needed: 1 to 200 characters in one line") from error
    drop.write(folder, plan)
    sys.stdout.write(f"planned from {_time(start)} until {_time(start + length)}\n{_NEXT}")


def _end(config: Config, folder: Path, now_ms: int) -> None:
    plans = [one for one in known(config.state_dir, folder, now_ms) if is_open(one, now_ms)]
    if not plans:
        raise CommandFailed("nothing is planned from this host; what the centre planned ends there")
    for one in plans:
        ended = max(now_ms, one.entered_unix_ms)  # whatever was done to the clock
        drop.write(folder, msgspec.structs.replace(one, ended_unix_ms=ended))
    sys.stdout.write(f"{len(plans)} ended; the centre learns it within a minute or two\n")


def _status(config: Config, folder: Path, now_ms: int) -> list[dict[str, Any]]:
    ways = {(one.plan_id, one.ended_unix_ms): _UNTAKEN for one in drop.planned(folder, now_ms)}
    ways |= _unsent(config.state_dir)
    found = []
    for one in known(config.state_dir, folder, now_ms):
        state = "ended" if one.ended_unix_ms is not None else "over"
        if is_open(one, now_ms):
            state = "on" if one.from_unix_ms <= now_ms else "to come"
        found.append(
            {
                "plan_id": one.plan_id,
                "from_unix_ms": one.from_unix_ms,
                "until_unix_ms": one.until_unix_ms,
                "ended_unix_ms": one.ended_unix_ms,
                "reason": one.reason,
                "state": state,
                "way": ways.get((one.plan_id, one.ended_unix_ms), "sent"),
            }
        )
    return found


def _unsent(state_dir: Path) -> dict[tuple[str, int | None], str]:
    """Plans and ends that the centre has not acknowledged, or has refused."""
    path, found = state_dir / "outbox.db", dict[tuple[str, int | None], str]()
    if not path.exists():
        return found
    try:
        connection = database.connect_readonly(path)
        for line in export.lines(connection):
            told = line.get("observation", {}).get("maintenance")
            if told:
                key = (told.get("plan_id", ""), int(told.get("ended_unix_ms", 0)) or None)
                found[key] = "refused" if "quarantined" in line else "waits to be sent"
        connection.close()
    except (sqlite3.Error, KeyError) as error:
        raise CommandFailed(f"{path}: cannot be read: {error}") from error
    return found


def _show(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
        return
    for one in found:
        span = f"{_time(one['from_unix_ms'])} until {_time(one['until_unix_ms'])}"
        sys.stdout.write(f"{one['state']:<8} {one['way']:<20} {span}  {one['reason']}\n")
    sys.stdout.write(_REFUSABLE if found else "nothing is planned from this host\n")


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
