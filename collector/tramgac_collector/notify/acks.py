"""Acknowledgements: somebody has taken an incident on, for a time."""

import json
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select

from tramgac_collector.identity.register import note
from tramgac_collector.notify.pipeline import Ack, Incident
from tramgac_collector.notify.rows import get_incident
from tramgac_collector.store.schema import acks, incident_events, incidents

BY_LINK = "link"
# By one link: more is no person's hand.
MOST_PER_HOUR = 6
_HOUR_MS = 3_600_000


class Running(NamedTuple):
    """Who took an incident on, how, and until when (ms)."""

    recipient: str
    how: str
    expires_ms: int


class NotAcknowledged(Exception):  # noqa: N818 - an answer
    """Nothing was acknowledged: ``no_incident``, ``closed`` or ``too_often``."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def acknowledge(
    connection: Connection,
    incident_id: int,
    recipient: str,
    *,
    how: str,
    now_ms: int,
    minutes: float,
    text: str = "",
) -> int:
    """Keep an incident quiet for some minutes; audited.

    While what a link has said runs, saying it again changes nothing and tells when it ends.

    Args:
        connection: In a transaction.
        incident_id: Which.
        recipient: Who.
        how: ``link``, ``cli`` or ``page``.
        now_ms: When.
        minutes: How long.
        text: What they add.

    Returns:
        When it ends.

    Raises:
        NotAcknowledged: It is over, never was, or was answered too often.
    """
    # Two presses of one button wait for each other.
    connection.execute(
        select(incidents.c.id).where(incidents.c.id == incident_id).with_for_update()
    )
    _check_open(get_incident(connection, incident_id))
    expires_ms = now_ms + int(minutes * 60_000)
    if how == BY_LINK and (ends := _running_by_link(connection, incident_id, recipient, now_ms)):
        return ends
    connection.execute(
        insert(acks).values(
            incident_id=incident_id,
            recipient=recipient[:200],
            how=how,
            at_ms=now_ms,
            expires_ms=expires_ms,
            note=text[:200],
        )
    )
    connection.execute(
        insert(incident_events).values(
            incident_id=incident_id,
            at_ms=now_ms,
            kind="acked",
            actor=recipient[:64],
            detail=json.dumps({"how": how, "expires_ms": expires_ms, "note": text[:200]}),
        )
    )
    what = (recipient[:64], "incident_acked", str(incident_id))
    note(connection, now_ms, what, f"{how}, until {expires_ms}")
    return expires_ms


def running(
    connection: Connection, numbers: Sequence[int], now_ms: int
) -> dict[int, list[Running]]:
    """Acknowledgements that hold, by incident, the oldest first.

    One from ahead of a clock that was set back does not: nobody works on it till then.
    """
    table = acks.c
    found: dict[int, list[Running]] = {}
    query = select(acks).where(table.incident_id.in_(numbers), table.expires_ms > now_ms)
    for row in connection.execute(query.order_by(table.id)):
        if Ack(row.recipient, row.at_ms, row.expires_ms).runs(now_ms):
            one = Running(row.recipient, row.how, row.expires_ms)
            found.setdefault(row.incident_id, []).append(one)
    return found


def _check_open(incident: Incident | None) -> None:
    if incident is None:
        raise NotAcknowledged("no_incident")
    if incident.closed_ms is not None:
        raise NotAcknowledged("closed")


def _running_by_link(
    connection: Connection, incident_id: int, recipient: str, now_ms: int
) -> int | None:
    """When what this link has said already ends; None where it may say something."""
    table = acks.c
    mine = (
        table.incident_id == incident_id,
        table.recipient == recipient[:200],
        table.how == BY_LINK,
    )
    ends = [
        one.expires_ms
        for some in running(connection, [incident_id], now_ms).values()
        for one in some
        if (one.recipient, one.how) == (recipient[:200], BY_LINK)
    ]
    if ends:
        return max(ends)
    near = table.at_ms.between(now_ms - _HOUR_MS, now_ms + _HOUR_MS)
    if (connection.scalar(select(func.count()).where(*mine, near)) or 0) >= MOST_PER_HOUR:
        raise NotAcknowledged("too_often")
    return None
