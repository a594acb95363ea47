"""What one accepted report writes, and how many reports are written as one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from sqlalchemy import Connection, and_, delete, or_

from tramgac_collector.store import schema
from tramgac_collector.store.bulk import Row, insert_ignore, upsert


class Keep(IntEnum):
    """Retention class of a record."""

    POINT = 0
    EVENT = 1
    EVIDENCE = 2


_EPOCH = ("id", "agent_id", "epoch", "created_ms", "contiguous", "ranges")
_SERIES = ("epoch_id", "series_id", "definition")
_RECORD = ("epoch_id", "seq", "event_ms", "received_ms", "keep", "payload")
_GAP = ("epoch_id", "first", "last", "reason", "received_ms")
_LATEST = (
    "agent_id",
    "stream",
    "epoch_id",
    "event_ms",
    "received_ms",
    "expires_ms",
    "payload",
)
_QUARANTINE = ("agent_id", "epoch", "seq", "code", "received_ms", "payload")


@dataclass(slots=True)
class Batch:
    """Rows of one report, each a tuple in the order of the constants above.

    Attributes:
        epoch: The ack ledger's row as it stands once this batch is stored.
        closed: Keys ``(epoch_id, first)`` of gaps that a later gap record explains better.
    """

    epoch: Row | None = None
    series: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    closed: list[tuple[int, int]] = field(default_factory=list)
    gaps: list[Row] = field(default_factory=list)
    latest: list[Row] = field(default_factory=list)
    quarantine: list[Row] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.epoch or self.series)


def store(connection: Connection, batches: Sequence[Batch]) -> int:
    """Write batches in order, inside the caller's transaction.

    Returns:
        How many records were there already; their content is left as it was.
    """
    records = [row for batch in batches for row in batch.records]
    series = [row for batch in batches for row in batch.series]
    latest = [row for batch in batches for row in batch.latest]
    quarantine = [row for batch in batches for row in batch.quarantine]
    if series:
        insert_ignore(connection, schema.series, _SERIES, series)
    new = insert_ignore(connection, schema.records, _RECORD, records) if records else 0
    for batch in batches:
        if batch.closed:
            _close(connection, batch.closed)
        if batch.gaps:
            insert_ignore(connection, schema.gaps, _GAP, batch.gaps)
    if latest:
        latest.sort(key=lambda row: row[3])  # the newest of one stream must win
        upsert(connection, schema.latest, _LATEST, latest, newer_by="event_ms")
    if quarantine:
        insert_ignore(connection, schema.quarantine, _QUARANTINE, quarantine)
    upsert(connection, schema.epochs, _EPOCH, [one.epoch for one in batches if one.epoch])
    return len(records) - new


def _close(connection: Connection, keys: list[tuple[int, int]]) -> None:
    gaps = schema.gaps
    matches = [and_(gaps.c.epoch_id == epoch, gaps.c.first == first) for epoch, first in keys]
    connection.execute(delete(gaps).where(or_(*matches)))
