"""What the ingest process keeps of an agent and of each of its outbox lives."""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from sqlalchemy import Connection, Double, cast, func, insert, select

from tramgac_collector.ingest.arrival import Plan
from tramgac_collector.ingest.clocks import ClockEstimate
from tramgac_collector.ingest.validate import SeriesKey, check_series
from tramgac_collector.model import Owner
from tramgac_collector.store import schema
from tramgac_collector.store.ledger import IntervalSet, SeqLedger
from tramgac_collector.store.records import LOST_AT_CENTRE
from tramgac_proto.v1 import fleet_pb2

# An agent has one outbox; a second life follows when the file was lost.
# A larger call counts for as many; two a second drain a backlog at 512 kB/s.
_BYTES_PER_CALL = 256 * 1024
_EPOCHS_PER_AGENT = 2
# New ones in a day: a disk that loses its outbox again and again, or an agent that means ill.
MAX_NEW_EPOCHS = 20
_DAY_MS = 86_400_000
_MAX_REFUSED_SERIES = 10_000
_MAX_PLANS = 512
PlanKey = tuple[str, str, str, tuple[int, ...]]


class TooManyEpochs(Exception):  # noqa: N818 - an answer: come back later
    """The agent began more outbox lives today than the store will hold."""


class SeriesTable:
    """Series definitions of one epoch, judged once when they arrive."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.known: dict[int, SeriesKey] = {}
        self.refused: dict[int, str] = {}
        self.plans: dict[PlanKey, Plan] = {}

    def add(self, series: fleet_pb2.Series) -> bool:
        """Take a definition; True when it is new and must be stored."""
        number = series.id
        if number in self.refused:
            return False
        key, code = check_series(series)
        old = self.known.get(number)
        if old is not None:
            if not code and key != old:
                self._refuse(number, "series_changed")
                del self.known[number]
            return False
        if not code and len(self.known) >= self._limit:
            code = "too_many_series"
        if code:
            self._refuse(number, code)
            return False
        self.known[number] = key
        return True

    def _refuse(self, number: int, code: str) -> None:
        if len(self.refused) < _MAX_REFUSED_SERIES:
            self.refused[number] = code
        self.plans.clear()

    def code_of(self, number: int) -> str:
        """Why a record may not refer to ``number``; empty when it may, or must be asked for."""
        if number in self.known:
            return ""
        code = self.refused.get(number, "")
        if not code and len(self.refused) >= _MAX_REFUSED_SERIES:
            return "too_many_series"
        return code

    def keep_plan(self, key: PlanKey, plan: Plan) -> None:
        """Remember a plan; a sender that never repeats itself does not fill the memory."""
        if len(self.plans) >= _MAX_PLANS:
            self.plans.clear()
        self.plans[key] = plan


@dataclass(slots=True, eq=False)
class Session:
    """One epoch of one agent: its ack ledger and its series.

    Attributes:
        lost: What was closed as lost at the centre; a gap record may explain it later.
        quarantined: Rows this agent has in quarantine.
        kept: Event time of the record `latest` has of each stream.
        stale: A write of unknown outcome happened; read the ledger from the store again.
    """

    id: int
    epoch: str
    created_ms: int
    ledger: SeqLedger
    series: SeriesTable
    lost: IntervalSet
    quarantined: int
    losses: dict[str, int]
    kept: dict[str, int] = field(default_factory=dict)
    stale: bool = False


class Agent:
    """One reporting agent, from its first call on.

    Attributes:
        lock: Held from reading a report to its commit: a ledger has one hand at a time.
    """

    def __init__(self, owner: Owner, calls_per_minute: int) -> None:
        self.owner = owner
        self.lock = asyncio.Lock()
        self.clock = ClockEstimate()
        self.sessions: OrderedDict[str, Session] = OrderedDict()
        self.last_seen_ms = 0
        self.version = ""
        self.losses: dict[str, int] = {}
        # Newest event shown of each stream, so that a backlog passes the live view by.
        self.newest: dict[str, int] = {}
        self._rate = calls_per_minute / 60
        self._burst = float(calls_per_minute)
        self._tokens = self._burst
        self._refilled = time.monotonic()

    def take_tokens(self, size: int) -> float:
        """Count a call of ``size`` bytes; 0 when it is within the rate, else seconds to wait.

        A large call counts for several, so that the rate bounds bytes too.
        """
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._refilled) * self._rate)
        self._refilled = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= max(1.0, size / _BYTES_PER_CALL)
        return 0.0

    def forget_plans(self) -> None:
        """Work out again whom its values belong to."""
        self.newest.clear()
        for session in self.sessions.values():
            session.series.plans.clear()

    def keep(self, session: Session) -> None:
        """Remember a session, and forget the one used longest ago."""
        self.sessions[session.epoch] = session
        self.sessions.move_to_end(session.epoch)
        while len(self.sessions) > _EPOCHS_PER_AGENT:
            self.sessions.popitem(last=False)

    def is_newest(self, stream: str, event_ms: int) -> bool:
        """Whether nothing newer of ``stream`` came before; then it is the newest now."""
        if event_ms < self.newest.get(stream, 0):
            return False
        if len(self.newest) > _MAX_PLANS * _EPOCHS_PER_AGENT:
            self.newest.clear()
        self.newest[stream] = event_ms
        return True


def load_session(
    connection: Connection, agent_id: str, epoch: str, now_ms: int, series_limit: int
) -> Session:
    """Read one epoch from the store, or begin it.

    Raises:
        TooManyEpochs: It would be one too many; nothing was written.
    """
    table = schema.epochs
    query = select(table).where(table.c.agent_id == agent_id, table.c.epoch == epoch)
    row = connection.execute(query).first()
    if row is None:
        _check_epochs(connection, agent_id, now_ms)
        connection.execute(
            insert(table).values(
                agent_id=agent_id, epoch=epoch, created_ms=now_ms, contiguous=0, ranges=b""
            )
        )
        row = connection.execute(query).one()
    return Session(
        id=row.id,
        epoch=epoch,
        created_ms=row.created_ms,
        ledger=SeqLedger.unpack(row.contiguous, row.ranges),
        series=load_series(connection, row.id, series_limit),
        lost=_load_lost(connection, row.id),
        quarantined=_count_quarantined(connection, agent_id),
        losses=load_losses(connection, agent_id),
    )


def _check_epochs(connection: Connection, agent_id: str, now_ms: int) -> None:
    table = schema.epochs
    recent = (table.c.agent_id == agent_id) & (table.c.created_ms > now_ms - _DAY_MS)
    begun = connection.scalar(select(func.count()).select_from(table).where(recent)) or 0
    if begun >= MAX_NEW_EPOCHS:
        raise TooManyEpochs(agent_id)


def load_series(connection: Connection, epoch_id: int, limit: int) -> SeriesTable:
    """Read the series definitions of one epoch."""
    table = SeriesTable(limit)
    query = select(schema.series.c.definition).where(schema.series.c.epoch_id == epoch_id)
    for (definition,) in connection.execute(query):
        table.add(fleet_pb2.Series.FromString(definition))
    return table


def _load_lost(connection: Connection, epoch_id: int) -> IntervalSet:
    gaps = schema.gaps
    query = select(gaps.c.first, gaps.c.last).where(
        gaps.c.epoch_id == epoch_id, gaps.c.reason == LOST_AT_CENTRE
    )
    return IntervalSet((first, last) for first, last in connection.execute(query))


def _count_quarantined(connection: Connection, agent_id: str) -> int:
    table = schema.quarantine
    query = select(func.count()).select_from(table).where(table.c.agent_id == agent_id)
    return connection.scalar(query) or 0


def load_losses(connection: Connection, agent_id: str) -> dict[str, int]:
    """Lost records of one agent by reason, over all its epochs."""
    gaps, epochs = schema.gaps, schema.epochs
    query = (
        # As floats: SQLite refuses to add integers beyond 64 bits, and ranges come from afar.
        select(gaps.c.reason, func.sum(cast(gaps.c.last - gaps.c.first + 1, Double)))
        .join_from(gaps, epochs, gaps.c.epoch_id == epochs.c.id)
        .where(epochs.c.agent_id == agent_id)
        .group_by(gaps.c.reason)
    )
    return {reason: int(count) for reason, count in connection.execute(query)}
