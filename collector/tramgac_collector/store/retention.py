"""Forgetting by class, in small steps that never hold up ingest.

Each step is read beside the writer and then applied by it in one short transaction, which
checks that nothing changed in between. Points are folded into their day's rollup in the same
transaction that deletes them: a value is in exactly one of the two places.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from tramgac_collector.config import RetentionSection
from tramgac_collector.store import schema
from tramgac_collector.store.engine import reading
from tramgac_collector.store.forgetting import forgettable
from tramgac_collector.store.records import Keep
from tramgac_collector.store.rollup import DAY_MS, Day, SeriesKey, fold, pack, unpack
from tramgac_proto.v1 import fleet_pb2

# Records of one step: about 10 ms of reading, a few of writing.
STEP_RECORDS = 300
_STEP_ROWS = 200
_QUARANTINE_DAYS = 30
_LATEST_DAYS = 30
# The ledger of speed tests: longer than a capacity test is good for.
_LEASE_DAYS = 30
# A failed login slows the next down for far less.
_TRIES_DAYS = 1
# What was proven by restoring is shown to those who ask years later.
_LEAST_DRILL_DAYS = 3_660.0
# Pages given back to the file system per step, 4 KiB each.
_VACUUM_PAGES = 200

Job = Callable[[Connection], object]


class ChangedMeanwhile(Exception):  # noqa: N818 - nothing is lost, the next turn does it
    """Another process forgot the same records; the step is undone."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """One outbox life whose records may be due."""

    id: int
    agent_id: str


@dataclass(slots=True)
class RecordStep:
    """Records of one epoch to forget together.

    Attributes:
        seqs: All of them.
        days: What their points said, by day since 1970.
        next_seq: Where the next step begins.
        done: Nothing further is due in this epoch.
    """

    epoch: Epoch
    seqs: list[int] = field(default_factory=list)
    days: dict[int, Day] = field(default_factory=dict)
    next_seq: int = 0
    done: bool = False

    def apply(self, connection: Connection) -> int:
        """Fold and delete; pass this to ``Writer.execute``.

        Raises:
            ChangedMeanwhile: Some of the records were gone already.
        """
        if not self.seqs:
            return 0
        records = schema.records
        deleted = connection.execute(
            delete(records).where(records.c.epoch_id == self.epoch.id, records.c.seq.in_(self.seqs))
        )
        if deleted.rowcount != len(self.seqs):
            raise ChangedMeanwhile
        for number, day in self.days.items():
            _fold_into(connection, self.epoch.agent_id, number, day)
        return len(self.seqs)


def _fold_into(connection: Connection, agent_id: str, number: int, day: Day) -> None:
    table = schema.rollups
    row = and_(table.c.agent_id == agent_id, table.c.day == number)
    old = connection.scalar(select(table.c.payload).where(row).with_for_update())
    if old is None:
        connection.execute(insert(table).values(agent_id=agent_id, day=number, payload=pack(day)))
        return
    whole = unpack(old)
    whole.merge(day)
    connection.execute(update(table).where(row).values(payload=pack(whole)))


class Retention:
    """Decides what is due; the caller hands each step to the writer.

    Args:
        engine: For reading.
        section: How long each class is kept.
        now_ms: The centre's clock.
    """

    def __init__(
        self,
        engine: Engine,
        section: RetentionSection,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._engine = engine
        self._section = section
        self._now_ms = now_ms

    def _before(self, days: float) -> int:
        return self._now_ms() - int(days * DAY_MS)

    def epochs(self) -> list[Epoch]:
        """Every epoch that has records."""
        with reading(self._engine) as connection:
            rows = connection.execute(
                select(schema.epochs.c.id, schema.epochs.c.agent_id).order_by(schema.epochs.c.id)
            )
            return [Epoch(*row) for row in rows]

    def record_steps(self, epoch: Epoch) -> Iterator[RecordStep]:
        """Steps for one epoch, each to be applied before the next is asked for."""
        next_seq, done = 0, False
        series: dict[int, SeriesKey] | None = None
        while not done:
            with reading(self._engine) as connection:
                if series is None:
                    series = _series_of(connection, epoch.id)
                step = self._read_step(connection, epoch, next_seq, series)
            next_seq, done = step.next_seq, step.done
            if step.seqs:
                yield step

    def _read_step(
        self, connection: Connection, epoch: Epoch, first: int, series: dict[int, SeriesKey]
    ) -> RecordStep:
        cutoff = {
            Keep.POINT: self._before(self._section.points_days),
            Keep.EVENT: self._before(self._section.events_days),
            Keep.EVIDENCE: self._before(self._section.evidence_days),
        }
        table = schema.records
        query = (
            select(
                table.c.seq, table.c.keep, table.c.event_ms, table.c.received_ms, table.c.payload
            )
            .where(table.c.epoch_id == epoch.id, table.c.seq >= first)
            .order_by(table.c.seq)
            .limit(STEP_RECORDS)
        )
        step, values, rows = RecordStep(epoch), list[tuple[SeriesKey, int, float]](), 0
        for row in connection.execute(query):
            rows += 1
            step.next_seq = row.seq + 1
            keep = Keep(row.keep)
            if row.received_ms >= cutoff[keep]:
                if keep is Keep.POINT:
                    # Records came in this order, give or take an outage: the rest is younger.
                    step.done = True
                    break
                continue
            step.seqs.append(row.seq)
            if keep is Keep.POINT:
                values.extend(_values(row.payload, row.event_ms, series))
        step.done = step.done or rows < STEP_RECORDS
        step.days = dict(fold(values))
        return step

    def other_steps(self) -> Iterator[Job]:
        """Steps for everything that is not a record."""
        section, now = self._section, self._now_ms()
        today = now // DAY_MS
        rollups, gaps, latest = schema.rollups, schema.gaps, schema.latest
        yield from self._old(schema.quarantine, schema.quarantine.c.received_ms, _QUARANTINE_DAYS)
        yield from self._old(schema.leases, schema.leases.c.granted_ms, _LEASE_DAYS)
        refused = schema.lease_refusals
        yield from self._old(refused, refused.c.last_ms, _LEASE_DAYS)
        yield from self._old(latest, latest.c.expires_ms, _LATEST_DAYS)
        yield from self._old(gaps, gaps.c.received_ms, section.evidence_days)
        yield from self._old(
            schema.fact_history, schema.fact_history.c.collected_ms, section.evidence_days
        )
        history = schema.rule_history
        yield from self._old(history, history.c.at_ms, section.evidence_days)
        # Papers and packs in force are kept for good: few rows, and what people vouched for.
        for table in (schema.excuses, schema.tailorings, schema.storms):
            yield from self._old(table, table.c.until_ms, section.evidence_days)
        accepted = schema.acceptances
        yield from self._old(accepted, accepted.c.expires_ms, section.evidence_days)
        past = self._before(section.events_days), self._before(section.evidence_days)
        for table, condition in forgettable(*past):
            yield from self._due(table, condition)
        at_work = schema.at_work
        yield from self._old(at_work, at_work.c.until_ms, section.evidence_days)
        drill_days = max(section.evidence_days, _LEAST_DRILL_DAYS)
        yield from self._old(schema.drills, schema.drills.c.received_ms, drill_days)
        yield from self._old(schema.web_sessions, schema.web_sessions.c.ends_ms, 0)
        yield from self._old(schema.login_tries, schema.login_tries.c.last_ms, _TRIES_DAYS)
        yield from self._due(rollups, rollups.c.day < today - section.rollups_days)

    def _old(self, table: Table, column: ColumnElement[int], days: float) -> Iterator[Job]:
        yield from self._due(table, column < self._before(days))

    def _due(self, table: Table, condition: ColumnElement[bool]) -> Iterator[Job]:
        """Find keys beside the writer, so that it only has to delete by key."""
        keys = list(table.primary_key.columns)
        while True:
            with reading(self._engine) as connection:
                query = select(*keys).where(condition).limit(_STEP_ROWS)
                rows = connection.execute(query).all()
            if not rows:
                return
            match = or_(*(and_(*(k == v for k, v in zip(keys, row, strict=True))) for row in rows))
            yield partial(_delete, table=table, match=match)
            if len(rows) < _STEP_ROWS:
                return


def _series_of(connection: Connection, epoch_id: int) -> dict[int, SeriesKey]:
    table = schema.series
    known: dict[int, SeriesKey] = {}
    query = select(table.c.series_id, table.c.definition).where(table.c.epoch_id == epoch_id)
    for number, definition in connection.execute(query):
        series = fleet_pb2.Series.FromString(definition)
        labels = sorted((label.name, label.value) for label in series.labels)
        known[number] = (series.name, tuple(labels))
    return known


def _values(
    payload: bytes, event_ms: int, series: dict[int, SeriesKey]
) -> Iterator[tuple[SeriesKey, int, float]]:
    observation = fleet_pb2.Record.FromString(payload).observation
    for number, value in zip(observation.series_ids, observation.values, strict=False):
        key = series.get(number)
        if key is not None:
            yield key, event_ms, value


def _delete(connection: Connection, table: Table, match: ColumnElement[bool]) -> None:
    connection.execute(delete(table).where(match))


def vacuum(connection: Connection) -> bool:
    """Give some pages of a SQLite file back once a quarter of it is free.

    PostgreSQL does so by itself.

    Returns:
        Whether another step would give back more.
    """
    if connection.dialect.name != "sqlite":
        return False
    free = connection.exec_driver_sql("PRAGMA freelist_count").scalar() or 0
    pages = connection.exec_driver_sql("PRAGMA page_count").scalar() or 0
    if free * 4 < pages:
        return False
    # By the driver itself: the pragma gives a row without columns per page, and does the
    # next page only when that row is fetched.
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
    cursor.fetchall()
    cursor.close()
    # A file made without auto_vacuum gives nothing back, however often it is asked.
    return (connection.exec_driver_sql("PRAGMA freelist_count").scalar() or 0) < free


@dataclass(frozen=True, slots=True)
class StoreSize:
    """How large the store is and how much it may still grow.

    Attributes:
        used_bytes: Size of the database, write-ahead log included.
        free_bytes: Free space of its file system; ``None`` for a server elsewhere.
    """

    used_bytes: int
    free_bytes: int | None


def store_size(engine: Engine) -> StoreSize:
    """Measure the store."""
    if engine.dialect.name == "sqlite" and engine.url.database:
        path = Path(engine.url.database)
        files = (path, path.with_name(f"{path.name}-wal"))
        used = sum(file.stat().st_size for file in files if file.exists())
        return StoreSize(used, shutil.disk_usage(path.parent).free)
    with reading(engine) as connection:
        used = connection.scalar(select(func.pg_database_size(func.current_database()))) or 0
    return StoreSize(int(used), None)
