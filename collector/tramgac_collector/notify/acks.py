"""Acknowledgements: somebody has taken an incident on, for a time."""

import json

from sqlalchemy import Connection, insert

from tramgac_collector.identity.register import note
from tramgac_collector.notify.rows import get_incident
from tramgac_collector.store.schema import acks, incident_events


class NotAcknowledged(Exception):  # noqa: N818 - an answer
    """There is nothing to acknowledge: ``no_incident`` or ``closed``."""

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

    Args:
        connection: In a transaction.
        incident_id: Which.
        recipient: Who.
        how: ``link`` or ``cli``.
        now_ms: When.
        minutes: How long.
        text: What they add.

    Returns:
        When it ends.

    Raises:
        NotAcknowledged: It is over, or never was.
    """
    incident = get_incident(connection, incident_id)
    if incident is None:
        raise NotAcknowledged("no_incident")
    if incident.closed_ms is not None:
        raise NotAcknowledged("closed")
    expires_ms = now_ms + int(minutes * 60_000)
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
