"""``tramgac-collector notify test|list``: try every channel; see what was told to whom."""

import argparse
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import select

from tramgac_collector.commands._store import changing, looking
from tramgac_collector.config import DEFAULT_PATH, Config, load_config
from tramgac_collector.identity import register
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.notify.alertmanager import post, trial_alert
from tramgac_collector.notify.message import Message
from tramgac_collector.notify.outbound import Envelope, send_by_apprise
from tramgac_collector.notify.pipeline import Delivery
from tramgac_collector.notify.roster import Channel, roster_of
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


class _Tried(NamedTuple):
    """One channel and how it did."""

    recipient: str
    channel: str
    delivery: Delivery


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    trial = actions.add_parser("test", help="send a trial message by every channel")
    trial.add_argument("--person", default="", help="only to this one, by id")
    listing = actions.add_parser("list", help="what was told to whom, the newest first")
    listing.add_argument("--state", choices=("waiting", "sent", "failed", "dropped"), default="")
    listing.add_argument("--incident", type=int, default=0, help="only of this one")
    for one in (trial, listing):
        one.add_argument("--json", action="store_true")
        one.add_argument("--config", type=Path, default=DEFAULT_PATH)


def _try(config: Config, person_id: str) -> list[_Tried]:
    people = [one for one in roster_of(config.notify).people if person_id in {"", one.id}]
    work = [(person, channel) for person in people for channel in person.channels]
    with ThreadPoolExecutor(4) as pool:
        tried = [
            (person.id, channel.id, pool.submit(_send, config, channel, person.language))
            for person, channel in work
        ]
        found = [_Tried(who, how, future.result()) for who, how, future in tried]
    if not person_id and config.notify.alertmanager:
        delivery = post(config.notify.alertmanager, [trial_alert(wall_ms())])
        found.append(_Tried("alertmanager", "alertmanager", delivery))
    return found


def _send(config: Config, channel: Channel, language: str) -> Delivery:
    title, body, sms = _TEXTS[language]
    message = Message(title, body.format(config.collector.names[0]), sms)
    return send_by_apprise(Envelope(channel.url, message, channel.form == "sms"))


def _trial(config: Config, args: argparse.Namespace) -> int:
    tried = _try(config, args.person)
    if not tried:
        raise CommandFailed("there is nobody to tell; give [notify] a roster, urls or alertmanager")
    good = all(one.delivery.ok for one in tried)
    with changing(config) as connection:
        said = ", ".join(f"{one.recipient}/{one.channel}={one.delivery.ok}" for one in tried)
        register.note(connection, wall_ms(), ("cli", "notify_tested", args.person or "all"), said)
    if args.json:
        rows = [
            {
                "recipient": one.recipient, "channel": one.channel, "ok": one.delivery.ok,
                "proof": one.delivery.proof, "error": one.delivery.error,
            }
            for one in tried
        ]  # fmt: skip
        sys.stdout.write(json.dumps(rows, ensure_ascii=False) + "\n")
    else:
        for one in tried:
            state = "ok      " if one.delivery.ok else "problem "
            said = one.delivery.proof or one.delivery.error
            sys.stdout.write(f"{state} {one.recipient} by {one.channel}: {said}\n")
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
    """Try, or list."""
    config = load_config(args.config)
    return (_trial if args.action == "test" else _list)(config, args)
