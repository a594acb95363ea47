"""``tramgac-collector ca show|prepare|roll``: exchange the CA under a working fleet."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from tramgac_collector.commands._store import changing, looking
from tramgac_collector.config import DEFAULT_PATH, Config, load_config
from tramgac_collector.identity import register
from tramgac_collector.identity.ca import Authority
from tramgac_collector.identity.keyring import spki_pin, wall_ms
from tramgac_collector.identity.registry import RegisteredAgent, read_agents
from tramgac_collector.store.engine import bump_generation
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_OK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("action", choices=("show", "prepare", "roll", "export"))
    parser.add_argument("--config", type=Path, default=DEFAULT_PATH)
    parser.add_argument("--force", action="store_true", help="roll though agents would be lost")


def _unaware(config: Config, authority: Authority) -> list[RegisteredAgent]:
    """Agents that have not fetched the newest set of anchors yet."""
    changed_ms = authority.anchors_changed_ms
    with looking(config) as connection:
        agents = read_agents(connection)
    return [agent for agent in agents if not agent.denied and agent.issued_ms < changed_ms]


def _show(config: Config, authority: Authority) -> str:
    lines = []
    for anchor in authority.anchors:
        until = anchor.not_valid_after_utc.astimezone(UTC)
        role = "signs" if anchor == authority.local.certificate else "trusted"
        lines.append(f"{spki_pin(anchor)}  {role:<8} until {datetime.strftime(until, '%Y-%m-%d')}")
    unaware = len(_unaware(config, authority))
    return "\n".join([*lines, f"{unaware} agents have yet to learn the newest anchors"])


def _roll(config: Config, authority: Authority, *, force: bool) -> str:
    unaware = _unaware(config, authority)
    if unaware and not force:
        raise CommandFailed(
            f"{len(unaware)} agents would no longer trust this collector, first "
            f"{unaware[0].owner.place}; wait for their renewal, or --force"
        )
    authority.roll()
    return "the next CA signs from now on; make new tokens, the old ones carry the old pin"


def _change(config: Config, authority: Authority, args: argparse.Namespace) -> str:
    try:
        if args.action == "roll":
            text = _roll(config, authority, force=args.force)
        else:
            authority.prepare_next()
            text = "next CA made; agents learn it as they renew (see `ca show`)"
    except OSError as error:
        raise CommandFailed(str(error)) from error
    with changing(config) as connection:
        register.note(connection, wall_ms(), ("cli", f"ca_{args.action}", authority.pin))
        bump_generation(connection)
    return text


def main(args: argparse.Namespace) -> int:
    """Show the anchors, export them as PEM, or take one of the two steps of a roll."""
    config = load_config(args.config)
    authority = Authority.open_or_create(config.state_dir, config.collector.names)
    if args.action == "export":
        sys.stdout.write(authority.ca_pem.decode())
        return EXIT_OK
    work = _show(config, authority) if args.action == "show" else _change(config, authority, args)
    sys.stdout.write(work + "\n")
    return EXIT_OK
