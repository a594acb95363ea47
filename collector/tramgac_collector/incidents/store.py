"""Incidents between the tables and the engine's types."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, insert, or_, select, update

from tramgac_collector.incidents.codes import CODES
from tramgac_collector.incidents.model import Change, Detail, Incident, Window
from tramgac_collector.incidents.scene import RECENT_MS
from tramgac_collector.store.schema import incident_events, incidents, maintenances

COLLECTOR = "collector"


def _incident(row: Row[Any]) -> Incident:
    return Incident(
        number=row.id,
        node=row.node,
        code=row.code,
        facility=row.facility,
        site=row.site,
        opened_ms=row.opened_ms,
        severity=row.severity,
        cause=row.cause,
        closed_ms=row.closed_ms,
        parent=row.parent_id,
        detail=msgspec.json.decode(row.detail, type=Detail),
        told_ms=row.told_ms,
        recovered_told_ms=row.recovered_told_ms,
    )


def load_current(connection: Connection, now_ms: int) -> list[Incident]:
    """What is open, and what ended lately; the oldest first."""
    ended = incidents.c.closed_ms
    query = (
        select(incidents)
        .where(or_(ended.is_(None), ended > now_ms - RECENT_MS), incidents.c.code.in_(CODES))
        .order_by(incidents.c.id)
    )
    return [_incident(row) for row in connection.execute(query)]


def load_windows(connection: Connection, now_ms: int) -> list[Window]:
    """Work that is planned for now."""
    table = maintenances.c
    query = select(table.node, table.from_ms, table.until_ms).where(
        table.until_ms > now_ms,
        table.from_ms <= now_ms,
        table.revoked_ms.is_(None),
        table.refused == "",
    )
    return [Window(*row) for row in connection.execute(query)]


def apply(connection: Connection, changes: Sequence[Change], now_ms: int) -> None:
    """Write what changed, and the record of it; a few dozen changes take milliseconds."""
    for change in changes:
        number = change.incident.number or _add(connection, change.incident, now_ms)
        if change.incident.number:
            _save(connection, change.incident, now_ms)
        note(connection, number, now_ms, change.event.value, change.info)


def _values(incident: Incident, now_ms: int) -> dict[str, Any]:
    return {
        "code": incident.code,
        "closed_ms": incident.closed_ms,
        "cause": incident.cause,
        "severity": incident.severity,
        "parent_id": incident.parent,
        "detail": msgspec.json.encode(incident.detail).decode(),
        "changed_ms": now_ms,
    }


def _add(connection: Connection, incident: Incident, now_ms: int) -> int:
    made = connection.execute(
        insert(incidents).values(
            node=incident.node,
            facility=incident.facility,
            site=incident.site,
            opened_ms=incident.opened_ms,
            vendor=incident.vendor[:200],
            **_values(incident, now_ms),
        )
    )
    return int((made.inserted_primary_key or (0,))[0])


def _save(connection: Connection, incident: Incident, now_ms: int) -> None:
    connection.execute(
        update(incidents)
        .where(incidents.c.id == incident.number)
        .values(**_values(incident, now_ms))
    )


def note(  # noqa: PLR0917 - the columns of a row
    connection: Connection,
    number: int,
    at_ms: int,
    kind: str,
    info: dict[str, str],
    actor: str = COLLECTOR,
) -> None:
    """Add to the record of an incident."""
    connection.execute(
        insert(incident_events).values(
            incident_id=number,
            at_ms=at_ms,
            kind=kind,
            actor=actor[:64],
            detail=json.dumps(info, ensure_ascii=False),
        )
    )
