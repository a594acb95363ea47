"""Messages sent by hand, and how each channel answered."""

import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from sqlalchemy import Connection

from tramgac_collector.notify import rows
from tramgac_collector.notify.message import Message
from tramgac_collector.notify.outbound import Envelope, send_by_apprise
from tramgac_collector.notify.pipeline import Delivery, Notification
from tramgac_collector.notify.roster import Channel, Person, Target


class Tried(NamedTuple):
    """One channel and how it did."""

    recipient: str
    channel: str
    delivery: Delivery


class Letter(NamedTuple):
    """What one person is to get by one channel."""

    person: Person
    channel: Channel
    message: Message


def deliver(letters: Iterable[Letter]) -> list[Tried]:
    """Send all of them, four at a time, each until its channel has answered."""
    with ThreadPoolExecutor(4) as pool:
        tried = [(one.person.id, one.channel.id, pool.submit(_send, one)) for one in letters]
        return [Tried(who, how, future.result()) for who, how, future in tried]


def _send(letter: Letter) -> Delivery:
    channel = letter.channel
    return send_by_apprise(Envelope(channel.url, letter.message, channel.form == "sms"))


def keep(connection: Connection, stage: str, tried: Iterable[Tried], now_ms: int) -> None:
    """Store what the channels answered: it is the proof that they work, or that they do not."""
    for one in tried:
        good = one.delivery.ok
        row = Notification(
            None, stage, Target(one.recipient, one.channel), now_ms, now_ms, digest="by-hand",
            state="sent" if good else "failed", reason="" if good else "refused", attempts=1,
            sent_ms=now_ms if good else None,
        )  # fmt: skip
        (stored,) = rows.add(connection, [row])
        rows.save(connection, stored, one.delivery)


def answers(tried: Iterable[Tried], *, as_json: bool) -> str:
    """What the channels answered, for people or for programs."""
    if as_json:
        rows = [
            {
                "recipient": one.recipient, "channel": one.channel, "ok": one.delivery.ok,
                "proof": one.delivery.proof, "error": one.delivery.error,
            }
            for one in tried
        ]  # fmt: skip
        return json.dumps(rows, ensure_ascii=False) + "\n"
    lines = []
    for one in tried:
        state = "ok      " if one.delivery.ok else "problem "
        said = one.delivery.proof or one.delivery.error
        lines.append(f"{state} {one.recipient} by {one.channel}: {said}\n")
    return "".join(lines)
