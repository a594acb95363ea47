"""``tramgac-collector oncall now``: who would be told, if something happened now."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tramgac_collector.commands._store import looking
from tramgac_collector.config import DEFAULT_PATH, Config, load_config
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.notify.reach import Reach, look, unreachable
from tramgac_collector.notify.roster import Person, Roster, quiet_until, roster_of
from tramgac_collector.web.words import moment
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.configfile import EXIT_OK

_WHY = {
    "on_duty": "on duty",
    "first_escalation": "nobody is on duty; the first escalation",
    "everybody": "nobody is on duty, and there is no escalation; everybody",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True)
    now = actions.add_parser("now", help="who is told of a new incident")
    now.add_argument("--facility", default="", help="of this one, by id")
    now.add_argument("--json", action="store_true")
    now.add_argument("--config", type=Path, default=DEFAULT_PATH)


def called(
    roster: Roster, facility: str, now_ms: int, channels: Sequence[Reach] = ()
) -> dict[str, Any]:
    """Everybody who would be told, who would follow, and how their channels do; no addresses."""
    people, why = roster.called(facility, now_ms)
    return {
        "why": why,
        "people": [
            {
                "id": person.id,
                "name": person.name,
                "channels": [channel.id for channel in person.channels],
                "quiet_until_unix_ms": quiet_until(person.quiet, "low", now_ms),
            }
            for person in people
        ],
        "escalation": [
            {"after_minutes": step.after_minutes, "people": list(step.people)}
            for step in roster.escalation
        ],
        "channels": [
            {
                "person": one.target.recipient,
                "channel": one.target.channel,
                "state": one.state,
                "last_good_unix_ms": one.at_ms,
                "error": one.error,
            }
            for one in channels
        ],
        "unreachable": [one.id for one in unreachable(asked(roster, facility, now_ms), channels)],
    }


def asked(roster: Roster, facility: str, now_ms: int) -> list[Person]:
    """Who is told now, or later if nobody answers."""
    people, _why = roster.called(facility, now_ms)
    ids = {one.id for one in people} | {who for step in roster.escalation for who in step.people}
    return [one for one in roster.people if one.id in ids]


def channels_of(config: Config, people: Sequence[Person]) -> list[Reach]:
    """How every channel did; where there is no store yet, nothing was ever sent."""
    if not config.store.url and not (config.state_dir / "store.db").exists():
        return look(None, people)
    with looking(config) as connection:
        return look(connection, people)


def _text(config: Config, found: dict[str, Any]) -> str:
    lines = []
    if config.notify.alertmanager:
        lines.append("incidents go to Alertmanager, which has its own routes; of digests:")
    if not found["people"]:
        return "\n".join([*lines, "nobody: give [notify] a roster or urls"])
    lines.append(f"{_WHY[found['why']]}:")
    for person in found["people"]:
        until = person["quiet_until_unix_ms"]
        quiet = f"; lesser incidents wait until {moment(until)}" if until else ""
        lines.append(
            f"  {person['name']} ({person['id']}) by {', '.join(person['channels'])}{quiet}"
        )
    for step in found["escalation"]:
        minutes = f"{step['after_minutes']:g}"
        lines.append(f"after {minutes} min without an answer: {', '.join(step['people'])}")
    lines += [_channel(one) for one in found["channels"] if one["state"] != "works"]
    return "\n".join(lines)


_STATES = {
    "fails": "does not work",
    "unusable": "cannot be used",
    "untried": "was never tried; run `tramgac-collector notify test`",
}


def _channel(one: dict[str, Any]) -> str:
    last = one["last_good_unix_ms"]
    since = f" since {moment(last)}" if last and one["state"] == "fails" else ""
    error = f": {one['error']}" if one["error"] else ""
    return f"{one['person']} by {one['channel']} {_STATES[one['state']]}{since}{error}"


def main(args: argparse.Namespace) -> int:
    """Read the roster and say who it is."""
    config = load_config(args.config)
    roster, now_ms = roster_of(config.notify), wall_ms()
    channels = channels_of(config, asked(roster, args.facility, now_ms))
    found = called(roster, args.facility, now_ms, channels)
    if args.json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(_text(config, found) + "\n")
    if not found["people"] and not config.notify.alertmanager:
        raise CommandFailed("an incident would be told to nobody")
    if found["unreachable"]:
        who = ", ".join(found["unreachable"])
        raise CommandFailed(
            f"no channel of theirs works: {who}; mend the roster, then `notify test`"
        )
    return EXIT_OK
