"""Incidents as people ask for them, and what people do to one; all audited."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, or_, select, update

from tramgac_collector.identity.register import note as audit
from tramgac_collector.incidents.codes import HOUR
from tramgac_collector.incidents.model import Detail
from tramgac_collector.incidents.outages import (
    OUTAGE_CODES,
    Entry,
    Outage,
    Record,
    outage_of,
)
from tramgac_collector.incidents.store import note
from tramgac_collector.store.schema import acks, incident_events, incidents, maintenances

_MOST = 1_000
_MOMENTS = ("told", "answered", "fixed")
# Numbers in one query.
_CHUNK = 500


class Unknown(Exception):  # noqa: N818 - an answer to a person
    """There is no such incident, or it is over."""


@dataclass(frozen=True, slots=True)
class Doer:
    """Who does something, when (ms)."""

    name: str
    now_ms: int


def find(
    connection: Connection, *, facility: str = "", closed: bool = False
) -> list[dict[str, Any]]:
    """Open incidents, or all of them; the newest first.

    Of a facility those too that are nobody's own and took something of it: else a hospital that
    is cut off with a carrier's line would seem well.
    """
    query = select(incidents).order_by(incidents.c.id.desc()).limit(_MOST)
    if facility:
        query = query.where(incidents.c.facility.in_((facility, "")))
    if not closed:
        query = query.where(incidents.c.closed_ms.is_(None))
    return [_shown(row) for row in connection.execute(query) if _touches(row, facility)]


def read(connection: Connection, number: int) -> dict[str, Any]:
    """One incident with its record.

    Raises:
        Unknown: There is none of that number.
    """
    row = connection.execute(select(incidents).where(incidents.c.id == number)).one_or_none()
    if row is None:
        raise Unknown(f"no incident {number}; see `incidents list --all`")
    table = incident_events.c
    query = select(incident_events).where(table.incident_id == number).order_by(table.id)
    events = [
        {
            "at_unix_ms": event.at_ms,
            "kind": event.kind,
            "actor": event.actor,
            "detail": json.loads(event.detail),
        }
        for event in connection.execute(query)
    ]
    acked = select(acks).where(acks.c.incident_id == number).order_by(acks.c.id)
    people = [
        {"who": one.recipient, "how": one.how, "at_unix_ms": one.at_ms, "until_ms": one.expires_ms}
        for one in connection.execute(acked)
    ]
    return {**_shown(row), "acknowledged": people, "events": events}


def outages(
    connection: Connection, facility: str, from_ms: int, to_ms: int, known_at_ms: int
) -> list[Outage]:
    """Outages of a facility between two moments, as they were known at a third; oldest first.

    What was nobody's own - a carrier's line, a provider, the centre's line - is among them where
    it took something of the facility with it.

    Args:
        connection: For reading.
        facility: Empty: of the whole province.
        from_ms: Beginning of the span.
        to_ms: End of it.
        known_at_ms: What was learnt later is left out.
    """
    asked = Asked(from_ms, known_at_ms, OUTAGE_CODES, facility)
    records = read_records(connection, asked)
    known = (outage_of(one, (from_ms, to_ms), known_at_ms) for one in records)
    return [one for one in known if one is not None]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which incidents to read with their record.

    Attributes:
        from_ms: What ended earlier is left out.
        opened_by_ms: What was opened later is left out.
        facility: Empty: of the whole province.
    """

    from_ms: int
    opened_by_ms: int
    codes: Collection[str]
    facility: str = ""


def read_records(connection: Connection, asked: Asked) -> Iterator[Record]:
    """Incidents with their records, the oldest first.

    Of a facility those too that are nobody's own and took something of it.
    """
    table = incidents.c
    query = (
        select(incidents)
        .where(table.opened_ms <= asked.opened_by_ms, table.code.in_(asked.codes))
        # Its end is written some minutes after it ended: until then it went on, as was known.
        .where(or_(table.closed_ms.is_(None), table.closed_ms > asked.from_ms - HOUR))
        .order_by(table.opened_ms, table.id)
    )
    if asked.facility:
        query = query.where(table.facility.in_((asked.facility, "")))
    rows = [row for row in connection.execute(query) if _touches(row, asked.facility)]
    for at in range(0, len(rows), _CHUNK):
        chunk = rows[at : at + _CHUNK]
        entries = _entries(connection, [row.id for row in chunk])
        for row in chunk:
            yield _record_of(row, asked.facility, entries.get(row.id, []))


def _inside(row: Row[Any], facility: str) -> tuple[str, ...]:
    detail = msgspec.json.decode(row.detail, type=Detail)
    if not facility:
        return detail.inside
    return tuple(
        one for one in detail.inside if one.rpartition(":")[2].partition("/")[0] == facility
    )


def _touches(row: Row[Any], facility: str) -> bool:
    return not facility or row.facility == facility or bool(_inside(row, facility))


def _entries(connection: Connection, numbers: list[int]) -> dict[int, list[Entry]]:
    table = incident_events.c
    query = (
        select(table.incident_id, table.at_ms, table.kind, table.detail)
        .where(table.incident_id.in_(numbers))
        .order_by(table.id)
    )
    found: dict[int, list[Entry]] = {}
    for number, at_ms, kind, detail in connection.execute(query):
        found.setdefault(number, []).append(Entry(at_ms, kind, json.loads(detail)))
    return found


def _record_of(row: Row[Any], facility: str, entries: list[Entry]) -> Record:
    return Record(
        number=row.id,
        node=row.node,
        code=row.code,
        facility=row.facility,
        site=row.site,
        opened_ms=row.opened_ms,
        closed_ms=row.closed_ms,
        cause=row.cause,
        severity=row.severity,
        inside=_inside(row, facility),
        entries=entries,
        vendor=row.vendor,
    )


def _shown(row: Row[Any]) -> dict[str, Any]:
    detail = msgspec.json.decode(row.detail, type=Detail)
    return {
        "incident": row.id,
        "code": row.code,
        "node": row.node,
        "facility": row.facility,
        "site": row.site,
        "severity": row.severity,
        "cause": row.cause,
        "opened_unix_ms": row.opened_ms,
        "closed_unix_ms": row.closed_ms,
        "parent": row.parent_id,
        "previous": detail.previous,
        "unknown": detail.unknown,
        "inside": list(detail.inside),
        "down": list(detail.down),
        "told_unix_ms": row.told_ms,
        "vendor": row.vendor,
        **{f"vendor_{name}_unix_ms": getattr(row, f"vendor_{name}_ms") for name in _MOMENTS},
    }


def hand_over(
    connection: Connection, number: int, doer: Doer, vendor: str, moment: str = "told"
) -> None:
    """Start or stop a vendor's clock.

    Args:
        connection: Where to write.
        number: The incident; it may be over: a repair is noted late.
        doer: Who says so.
        vendor: Whose clock; empty to keep who was named.
        moment: ``told``, ``answered`` or ``fixed``.

    Raises:
        Unknown: There is no such incident, or no vendor was ever named for it.
    """
    known = read(connection, number)["vendor"]
    if not (vendor or known):
        raise Unknown(f"incident {number} was handed to nobody; name the vendor with --to")
    changed = {"vendor": (vendor or known)[:200], f"vendor_{moment}_ms": doer.now_ms}
    connection.execute(
        update(incidents).where(incidents.c.id == number).values(**changed, changed_ms=doer.now_ms)
    )
    _record(connection, number, doer, "handed_over", {"to": vendor or known, "moment": moment})


def close_note(connection: Connection, number: int, doer: Doer, text: str) -> None:
    """Write down what it was and what was done; it ends by evidence alone.

    Raises:
        Unknown: There is no such incident.
    """
    read(connection, number)
    _record(connection, number, doer, "noted", {"note": text})


def _record(
    connection: Connection, number: int, doer: Doer, kind: str, info: dict[str, str]
) -> None:
    note(connection, number, doer.now_ms, kind, info, doer.name)
    what = (doer.name, f"incident_{kind}", str(number))
    audit(connection, doer.now_ms, what, json.dumps(info, ensure_ascii=False))


def plan(connection: Connection, doer: Doer, node: str, span: tuple[int, int], why: str) -> int:
    """Plan work on a node and all below it; return its number.

    Args:
        connection: Where to write.
        doer: Who says so.
        node: As the tree names it.
        span: From and until, ms.
        why: For people.
    """
    made = connection.execute(
        insert(maintenances).values(
            node=node, from_ms=span[0], until_ms=span[1], reason=why[:200],
            entered_ms=doer.now_ms, entered_by=doer.name,
        )
    )  # fmt: skip
    audit(connection, doer.now_ms, (doer.name, "maintenance_added", node), why)
    return int((made.inserted_primary_key or (0,))[0])


def plans(connection: Connection, now_ms: int) -> list[dict[str, Any]]:
    """Work that is planned, now or later."""
    table = maintenances.c
    query = (
        select(maintenances)
        .where(table.until_ms > now_ms, table.revoked_ms.is_(None))
        .order_by(table.from_ms)
    )
    return [
        {
            "maintenance": row.id,
            "node": row.node,
            "from_unix_ms": row.from_ms,
            "until_unix_ms": row.until_ms,
            "reason": row.reason,
            "entered_by": row.entered_by,
            "origin": "host" if row.agent_id else "centre",
            "refused": row.refused,
        }
        for row in connection.execute(query)
    ]


def end_plan(connection: Connection, doer: Doer, number: int) -> None:
    """End planned work at once.

    Raises:
        Unknown: There is no such work, or it is over.
    """
    table = maintenances.c
    done = connection.execute(
        update(maintenances)
        .where(
            table.id == number,
            table.revoked_ms.is_(None),
            table.until_ms > doer.now_ms,
            table.refused == "",
        )
        .values(revoked_ms=doer.now_ms)
    )
    if not done.rowcount:
        raise Unknown(f"no planned work {number}; see `maintenance list`")
    audit(connection, doer.now_ms, (doer.name, "maintenance_ended", str(number)))
