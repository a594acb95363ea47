"""Forgetting incidents: what is open stays with all that belongs to it, what is old goes whole."""

from helpers.rows import count
from sqlalchemy import Engine, insert, select

from tramgac_collector.config import RetentionSection
from tramgac_collector.store import schema
from tramgac_collector.store.engine import reading
from tramgac_collector.store.retention import Retention
from tramgac_collector.store.rollup import DAY_MS

NOW = 20_000 * DAY_MS
TABLES = (
    schema.incidents,
    schema.incident_events,
    schema.acks,
    schema.notifications,
    schema.maintenances,
)


def days_ago(days: float) -> int:
    return NOW - round(days * DAY_MS)


def add_incident(engine: Engine, number: int, closed: float | None, **more: object) -> None:
    """One with an event, an acknowledgement and a message, each 500 days old."""
    old = days_ago(500)
    closed_ms = None if closed is None else days_ago(closed)
    with engine.begin() as connection:
        connection.execute(
            insert(schema.incidents).values(
                id=number, node="bv/main", code="site_unreachable", opened_ms=old,
                closed_ms=closed_ms, severity="high", changed_ms=old, **more,
            )
        )  # fmt: skip
        event = {"incident_id": number, "at_ms": old, "kind": "opened"}
        ack = {"incident_id": number, "recipient": "lan", "how": "cli", "at_ms": old}
        told = {"incident_id": number, "stage": "down", "channel": "mail", "recipient": "lan"}
        connection.execute(insert(schema.incident_events).values(event))
        connection.execute(insert(schema.acks).values({**ack, "expires_ms": old + 1}))
        connection.execute(
            insert(schema.notifications).values({**told, "state": "sent", "made_ms": old})
        )


def forget(engine: Engine) -> list[int]:
    """One turn that keeps events for 100 days and evidence for 400; rows left of each table."""
    section = RetentionSection(events_days=100, evidence_days=400)
    for job in Retention(engine, section, lambda: NOW).other_steps():
        with engine.begin() as connection:
            job(connection)
    return [count(engine, table) for table in TABLES]


def test_an_open_incident_is_never_forgotten(engine: Engine) -> None:
    """Else it would be opened and told once more, two years on."""
    add_incident(engine, 1, None)

    assert forget(engine) == [1, 1, 1, 1, 0]


def test_an_incident_stays_for_as_long_as_evidence(engine: Engine) -> None:
    """Reports read its record; what was sent goes sooner."""
    add_incident(engine, 1, 399)
    add_incident(engine, 2, 401)

    assert forget(engine) == [1, 1, 1, 0, 0]


def test_a_parent_goes_after_what_leans_on_it(engine: Engine) -> None:
    """A large incident that is over stays while a part of it is not."""
    add_incident(engine, 1, 450)
    add_incident(engine, 2, None, parent_id=1)
    add_incident(engine, 3, 450)
    add_incident(engine, 4, 450, parent_id=3)

    forget(engine)
    assert forget(engine) == [2, 1, 1, 1, 0]


def test_planned_work_is_kept_as_evidence(engine: Engine) -> None:
    """What was planned explains an outage as long as that is kept."""
    for until in (399, 401):
        with engine.begin() as connection:
            connection.execute(
                insert(schema.maintenances).values(
                    node="bv/main", from_ms=days_ago(500), until_ms=days_ago(until),
                    reason="switch", entered_ms=days_ago(500), entered_by="lan",
                )
            )  # fmt: skip

    assert forget(engine) == [0, 0, 0, 0, 1]


def test_refusals_go_sooner_than_what_people_changed(engine: Engine) -> None:
    """Strangers can make refusals without end; what somebody changed is evidence."""
    rows = [
        ("page_refused", 101), ("page_refused", 99), ("link_refused", 300), ("accepted_gap", 399),
        ("accepted_gap", 401), ("refused", 101),
    ]  # fmt: skip
    with engine.begin() as connection:
        for action, days in rows:
            entry = {"at_ms": days_ago(days), "actor": "lan", "action": action, "object": "x"}
            connection.execute(insert(schema.audit).values(entry))
    forget(engine)
    with reading(engine) as connection:
        left = [row.action for row in connection.execute(select(schema.audit.c.action))]
    assert sorted(left) == ["accepted_gap", "page_refused", "refused"]
