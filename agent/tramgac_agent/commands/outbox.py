"""``tramgac-agent outbox``: what waits to be sent, read beside the running agent."""

import argparse
import json
import sqlite3
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tramgac_agent.config import DEFAULT_PATH, load_config
from tramgac_agent.outbox import database, export
from tramgac_agent.uplink.status import UplinkStatus, read_status
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_OK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """``outbox status`` and ``outbox export``."""
    parser.add_argument("action", choices=("status", "export"))
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH, help="configuration file")
    parser.add_argument("--json", action="store_true", help="status as JSON")


def main(args: argparse.Namespace) -> int:
    """Print; nothing is ever written to the outbox."""
    folder = load_config(args.config).state_dir
    path = folder / "outbox.db"
    if not path.exists():
        raise CommandFailed(f"{path}: no outbox yet; has `tramgac-agent run` been started?")
    try:
        connection = database.connect_readonly(path)
        if args.action == "export":
            for line in export.lines(connection):
                sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        else:
            _status(export.figures(connection), read_status(folder), as_json=args.json)
    except (sqlite3.Error, KeyError) as error:
        raise CommandFailed(f"{path}: cannot be read: {error}") from error
    connection.close()
    return EXIT_OK


def _status(found: dict[str, Any], uplink: UplinkStatus | None, *, as_json: bool) -> None:
    if as_json:
        whole = {**found, "uplink": None if uplink is None else uplink.as_dict()}
        sys.stdout.write(json.dumps(whole, indent=2) + "\n")
        return
    rows = [
        ("records", f"{found['records']}, {_kinds(found['by_kind'])}"),
        ("size", f"{found['bytes'] / 1024:.0f} KiB"),
        ("oldest", _time(found["oldest_ms"])),
        ("newest", _time(found["newest_ms"])),
        ("numbers", f"{found['settled_seq']} settled of {found['last_seq']}"),
        ("quarantine", str(found["quarantined"])),
        ("epoch", found["epoch"]),
    ]
    if uplink is not None:
        rows += [
            ("reporting", uplink.state + (f": {uplink.reason}" if uplink.reason else "")),
            ("last answer", _time(uplink.last_ok_ms)),
            ("disk", uplink.outbox_state),
        ]
    for name, text in rows:
        sys.stdout.write(f"{name:<12} {text}\n")


def _kinds(kinds: dict[str, int]) -> str:
    parts = [f"{number} {name.replace('_', ' ')}" for name, number in kinds.items() if number]
    return ", ".join(parts) or "nothing waits"


def _time(at_ms: int | None) -> str:
    if not at_ms:
        return "never"
    return datetime.fromtimestamp(at_ms / 1000, timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
