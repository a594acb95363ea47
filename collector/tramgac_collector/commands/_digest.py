"""``notify digest``: the daily list of regulatory gaps as it stands now, shown or sent."""

import argparse
import json
import sys
from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from tramgac_collector.commands._rules import in_force
from tramgac_collector.commands._store import changing, looking
from tramgac_collector.commands._telling import Letter, answers, deliver, keep
from tramgac_collector.config import Config
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.identity.register import note
from tramgac_collector.notify.digest import JUDGED_MS, digest_message, read_standing
from tramgac_collector.notify.message import Message
from tramgac_collector.notify.packwords import PackWords
from tramgac_collector.notify.roster import roster_of
from tramgac_collector.store.schema import rule_results
from tramgac_collector.web.words import moment
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_FAILED, EXIT_OK


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is asked of ``notify digest``."""
    parser.add_argument("--person", default="", help="only to this one, by id, listed or not")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--print", action="store_true", help="show it (this is what is done if none)")
    what.add_argument("--send", action="store_true", help="send it now; the daily one still comes")


def run(config: Config, args: argparse.Namespace) -> int:
    """Show the list, or send it to those who get the daily one."""
    now_ms = wall_ms()
    with looking(config) as connection:
        message = _message(connection, now_ms)
    if args.send:
        return _send(config, args, message, now_ms)
    if args.json:
        said = {"subject": message.subject, "body": message.body}
        sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(f"{message.subject}\n\n{message.body}\n")
    return EXIT_OK


def _message(connection: Connection, now_ms: int) -> Message:
    """What would be sent now.

    Raises:
        CommandFailed: Nobody judges; "no gap" would be a guess.
    """
    judged_ms = connection.scalar(select(func.max(rule_results.c.evaluated_ms)))
    if judged_ms is None:
        raise CommandFailed("no rule has been judged yet; is the collector running?")
    if now_ms - judged_ms > JUDGED_MS:
        raise CommandFailed(f"no rule was judged since {moment(judged_ms)}; is the judge running?")
    standing = read_standing(connection, PackWords().read(connection))
    return digest_message(standing, in_force(connection), now_ms)


def _send(config: Config, args: argparse.Namespace, message: Message, now_ms: int) -> int:
    tried = deliver(_letters(config, args.person, message))
    if not tried:
        raise CommandFailed("nobody gets the list; give somebody in the roster `digest: true`")
    with changing(config) as connection:
        said = ", ".join(f"{one.recipient}/{one.channel}={one.delivery.ok}" for one in tried)
        note(connection, now_ms, ("cli", "digest_sent", args.person or "all"), said)
        keep(connection, "digest", tried, now_ms)
    sys.stdout.write(answers(tried, as_json=args.json))
    return EXIT_OK if all(one.delivery.ok for one in tried) else EXIT_FAILED


def _letters(config: Config, person_id: str, message: Message) -> Iterator[Letter]:
    for person in roster_of(config.notify).people:
        if person.id == person_id or (not person_id and person.digest):
            full = (one for one in person.channels if one.form == "full")
            yield from (Letter(person, channel, message) for channel in full)
