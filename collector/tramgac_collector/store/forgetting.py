"""What of incidents and planned work may be forgotten, in the order in which rows lean on others.

An open incident and all that belongs to it stay, however old: else it would be told anew.
"""

from collections.abc import Iterator

from sqlalchemy import ColumnElement, Table, and_, exists, or_, select

from tramgac_collector.store.schema import (
    acks,
    audit,
    incident_events,
    incidents,
    maintenances,
    notifications,
)


def forgettable(events_ms: int, evidence_ms: int) -> Iterator[tuple[Table, ColumnElement[bool]]]:
    """Tables with what may go.

    Args:
        events_ms: What was sent before goes, unless its incident is open.
        evidence_ms: Incidents that ended before go with their record: reports read them.
    """
    numbers = select(incidents.c.id)
    still_open = numbers.where(incidents.c.closed_ms.is_(None))
    over = numbers.where(incidents.c.closed_ms < evidence_ms)
    told = notifications.c
    sent_long_ago = and_(
        told.made_ms < events_ms,
        or_(told.incident_id.is_(None), told.incident_id.not_in(still_open)),
    )
    yield notifications, or_(sent_long_ago, told.incident_id.in_(over))
    yield acks, acks.c.incident_id.in_(over)
    yield incident_events, incident_events.c.incident_id.in_(over)
    inner = incidents.alias()
    leaning = [exists().where(inner.c.parent_id == incidents.c.id)]
    leaning += [
        exists().where(table.c.incident_id == incidents.c.id)
        for table in (notifications, acks, incident_events)
    ]
    yield incidents, and_(incidents.c.closed_ms < evidence_ms, ~or_(*leaning))
    yield maintenances, maintenances.c.until_ms < evidence_ms
    # Strangers can make refusals without end; what people changed is kept as evidence.
    refused = audit.c.action.like("%\\_refused", escape="\\")
    yield audit, or_(and_(refused, audit.c.at_ms < events_ms), audit.c.at_ms < evidence_ms)
