"""``tramgac-collector inventory check|import|export``."""

import argparse
import json
import sys
import time
from pathlib import Path

from tramgac_collector.config import DEFAULT_PATH, load_config
from tramgac_collector.inventory import export
from tramgac_collector.inventory.load import InventoryError, load_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_CONFIG, EXIT_OK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    check = actions.add_parser("check", help="say whether the file is usable")
    importing = actions.add_parser("import", help="put the file into force")
    exporting = actions.add_parser("export", help="print a part for an agent or for Ansible")
    what = exporting.add_mutually_exclusive_group(required=True)
    what.add_argument("--agent", metavar="FACILITY/HOST", help="TOML for the agent's conf.d")
    what.add_argument("--ansible", action="store_true", help="an Ansible inventory, YAML")
    exporting.add_argument(
        "--destination", metavar="ID", help="with --agent: series for the restic probe's file"
    )
    for one in (check, importing, exporting):
        one.add_argument("--config", type=Path, default=DEFAULT_PATH, help="collector.toml")
        one.add_argument("--file", type=Path, help="the inventory; else the configured one")
    for one in (check, importing):
        one.add_argument("--json", action="store_true")


def _file(args: argparse.Namespace) -> Path:
    return args.file or Path(load_config(args.config).collector.inventory)


def _counts(inventory: Inventory) -> dict[str, int]:
    return {
        "facilities": len(inventory.facilities),
        "hosts": sum(1 for _ in inventory.placed_hosts()),
        "systems": sum(len(facility.systems) for facility in inventory.facilities),
        "series": sum(1 for _ in inventory.all_series()),
    }


def _check(args: argparse.Namespace) -> int:
    path = _file(args)
    try:
        counts = _counts(load_inventory(path))
    except InventoryError as error:
        if not args.json:
            raise
        answer = {"ok": False, "file": str(path), "problems": str(error).splitlines()}
        _say(json.dumps(answer, ensure_ascii=False))
        return EXIT_CONFIG
    if args.json:
        _say(json.dumps({"ok": True, "file": str(path), **counts}))
    else:
        _say(f"{path}: usable; " + ", ".join(f"{number} {what}" for what, number in counts.items()))
    return EXIT_OK


def _import(args: argparse.Namespace) -> int:
    # Loaded late: checking and exporting need no database.
    from tramgac_collector.commands._store import changing  # noqa: PLC0415
    from tramgac_collector.identity.register import note  # noqa: PLC0415
    from tramgac_collector.inventory.versions import import_inventory, newest  # noqa: PLC0415

    config = load_config(args.config)
    path = args.file or Path(config.collector.inventory)
    load_inventory(path)
    with changing(config) as connection:
        made = import_inventory(connection, path)
        version = made or newest(connection)
        number = version.number if version else 0
        if made is not None:
            now_ms = time.time_ns() // 1_000_000
            note(connection, now_ms, ("cli", "inventory_imported", str(number)), made.sha256)
    if args.json:
        _say(json.dumps({"version": number, "changed": made is not None}))
    else:
        state = "now in force" if made else "was in force already"
        _say(f"{path}: {state} as version {number}")
    return EXIT_OK


def _export(args: argparse.Namespace) -> int:
    inventory = load_inventory(_file(args))
    if args.destination and not args.agent:
        raise CommandFailed("--destination needs --agent")
    try:
        if args.ansible:
            text = export.ansible_yaml(inventory)
        elif args.destination:
            text = export.probe_toml(inventory, args.agent, args.destination)
        else:
            text = export.agent_toml(inventory, args.agent)
    except export.NoSuchObjectError as error:
        raise CommandFailed(str(error)) from None
    _say(text.rstrip("\n"))
    return EXIT_OK


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")


def main(args: argparse.Namespace) -> int:
    """Check, import or export."""
    actions = {"check": _check, "import": _import, "export": _export}
    return actions[args.action](args)
