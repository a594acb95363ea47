"""What one accepted report writes, and how many reports are written as one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from operator import itemgetter

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
# Without the number the store gives.
DRILL = tuple(schema.drills.columns.keys())[1:]
FACT = tuple(schema.facts.columns.keys())
HISTORY = (
    "name",
    "subject",
    "collected_ms",
    "received_ms",
    "value",
    "text",
    "expires_ms",
    "origin",
    "quality",
)
# Losses that no gap record has explained; agents cannot use this reason.
LOST_AT_CENTRE = "lost_at_centre"
# SQLite nests conditions no deeper than 1,000.
_CLOSED_AT_ONCE = 100
_COLLECTED = FACT.index("collected_ms")


@dataclass(slots=True)
class Batch:
    """Rows of one report, each a tuple in the order of the constants above.

    Attributes:
        epoch: The ack ledger's row as it stands once this batch is stored.
        closed: ``(epoch_id, first, last)``: losses at the centre that begin in there are
            removed, since a gap record explains them better; ``gaps`` has what is left.
        facts: What happened once and is never told again; durable with its record.
        history: The same for the history of facts.
        drills: The evidence record of each drill, in the order of ``DRILL``.
        steps: What must look before it writes, such as planned work; a step may run twice.
    """

    epoch: Row | None = None
    series: list[Row] = field(default_factory=list)
    records: list[Row] = field(default_factory=list)
    closed: list[tuple[int, int, int]] = field(default_factory=list)
    gaps: list[Row] = field(default_factory=list)
    latest: list[Row] = field(default_factory=list)
    quarantine: list[Row] = field(default_factory=list)
    facts: list[Row] = field(default_factory=list)
    history: list[Row] = field(default_factory=list)
    drills: list[Row] = field(default_factory=list)
    steps: list[Callable[[Connection], object]] = field(default_factory=list)

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
    _store_facts(connection, batches)
    drills = [row for batch in batches for row in batch.drills]
    if drills:
        insert_ignore(connection, schema.drills, DRILL, drills)
    for step in (step for batch in batches for step in batch.steps):
        step(connection)
    upsert(connection, schema.epochs, _EPOCH, [one.epoch for one in batches if one.epoch])
    return len(records) - new


def _store_facts(connection: Connection, batches: Sequence[Batch]) -> None:
    facts = [row for batch in batches for row in batch.facts]
    if facts:
        facts.sort(key=itemgetter(_COLLECTED))
        upsert(connection, schema.facts, FACT, facts, newer_by="collected_ms")
        history = [row for batch in batches for row in batch.history]
        insert_ignore(connection, schema.fact_history, HISTORY, history)


def _close(connection: Connection, closed: list[tuple[int, int, int]]) -> None:
    gaps = schema.gaps
    for at in range(0, len(closed), _CLOSED_AT_ONCE):
        matches = [
            and_(gaps.c.epoch_id == epoch, gaps.c.first.between(first, last))
            for epoch, first, last in closed[at : at + _CLOSED_AT_ONCE]
        ]
        connection.execute(delete(gaps).where(gaps.c.reason == LOST_AT_CENTRE, or_(*matches)))
