"""Facts as they were at a moment, from what was known at the same or a later one.

History keeps changes, not confirmations. A value still counts after its own expiry if something
newer of the same subject was told later and every host of the facility reported at that moment;
else it had expired, and what it said is stale.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from tramgac_collector.facts.kinds import EVENT_VALID_MS, FactKey
from tramgac_collector.facts.ledger import Fact
from tramgac_collector.facts.mapping import COVERAGE, KINDS
from tramgac_collector.facts.recent import Past
from tramgac_collector.judge.feed import FactsFeed
from tramgac_collector.store import schema


def facts_at(connection: Connection, facility: str, at_ms: int, known_ms: int) -> FactsFeed:
    """The facts of one facility.

    Args:
        connection: For reading.
        facility: Its id.
        at_ms: The moment that is judged.
        known_ms: What the centre learnt later is left out.
    """
    found = list(_newest(connection, facility, at_ms, known_ms))
    later = _told_later(connection, facility, at_ms, known_ms)
    cover = next((fact for fact in found if fact.name == COVERAGE.name), None)
    for fact in found:
        event = fact.expires_ms - fact.collected_ms >= EVENT_VALID_MS
        if cover is not None and cover.value == 1 and not event and _key(fact) in later:
            fact.collected_ms, fact.expires_ms = at_ms, max(fact.expires_ms, at_ms + 1)
    feed = FactsFeed.of(found)
    for key, past in _pasts(connection, facility, at_ms, known_ms):
        feed.recall(key, past)
    return feed


def _key(fact: Fact) -> FactKey:
    return fact.name, fact.subject


def _of(
    connection: Connection, columns: ReadOnlyColumnCollection[str, Any], facility: str
) -> ColumnElement[bool]:
    """Facts of a facility, found by key where years of others lie beside them."""
    subject = columns.subject
    mine = or_(subject == facility, subject.startswith(f"{facility}/", autoescape=True))
    mine = and_(columns.name.in_(KINDS), mine)
    if connection.dialect.name != "sqlite":
        return mine
    # SQLite compares bytes, and `0` is the one after `/`; it cannot use LIKE for its keys.
    return and_(mine, subject >= facility, subject < f"{facility}0")


def _told_later(connection: Connection, facility: str, at_ms: int, known_ms: int) -> set[FactKey]:
    """Of what something newer than the moment was known."""
    found: set[FactKey] = set()
    for table in (schema.facts.c, schema.fact_history.c):
        query = (
            select(table.name, table.subject)
            .where(_of(connection, table, facility), table.collected_ms > at_ms)
            .where(table.received_ms <= known_ms)
            .distinct()
        )
        found.update((row[0], row[1]) for row in connection.execute(query))
    return found


def _pasts(
    connection: Connection, facility: str, at_ms: int, known_ms: int
) -> Iterator[tuple[FactKey, Past]]:
    """Values of facts that keep some, the oldest first."""
    table = schema.fact_history.c
    names = [kind.name for kind in KINDS.values() if kind.recent]
    query = (
        select(table.name, table.subject, table.collected_ms, table.text, table.value)
        .where(_of(connection, table, facility), table.name.in_(names))
        .where(table.collected_ms <= at_ms, table.received_ms <= known_ms)
        .order_by(table.collected_ms)
    )
    for name, subject, *past in connection.execute(query):
        yield (name, subject), Past(*past)


def _newest(connection: Connection, facility: str, at_ms: int, known_ms: int) -> Iterator[Fact]:
    history = schema.fact_history
    known = and_(
        _of(connection, history.c, facility),
        history.c.collected_ms <= at_ms,
        history.c.received_ms <= known_ms,
    )
    last = (
        select(history.c.name, history.c.subject, func.max(history.c.collected_ms).label("at"))
        .where(known)
        .group_by(history.c.name, history.c.subject)
        .subquery()
    )
    same = and_(
        history.c.name == last.c.name,
        history.c.subject == last.c.subject,
        history.c.collected_ms == last.c["at"],
    )
    rows = select(history).join(last, same).where(known).order_by(history.c.received_ms)
    newest: dict[FactKey, Fact] = {}
    for row in connection.execute(rows):
        kind = KINDS.get(row.name)
        newest[row.name, row.subject] = Fact(
            **row._mapping,  # noqa: SLF001 - its public name
            unit="" if kind is None else kind.unit,
        )
    yield from newest.values()
