"""Notifications, acknowledgements and incidents, between tables and the pipeline's types."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    and_,
    exists,
    insert,
    or_,
    select,
    union,
    update,
)

from tramgac_collector.notify.pipeline import (
    ALERTMANAGER,
    DOWN,
    RECOVERED,
    UNCONFIRMED,
    Ack,
    Case,
    Delivery,
    Incident,
    Notification,
    Telling,
)
from tramgac_collector.notify.plain import plain
from tramgac_collector.notify.roster import Target
from tramgac_collector.store.schema import (
    acks,
    incident_events,
    incidents,
    notifications,
    rule_results,
)

# Recoveries that could not be told by then are not told any more.
_SETTLED_MS = 48 * 3_600_000
# Rows of one query; all of them are looked at, the newest too.
_PAGE = 2_000
# The last moment that can be written as a date, with some years to spare.
_LAST_MS = 253_000_000_000_000
# SQLite takes so many parameters for sure.
_CHUNK = 500
_LONGEST = 200


def _sane(at_ms: int) -> int:
    """A wild clock must not end the turn for everybody."""
    return min(max(at_ms, 0), _LAST_MS)


def _incident(row: Row[Any]) -> Incident:
    try:
        detail = json.loads(row.detail)
    except ValueError:
        detail = {}
    return Incident(
        id=row.id,
        node=row.node,
        code=row.code,
        facility=row.facility,
        site=row.site,
        opened_ms=_sane(row.opened_ms),
        severity=row.severity,
        closed_ms=None if row.closed_ms is None else _sane(row.closed_ms),
        cause=row.cause,
        parent_id=row.parent_id,
        detail=detail if isinstance(detail, dict) else {},
        told_ms=row.told_ms,
    )


def _notification(row: Row[Any]) -> Notification:
    return Notification(
        id=row.id,
        incident_id=row.incident_id,
        digest=row.digest,
        stage=row.stage,
        target=Target(row.recipient, row.channel),
        made_ms=row.made_ms,
        next_ms=row.next_ms or 0,
        state=row.state,
        reason=row.reason,
        attempts=row.attempts,
        sent_ms=row.sent_ms,
    )


def _unsettled(now_ms: int) -> ColumnElement[bool]:
    """Incidents that may still need a message."""
    waiting = select(notifications.c.incident_id).where(
        notifications.c.state == "waiting", notifications.c.incident_id.is_not(None)
    )
    closed = incidents.c.closed_ms
    # Each by its own index: most incidents are long over.
    still = select(incidents.c.id).where(closed.is_(None))
    recent = select(incidents.c.id).where(closed > now_ms - _SETTLED_MS, _owed())
    return incidents.c.id.in_(union(still, waiting, recent))


def _owed() -> ColumnElement[bool]:
    """Somebody was told that it is there, and not yet that it is over."""
    down, over = notifications.alias(), notifications.alias()
    answered = exists().where(
        over.c.incident_id == down.c.incident_id,
        over.c.stage == RECOVERED,
        over.c.recipient == down.c.recipient,
        over.c.channel == down.c.channel,
    )
    return exists().where(
        down.c.incident_id == incidents.c.id,
        or_(
            down.c.state == "sent",
            and_(down.c.state == "dropped", down.c.reason == UNCONFIRMED),
        ),
        down.c.stage != RECOVERED,
        ~answered,
    )


def _pages(connection: Connection, condition: ColumnElement[bool]) -> Iterator[Incident]:
    last = 0
    while True:
        query = select(incidents).where(condition, incidents.c.id > last)
        page = connection.execute(query.order_by(incidents.c.id).limit(_PAGE)).all()
        yield from (_incident(row) for row in page)
        if len(page) < _PAGE:
            return
        last = page[-1].id


def load_cases(connection: Connection, now_ms: int) -> list[Case]:
    """Every incident that may need a message now, with what was done about it."""
    found = list(_pages(connection, _unsettled(now_ms)))
    ids = [one.id for one in found]
    told: dict[int, list[Notification]] = defaultdict(list)
    heard: dict[int, list[Ack]] = defaultdict(list)
    for chunk in _chunks(ids):
        for row in connection.execute(
            select(notifications).where(notifications.c.incident_id.in_(chunk))
        ):
            told[row.incident_id].append(_notification(row))
        for row in connection.execute(select(acks).where(acks.c.incident_id.in_(chunk))):
            heard[row.incident_id].append(Ack(row.recipient, row.at_ms, row.expires_ms))
    tellings = _tellings(connection, ids)
    still_open = {one.id for one in found if one.closed_ms is None}
    return [
        Case(
            one, tuple(told[one.id]), tuple(heard[one.id]), tellings.get(one.id, ()),
            parent_open=one.parent_id in still_open,
        )
        for one in found
    ]  # fmt: skip


def _chunks(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[at : at + _CHUNK] for at in range(0, len(ids), _CHUNK))


def _tellings(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[Telling, ...]]:
    found: dict[int, tuple[Telling, ...]] = {}
    for chunk in _chunks(ids):
        query = (
            select(incident_events)
            .where(incident_events.c.incident_id.in_(chunk), incident_events.c.kind == "told")
            .order_by(incident_events.c.id)
        )
        for row in connection.execute(query):
            said = json.loads(row.detail)
            telling = Telling(row.actor, said["code"], said["severity"], row.at_ms)
            found[row.incident_id] = (*found.get(row.incident_id, ()), telling)
    return found


def inside(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[Incident, ...]]:
    """The incidents that each of these covers, by its id."""
    found: dict[int, list[Incident]] = defaultdict(list)
    for chunk in _chunks(ids):
        query = select(incidents).where(incidents.c.parent_id.in_(chunk)).order_by(incidents.c.id)
        for row in connection.execute(query):
            found[row.parent_id].append(_incident(row))
    return {parent: tuple(children) for parent, children in found.items()}


def get_incident(connection: Connection, incident_id: int) -> Incident | None:
    """One incident by id."""
    row = connection.execute(select(incidents).where(incidents.c.id == incident_id)).one_or_none()
    return None if row is None else _incident(row)


def told_through_alertmanager(connection: Connection, since_ms: int) -> list[Case]:
    """What Alertmanager must go on hearing of: open, or closed since then."""
    closed = incidents.c.closed_ms
    still = select(incidents.c.id).where(closed.is_(None))
    recent = select(incidents.c.id).where(closed > since_ms)
    current = incidents.c.id.in_(union(still, recent))
    found = list(_pages(connection, and_(current, _fed())))
    tellings = _tellings(connection, [one.id for one in found])
    return [Case(one, tellings=tellings.get(one.id, ())) for one in found]


def _fed() -> ColumnElement[bool]:
    """Incidents that Alertmanager took."""
    return exists().where(
        notifications.c.incident_id == incidents.c.id,
        notifications.c.channel == ALERTMANAGER.channel,
        notifications.c.stage == DOWN,
        notifications.c.state == "sent",
    )


def acknowledged_at_alertmanager(connection: Connection, now_ms: int) -> list[Case]:
    """Open incidents that Alertmanager took and that somebody has in hand."""
    running = select(acks.c.incident_id).where(acks.c.expires_ms > now_ms)
    mine = and_(_fed(), incidents.c.closed_ms.is_(None), incidents.c.id.in_(running))
    found = list(_pages(connection, mine))
    ids = [one.id for one in found]
    tellings = _tellings(connection, ids)
    heard: dict[int, tuple[Ack, ...]] = {}
    for chunk in _chunks(ids):
        query = select(acks).where(acks.c.incident_id.in_(chunk), acks.c.expires_ms > now_ms)
        for row in connection.execute(query.order_by(acks.c.id)):
            ack = Ack(row.recipient, row.at_ms, row.expires_ms)
            if ack.runs(now_ms):
                heard[row.incident_id] = (*heard.get(row.incident_id, ()), ack)
    return [
        Case(one, (), heard[one.id], tellings.get(one.id, ())) for one in found if one.id in heard
    ]


def digests(connection: Connection, digest: str) -> list[Notification]:
    """Who was told, or is to be told, of one digest."""
    query = select(notifications).where(notifications.c.digest == digest)
    return [_notification(row) for row in connection.execute(query)]


def anything_judged(connection: Connection) -> bool:
    """Whether the judge has looked at any rule yet."""
    return connection.scalar(select(rule_results.c.rule).limit(1)) is not None


def _values(one: Notification) -> dict[str, Any]:
    return {
        "state": one.state,
        "reason": one.reason,
        "attempts": one.attempts,
        "next_ms": one.next_ms if one.state == "waiting" else None,
        "sent_ms": one.sent_ms,
    }


def add(connection: Connection, wanted: Iterable[Notification]) -> list[Notification]:
    """Store new notifications; return them with their ids."""
    stored = []
    for one in wanted:
        made = connection.execute(
            insert(notifications).values(
                incident_id=one.incident_id,
                digest=one.digest,
                stage=one.stage,
                channel=one.target.channel,
                recipient=one.target.recipient,
                made_ms=one.made_ms,
                **_values(one),
            )
        )
        key = made.inserted_primary_key
        stored.append(replace(one, id=int(key[0]) if key else 0))
    return stored


def save(connection: Connection, one: Notification, delivery: Delivery | None = None) -> None:
    """Store what became of a notification, and what the other side said."""
    values = _values(one)
    if delivery is not None:
        # Others wrote it: what no store takes must not keep everything after it from being stored.
        said = {"proof": delivery.proof, "error": delivery.error}
        values |= {name: plain(text, _LONGEST) for name, text in said.items()}
    connection.execute(update(notifications).where(notifications.c.id == one.id).values(values))


def note_told(
    connection: Connection, one: Notification, code: str, severity: str, now_ms: int
) -> None:
    """Remember at the incident that people know, and what it was when they were told."""
    column = incidents.c.recovered_told_ms if one.kind == RECOVERED else incidents.c.told_ms
    connection.execute(
        update(incidents)
        .where(incidents.c.id == one.incident_id, column.is_(None))
        .values({column.name: now_ms, "changed_ms": now_ms})
    )
    said = {
        "stage": one.stage, "channel": one.target.channel, "code": code, "severity": severity,
    }  # fmt: skip
    connection.execute(
        insert(incident_events).values(
            incident_id=one.incident_id,
            at_ms=now_ms,
            kind="told",
            actor=one.target.recipient[:64],
            detail=json.dumps(said),
        )
    )
