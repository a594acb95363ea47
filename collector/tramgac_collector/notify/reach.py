"""Whether each channel of each person works, by what it answered last; never by a guess."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from tramgac_collector.notify.outbound import usable
from tramgac_collector.notify.roster import Person, Target
from tramgac_collector.store.schema import notifications

State = Literal["works", "fails", "untried", "unusable"]


class Reach(NamedTuple):
    """One channel.

    Attributes:
        at_ms: When it last took a message; None for never.
        error: What it said since.
    """

    target: Target
    state: State
    at_ms: int | None = None
    error: str = ""


class _Past(NamedTuple):
    """When a channel last took a message, and when one was made that it did not take."""

    good_ms: int | None
    bad_ms: int | None


def look(connection: Connection | None, people: Sequence[Person]) -> list[Reach]:
    """Every channel of these people.

    Args:
        connection: None where there is no store yet, so that nothing was ever sent.
        people: Of the roster.
    """
    past = {} if connection is None else _past(connection)
    owners = [(person, channel) for person in people for channel in person.channels]
    good = usable([channel.url for _person, channel in owners])
    found = []
    for (person, channel), can in zip(owners, good, strict=True):
        target = Target(person.id, channel.id)
        one = _judged(target, past.get(target, _Past(None, None))) if can else None
        found.append(one or Reach(target, "unusable", error="apprise cannot use the address"))
    if connection is None:
        return found
    return [
        one._replace(error=_complaint(connection, one.target)) if one.state == "fails" else one
        for one in found
    ]


def _judged(target: Target, past: _Past) -> Reach:
    if past.good_ms is not None and (past.bad_ms is None or past.good_ms >= past.bad_ms):
        return Reach(target, "works", past.good_ms)
    return Reach(target, "untried" if past.bad_ms is None else "fails", past.good_ms)


def _bad() -> ColumnElement[int | None]:
    table = notifications.c
    tried = and_(table.state.in_(["waiting", "failed"]), table.attempts > 0)
    # Given up, or overtaken by the end of its incident, and never delivered.
    dropped = and_(table.state == "dropped", table.attempts > 0, table.error != "")
    return case((or_(tried, dropped), table.made_ms))


def _past(connection: Connection) -> dict[Target, _Past]:
    table = notifications.c
    query = select(
        table.recipient, table.channel, func.max(table.sent_ms), func.max(_bad())
    ).group_by(table.recipient, table.channel)
    return {Target(who, how): _Past(good, bad) for who, how, good, bad in connection.execute(query)}


def _complaint(connection: Connection, target: Target) -> str:
    table = notifications.c
    query = (
        select(table.error)
        .where(table.recipient == target.recipient, table.channel == target.channel)
        .where(table.error != "")
        .order_by(table.id.desc())
        .limit(1)
    )
    return connection.scalar(query) or ""


def unreachable(people: Sequence[Person], channels: Sequence[Reach]) -> list[Person]:
    """Who has no channel that could carry a message; one that was never tried may."""
    alive = {one.target.recipient for one in channels if one.state in {"works", "untried"}}
    return [person for person in people if person.id not in alive]
