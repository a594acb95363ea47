"""``tramgac-collector notify test|digest|list``: channels, today's list, what was told."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import select

from tramgac_collector.commands import _digest
from tramgac_collector.commands._store import changing, looking, row_number
from tramgac_collector.commands._telling import Letter, Tried, answers, deliver, keep
from tramgac_collector.config import DEFAULT_PATH, Config, load_config
from tramgac_collector.identity import register
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.notify.alertmanager import post, trial_alert
from tramgac_collector.notify.message import Message
from tramgac_collector.notify.roster import roster_of
from tramgac_collector.store.schema import notifications
from tramgac_collector.web.words import moment
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_FAILED, EXIT_OK

_NEWEST = 50
_TEXTS = {
    "vi": (
        "[Trạm Gác] Thử kênh báo",
        "Đây là tin thử từ {}. Không có sự cố, không cần làm gì.",
        "Trạm Gác: tin thử, không cần làm gì.",
    ),
    "en": (
        "[Trạm Gác] Trial message",
        "This is a trial message of {}. Nothing has happened, nothing is to be done.",
        "Trạm Gác: trial message, nothing to do.",
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    trial = actions.add_parser("test", help="send a trial message by every channel")
    trial.add_argument("--person", default="", help="only to this one, by id")
    digest = actions.add_parser("digest", help="today's list of regulatory gaps: show or send it")
    _digest.add_arguments(digest)
    listing = actions.add_parser("list", help="what was told to whom, the newest first")
    listing.add_argument("--state", choices=("waiting", "sent", "failed", "dropped"), default="")
    listing.add_argument("--incident", type=row_number, default=0, help="only of this one")
    for one in (trial, digest, listing):
        one.add_argument("--json", action="store_true")
        one.add_argument("--config", type=Path, default=DEFAULT_PATH)


def _try(config: Config, person_id: str) -> list[Tried]:
    people = [one for one in roster_of(config.notify).people if person_id in {"", one.id}]
    found = deliver(
        Letter(person, channel, _message(config, person.language))
        for person in people
        for channel in person.channels
    )
    if not person_id and config.notify.alertmanager:
        delivery = post(config.notify.alertmanager, [trial_alert(wall_ms())])
        found.append(Tried("alertmanager", "alertmanager", delivery))
    return found


def _message(config: Config, language: str) -> Message:
    title, body, sms = _TEXTS[language]
    return Message(title, body.format(config.collector.names[0]), sms)


def _trial(config: Config, args: argparse.Namespace) -> int:
    tried = _try(config, args.person)
    if not tried:
        raise CommandFailed("there is nobody to tell; give [notify] a roster, urls or alertmanager")
    good = all(one.delivery.ok for one in tried)
    with changing(config) as connection:
        said = ", ".join(f"{one.recipient}/{one.channel}={one.delivery.ok}" for one in tried)
        register.note(connection, wall_ms(), ("cli", "notify_tested", args.person or "all"), said)
        keep(connection, "test", tried, wall_ms())
    sys.stdout.write(answers(tried, as_json=args.json))
    return EXIT_OK if good else EXIT_FAILED


def _rows(config: Config, args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    table = notifications.c
    query = select(notifications).order_by(table.id.desc()).limit(_NEWEST)
    if args.state:
        query = query.where(table.state == args.state)
    if args.incident:
        query = query.where(table.incident_id == args.incident)
    with looking(config) as connection:
        yield from (dict(row._mapping) for row in connection.execute(query))  # noqa: SLF001 - SQLAlchemy's public name for it


def _list(config: Config, args: argparse.Namespace) -> int:
    rows = list(_rows(config, args))
    if args.json:
        sys.stdout.write(json.dumps(rows, ensure_ascii=False) + "\n")
        return EXIT_OK
    sys.stdout.write(f"{'MADE (VIET NAM)':<21}{'STATE':<9}{'STAGE':<16}{'TO':<28}OF\n")
    for row in rows:
        to = f"{row['recipient']}/{row['channel']}"
        of = f"#{row['incident_id']}" if row["incident_id"] else row["digest"]
        why = " ".join(filter(None, (row["reason"], row["proof"], row["error"])))
        sys.stdout.write(
            f"{moment(row['made_ms']):<21}{row['state']:<9}{row['stage']:<16}{to:<28}{of}"
            + (f"  ({why})\n" if why else "\n")
        )
    return EXIT_OK


def main(args: argparse.Namespace) -> int:
    """Try, show or send today's list, or list."""
    actions = {"test": _trial, "digest": _digest.run, "list": _list}
    return actions[args.action](load_config(args.config), args)
