"""A store that holds what ``told`` tells, as a running collector would have written it."""

from pathlib import Path

from helpers.evidence import NOW, OWNER
from sqlalchemy import insert

from tramgac_collector.facts.ledger import FactLedger
from tramgac_collector.inventory.versions import import_inventory
from tramgac_collector.store import schema
from tramgac_collector.store.engine import open_engine, upgrade
from tramgac_proto.v1 import fleet_pb2


def write_store(url: str, facts: FactLedger, inventory: Path | None = None) -> None:
    """Put facts, and an inventory, into a new store."""
    upgrade(url)
    engine = open_engine(url)
    with engine.begin() as connection:
        if inventory is not None:
            import_inventory(connection, inventory)
        while steps := facts.take_writes(NOW):
            for step in steps:
                step.store(connection)
    engine.dispose()


def store_drill(url: str, drill: fleet_pb2.Drill) -> None:
    """Put a drill's record into a store, under the usual agent."""
    facility, host, _ = drill.series.split("/")
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(
            insert(schema.drills).values(
                agent_id=OWNER.agent_id, agent_version="0.1.0", facility=facility, host=host,
                series=drill.series, drill_id=drill.drill_id, kind=drill.kind,
                passed=drill.passed, conclusive=drill.conclusive,
                started_ms=drill.started_unix_ms, ended_ms=drill.ended_unix_ms,
                received_ms=drill.ended_unix_ms + 1_000, payload=drill.SerializeToString(),
            )
        )  # fmt: skip
    engine.dispose()
