"""``tramgac-collector agents list|approve|deny|allow``."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from tramgac_collector.commands._store import changing, looking
from tramgac_collector.config import DEFAULT_PATH, Config, load_config
from tramgac_collector.identity import office, waiting
from tramgac_collector.identity.codes import ROLES, Refused
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.identity.registry import RegisteredAgent, read_agents
from tramgac_collector.identity.waiting import Waiting
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_OK

_DAY_MS = 86_400_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="who may report, and since when not")
    listing.add_argument("--pending", action="store_true", help="who waits for approval")
    listing.add_argument("--json", action="store_true")
    approve = actions.add_parser("approve", help="let a waiting host in")
    approve.add_argument("key", help="its key as `list --pending` shows it, or the start of it")
    approve.add_argument("--facility", default="")
    approve.add_argument("--site", default="")
    approve.add_argument("--role", default="server", choices=ROLES)
    deny = actions.add_parser("deny", help="refuse every call of an agent from now on")
    deny.add_argument("--reason", required=True)
    allow = actions.add_parser("allow", help="undo a denial, or a clone alarm")
    for one in (deny, allow):
        one.add_argument("agent", help="agent id, or facility/site/host")
    for one in (listing, approve, deny, allow):
        one.add_argument("--config", type=Path, default=DEFAULT_PATH)


def _day(moment_ms: int) -> str:
    if not moment_ms:
        return "-"
    return datetime.fromtimestamp(moment_ms / 1000, tz=UTC).strftime("%Y-%m-%d %H:%M")


def _agent_dict(agent: RegisteredAgent) -> dict[str, Any]:
    owner = agent.owner
    return {
        "agent_id": owner.agent_id,
        "facility": owner.facility,
        "site": owner.site,
        "host": owner.host,
        "role": owner.role,
        "state": agent.state,
        "reason": agent.reason,
        "version": agent.version,
        "fingerprint": agent.fingerprint.hex(),
        "enrolled_ms": agent.enrolled_ms,
        "last_seen_ms": agent.last_seen_ms,
        "not_after_ms": agent.not_after_ms,
    }


def _agents_table(agents: list[RegisteredAgent], now_ms: int) -> str:
    lines = [f"{'AGENT':<38}{'STATE':<9}{'LAST SEEN (UTC)':<18}{'CERT DAYS':<11}PLACE"]
    for agent in agents:
        days = (agent.not_after_ms - now_ms) // _DAY_MS
        reason = f"  ({agent.reason})" if agent.reason else ""
        lines.append(
            f"{agent.owner.agent_id:<38}{agent.state:<9}{_day(agent.last_seen_ms):<18}"
            f"{days:<11}{agent.owner.place}{reason}"
        )
    return "\n".join(lines)


def _waiting_dict(one: Waiting) -> dict[str, Any]:
    return {
        "key": one.key,
        "fingerprint": one.fingerprint.hex(),
        "host": one.host,
        "peer": one.peer,
        "first_ms": one.first_ms,
        "last_ms": one.last_ms,
        "approved": bool(one.facility),
        "agent_id": one.agent_id,
    }


def _waiting_table(rows: list[Waiting]) -> str:
    lines = [f"{'KEY':<18}{'FIRST (UTC)':<18}{'FROM':<18}{'HOST':<20}WHAT"]
    for one in rows:
        what = f"agent {one.agent_id} wants back" if one.agent_id else "new"
        what += ", approved" if one.facility else ""
        lines.append(
            f"{one.key[:16]:<18}{_day(one.first_ms):<18}{one.peer:<18}{one.host:<20}{what}"
        )
    return "\n".join(lines)


def _list(config: Config, args: argparse.Namespace) -> str:
    with looking(config) as connection:
        if args.pending:
            rows = waiting.listing(connection)
            if args.json:
                return json.dumps([_waiting_dict(one) for one in rows])
            return _waiting_table(rows)
        agents = read_agents(connection)
    if args.json:
        return json.dumps([_agent_dict(agent) for agent in agents])
    return _agents_table(agents, wall_ms())


def _approve(connection: Connection, args: argparse.Namespace) -> str:
    return office.approve(connection, args.key, (args.facility, args.site, args.role), wall_ms())


def _deny(connection: Connection, args: argparse.Namespace) -> str:
    return office.deny(connection, args.agent, args.reason, wall_ms())


def _allow(connection: Connection, args: argparse.Namespace) -> str:
    return office.allow(connection, args.agent, wall_ms())


_CHANGES: dict[str, Callable[[Connection, argparse.Namespace], str]] = {
    "approve": _approve,
    "deny": _deny,
    "allow": _allow,
}


def main(args: argparse.Namespace) -> int:
    """List, or change one agent; a running collector follows within a second."""
    config = load_config(args.config)
    if args.action == "list":
        text = _list(config, args)
    else:
        try:
            with changing(config) as connection:
                text = _CHANGES[args.action](connection, args)
        except (LookupError, ValueError) as error:
            raise CommandFailed(str(error.args[0])) from error
        except Refused as error:
            raise CommandFailed(error.code) from error
    sys.stdout.write(text + "\n")
    return EXIT_OK
