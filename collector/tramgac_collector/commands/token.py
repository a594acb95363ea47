"""``tramgac-collector token create|list``."""

import argparse
import json
import re
import sys
from dataclasses import asdict
from pathlib import Path

from tramgac_collector.commands._store import changing, looking
from tramgac_collector.config import DEFAULT_PATH, Config, load_config
from tramgac_collector.identity import register, tokens
from tramgac_collector.identity.ca import Authority
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.identity.tokens import TokenTerms
from tramgac_collector.store.engine import bump_generation
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_OK

_UNITS = {"m": 60, "h": 3600, "d": 86400}


def duration_ms(text: str) -> int:
    """``90m``, ``72h`` or ``3d`` in milliseconds.

    Raises:
        ArgumentTypeError: Anything else.
    """
    match = re.fullmatch(r"([1-9][0-9]{0,4})([mhd])", text)
    if match is None:
        raise argparse.ArgumentTypeError("write it like 90m, 72h or 3d")
    return int(match[1]) * _UNITS[match[2]] * 1000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    create = actions.add_parser("create", help="make a token and print it, this once")
    create.add_argument("--facility", required=True)
    create.add_argument("--site", required=True)
    create.add_argument("--host", default="", help="only this host; it may replace its old agent")
    create.add_argument("--role", default="server", choices=("server", "probe"))
    create.add_argument("--uses", type=int, default=1)
    create.add_argument("--ttl", type=duration_ms, default=tokens.DEFAULT_LIFE_MS)
    listing = actions.add_parser("list", help="show what tokens there are, without secrets")
    for one in (create, listing):
        one.add_argument("--config", type=Path, default=DEFAULT_PATH)
        one.add_argument("--json", action="store_true")


def _create(config: Config, args: argparse.Namespace) -> str:
    terms = TokenTerms(args.facility, args.site, args.host, args.role, args.uses, life_ms=args.ttl)
    if problem := terms.problem():
        raise CommandFailed(problem)
    authority = Authority.open_or_create(config.state_dir, config.collector.names)
    now_ms = wall_ms()
    with changing(config) as connection:
        text = tokens.create(connection, terms, authority.pin, now_ms)
        place = "/".join(filter(None, (args.facility, args.site, args.host)))
        subject = text.split(".")[1]
        register.note(connection, now_ms, ("cli", "token_created", subject), place)
        bump_generation(connection)
    if not args.json:
        return text
    return json.dumps({"token": text, "id": subject, "expires_ms": now_ms + args.ttl})


def _list(config: Config, args: argparse.Namespace) -> str:
    now_ms = wall_ms()
    with looking(config) as connection:
        found = tokens.listing(connection)
    if args.json:
        return json.dumps([asdict(one) | {"state": one.state(now_ms)} for one in found])
    lines = [f"{'ID':<14}{'STATE':<9}{'USED':<8}{'ROLE':<8}PLACE"]
    for one in found:
        place = f"{one.facility}/{one.site}/{one.host or '*'}"
        uses = f"{one.used}/{one.max_uses}"
        lines.append(f"{one.id:<14}{one.state(now_ms):<9}{uses:<8}{one.role:<8}{place}")
    return "\n".join(lines)


def main(args: argparse.Namespace) -> int:
    """Make or list."""
    config = load_config(args.config)
    work = _create if args.action == "create" else _list
    sys.stdout.write(work(config, args) + "\n")
    return EXIT_OK
