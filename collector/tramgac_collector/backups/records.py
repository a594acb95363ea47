"""The evidence record of a restore drill: stored with the report that told of it, kept for years.

``docs/formats/drill-record.md`` is the format of ``evidence_of``.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Select, select

from tramgac_collector.inventory.base import Named
from tramgac_collector.inventory.load import InventoryError, parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.versions import in_force_at
from tramgac_collector.store import schema
from tramgac_proto.v1 import fleet_pb2

if TYPE_CHECKING:
    from tramgac_collector.ingest.arrival import Arrival
    from tramgac_collector.store.bulk import Row

FORMAT = "tramgac-drill-record"
_DIGEST = "sha256"
# Nobody restores for thirty years; a figure beyond says nothing.
_MOST_MS = 10**12


def drill_rows(arrival: "Arrival", agent_version: str) -> "Iterator[Row]":
    """The row of ``drills`` that a report of a drill makes; none for one without an id."""
    drill = arrival.observation.drill
    if not drill.drill_id:
        return
    owner, now = arrival.subject, arrival.received_ms
    started, ended = map(arrival.centre_ms, (drill.started_unix_ms, drill.ended_unix_ms))
    yield (
        *(arrival.reporter.agent_id, owner.facility, owner.host, agent_version, drill.series),
        *(drill.drill_id, drill.kind, drill.passed, drill.conclusive, started, ended, now),
        drill.SerializeToString(),
    )


@dataclass(frozen=True)
class StoredDrill:
    """One row of ``drills``; times in centre time, ms.

    Attributes:
        number: Its number in this store.
    """

    number: int
    agent_id: str
    facility: str
    host: str
    agent_version: str
    series: str
    drill_id: str
    kind: str
    passed: bool
    conclusive: bool
    started_ms: int
    ended_ms: int
    received_ms: int
    payload: bytes

    @cached_property
    def told(self) -> fleet_pb2.Drill:
        """What the agent said, in its own time."""
        return fleet_pb2.Drill.FromString(self.payload)

    @property
    def result(self) -> str:
        """``passed``, ``failed`` or ``inconclusive``."""
        if not self.conclusive:
            return "inconclusive"
        return "passed" if self.passed else "failed"


def list_drills(
    connection: Connection, facility: str = "", series: str = "", limit: int = 1_000
) -> list[StoredDrill]:
    """The newest drills, newest first."""
    drills = schema.drills.c
    query = select(schema.drills).order_by(drills.ended_ms.desc(), drills.id.desc()).limit(limit)
    if facility:
        query = query.where(drills.facility == facility)
    if series:
        query = query.where(drills.series == series)
    return _all(connection, query)


def find_drills(connection: Connection, drill_id: str) -> list[StoredDrill]:
    """Drills of one id: one, unless two agents chose the same."""
    return _all(connection, select(schema.drills).where(schema.drills.c.drill_id == drill_id))


def get_drill(connection: Connection, number: int) -> StoredDrill | None:
    """A drill by its number in this store."""
    found = _all(connection, select(schema.drills).where(schema.drills.c.id == number))
    return found[0] if found else None


def numbers_of(connection: Connection, ended: Mapping[str, int]) -> dict[str, int]:
    """Numbers of the drills that ended at these times, by series.

    Args:
        connection: Where to read.
        ended: End of a drill in ms, centre time, by series; a page's worth, not thousands.
    """
    drills = schema.drills.c
    query = select(drills.series, drills.ended_ms, drills.id).where(
        drills.series.in_(ended), drills.ended_ms.in_(ended.values())
    )
    rows = connection.execute(query)
    return {row.series: row.id for row in rows if ended.get(row.series) == row.ended_ms}


def _all(connection: Connection, query: "Select[Any]") -> list[StoredDrill]:
    return [StoredDrill(*tuple(row)) for row in connection.execute(query)]


def _names(thing: Named | None) -> dict[str, str] | None:
    return None if thing is None else {"vi": thing.title("vi"), "en": thing.title("en")}


def _declared(inventory: Inventory, drill: StoredDrill) -> dict[str, Any]:
    """Names of what was drilled, as the inventory had them."""
    facility = inventory.facility(drill.facility)
    placed = inventory.place_of(drill.facility, drill.host)
    series = next((one for one in inventory.all_series() if one.id == drill.series), None)
    return {
        "facility_name": _names(facility),
        "facility_code": facility.code if facility else None,
        "host_name": _names(placed.host if placed else None),
        "dataset_name": _names(series.dataset if series else None),
        "destination_name": _names(series.destination if series else None),
    }


def _inventory_then(connection: Connection, at_ms: int) -> tuple[int | None, Inventory]:
    """The inventory in force when a drill was told of: later changes of names change nothing."""
    version = in_force_at(connection, at_ms)
    if version is None:
        return None, Inventory()
    try:
        return version.number, parse_inventory(version.document, "inventory")
    except InventoryError:
        # It was written for another version of the collector; the ids are in the series.
        return version.number, Inventory()


def evidence_of(connection: Connection, drill: StoredDrill) -> dict[str, Any]:
    """The whole record: whole numbers, texts, truth values and None only, and its digest."""
    version, inventory = _inventory_then(connection, drill.received_ms)
    told = drill.told
    restore_ms = round(min(max(told.restore_seconds * 1000, 0), _MOST_MS))
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": 1,
        "drill_id": drill.drill_id,
        "kind": drill.kind,
        "started_by": told.started_by,
        "series": drill.series,
        "facility": drill.facility,
        "host": drill.host,
        "ran_on": told.host,
        "agent_id": drill.agent_id,
        "agent_version": drill.agent_version,
        "tool": told.tool,
        "tool_version": told.tool_version,
        "inventory_version": version,
        **_declared(inventory, drill),
        "started_unix_ms": drill.started_ms,
        "ended_unix_ms": drill.ended_ms,
        "received_unix_ms": drill.received_ms,
        "agent_started_unix_ms": told.started_unix_ms,
        "agent_ended_unix_ms": told.ended_unix_ms,
        "snapshot_id": told.snapshot_id,
        "snapshot_unix_ms": told.snapshot_unix_ms or None,
        "snapshot_bytes": told.snapshot_bytes or None,
        "files": told.files,
        "files_expected": told.files_expected,
        "files_same": told.files_same,
        "bytes": told.bytes,
        "restore_ms": restore_ms,
        "bytes_per_second": told.bytes * 1000 // restore_ms if restore_ms else None,
        "proof": told.proof,
        "proof_count": told.proof_count,
        "digest": told.digest,
        "result": drill.result,
        "failure": told.failure,
    }
    return {**content, _DIGEST: digest_of(content)}


def digest_of(record: Mapping[str, Any]) -> str:
    """SHA-256 over a record's canonical JSON, its own digest left out; hex."""
    content = {key: value for key, value in record.items() if key != _DIGEST}
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
