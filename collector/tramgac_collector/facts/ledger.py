"""Current facts in memory, written to the store when they change or every few minutes."""

import logging
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter, itemgetter

from sqlalchemy import Connection, select

from tramgac_collector.facts.kinds import EVENT_VALID_MS, Claim, FactKey, FactKind, differs
from tramgac_collector.facts.mapping import AGENT_SEEN, FROM_DETAIL, HOST_TIME, KINDS
from tramgac_collector.facts.recent import Past, Recent
from tramgac_collector.ingest.arrival import Arrival
from tramgac_collector.ingest.clocks import UNRELIABLE_MS
from tramgac_collector.model import Owner
from tramgac_collector.store import schema
from tramgac_collector.store.bulk import Row, insert_ignore, upsert
from tramgac_collector.store.records import FACT, HISTORY
from tramgac_proto.limits import SILENT_AFTER_SECONDS

# Evidence this much older than its arrival was waiting somewhere.
LATE_MS = 600_000
# Rows of one step of writing, a few milliseconds' worth, and of one turn.
_STEP_ROWS = 500
_TURN_ROWS = 5_000
# While the store is away; beyond it the newest changes of history are not kept.
MAX_HISTORY_WAITING = 200_000
# A measured value that changes again so soon is told when it has settled: the fastest check
# runs every 60 s, so nothing is skipped unless somebody floods.
SPACING_MS = 30_000
_SILENT_MS = int(SILENT_AFTER_SECONDS * 1000)
_CLOCK_VALID_MS = 3_600_000
_MAX_TEXT = 200
# Far above what a host with all its systems has: 2,000 series and what typed messages say.
MAX_FACTS_PER_AGENT = 5_000

log = logging.getLogger(__name__)

_fact_row = attrgetter(*FACT)
_history_row = attrgetter(*HISTORY)


def _agent_of(origin: str) -> str:
    kind, _, rest = origin.partition(":")
    return rest.partition("/")[0] if kind == "agent" else ""


@dataclass(slots=True, eq=False)
class Fact:
    """What is known now of one subject under one name.

    Attributes:
        collected_ms: When it was so, by the centre's clock.
        received_ms: When the centre learnt it.
        expires_ms: From when on it says nothing.
        origin: ``agent:<id>/<check>``.
        quality: ``measured``, ``late`` or ``unreliable_clock``.
        written_ms: When it was last handed to the store; 0 for never.
        told: Value and text history ends with.
        told_ms: When that was so.
        told_late: The same for evidence that came after newer evidence.
    """

    name: str
    subject: str
    unit: str
    value: float | None = None
    text: str = ""
    collected_ms: int = 0
    received_ms: int = 0
    expires_ms: int = 0
    origin: str = ""
    quality: str = ""
    written_ms: int = 0
    told: tuple[float | None, str] | None = None
    told_ms: int = 0
    told_late: tuple[float | None, str] | None = None

    @property
    def agent_id(self) -> str:
        """Who reported it; empty when no agent did."""
        return _agent_of(self.origin)


@dataclass(frozen=True, slots=True)
class _Source:
    """What all facts of one observation share.

    Attributes:
        event: A typed message: each of them is told, however quickly they follow.
    """

    received_ms: int
    origin: str
    quality: str
    event: bool = False


def quality_of(arrival: Arrival) -> str:
    """Say how far the times of an observation can be trusted."""
    if not arrival.exact and abs(arrival.offset_ms) > UNRELIABLE_MS:
        return "unreliable_clock"
    if arrival.received_ms - arrival.event_ms > LATE_MS:
        return "late"
    return "measured"


def _source_of(arrival: Arrival, *, event: bool = False) -> _Source:
    return _Source(
        arrival.received_ms,
        f"agent:{arrival.reporter.agent_id}/{arrival.observation.check}",
        quality_of(arrival),
        event,
    )


def _stated(
    claim: Claim, arrival: Arrival
) -> tuple[FactKey, tuple[float | None, str], tuple[int, int]]:
    """Key, value with text, and times of what a typed message states."""
    collected = max(claim.collected_ms, 0) or arrival.event_ms
    expires = collected + claim.valid_ms if claim.valid_ms else arrival.expires_ms
    said = (claim.value, claim.text[:_MAX_TEXT])
    return (claim.kind.name, claim.subject), said, (collected, expires)


class FactLedger:
    """All current facts.

    Attributes:
        on_change: Called with each fact that changed, after it changed.
    """

    def __init__(self) -> None:
        self.on_change: Callable[[Fact], None] = lambda _fact: None
        self._current: dict[FactKey, Fact] = {}
        # Facts to write: changed ones at once, refreshed ones when their time has come.
        self._changed: dict[FactKey, None] = {}
        # The latter by how often they are refreshed; each stands roughly in the order it is due.
        self._touched: defaultdict[int, dict[FactKey, None]] = defaultdict(dict)
        self._history: list[Row] = []
        # Newest observation of each stream whose values are not facts yet.
        self._waiting: dict[tuple[str, str], Arrival] = {}
        self._calls: dict[str, tuple[Owner, int, int]] = {}
        # Facts of each agent, and which agents have as many as they may.
        self._held: Counter[str] = Counter()
        self._recent = Recent()
        # Where each agent that called belongs.
        self._places: dict[str, str] = {}
        self._full: set[str] = set()

    def load(self, connection: Connection) -> None:
        """Read what an earlier process wrote."""
        for row in connection.execute(select(schema.facts)):
            fact = Fact(**row._mapping)  # noqa: SLF001 - its public name
            fact.told = (fact.value, fact.text)
            self._current[fact.name, fact.subject] = fact
            self._held[fact.agent_id] += 1
            if fact.name == AGENT_SEEN.name:
                self._places[fact.agent_id] = fact.subject
        self._recent.load(connection, dict(KINDS))

    def recent(self, name: str, subject: str) -> tuple[Past, ...]:
        """The newest values of a fact that keeps some, oldest first."""
        return self._recent.get((name, subject))

    def get(self, name: str, subject: str) -> Fact | None:
        """Return a fact, expired or not."""
        return self._current.get((name, subject))

    def heard(self, agent_id: str) -> Fact | None:
        """When an agent last called."""
        return self.get(AGENT_SEEN.name, self._places.get(agent_id, ""))

    def named(self, name: str) -> Iterator[Fact]:
        """Every fact of one name."""
        return (fact for fact in list(self._current.values()) if fact.name == name)

    def observe(self, arrival: Arrival) -> None:
        """Take in one stored observation.

        Typed messages become facts at once. Measured values wait for ``settle``, so that a
        flood of one stream is judged once, not each time.
        """
        detail = arrival.observation.WhichOneof("detail")
        if detail is not None:
            source = _source_of(arrival, event=True)
            for claim in FROM_DETAIL[detail](arrival):
                self._claim(claim, arrival, source)
        if arrival.plan.slots:
            key = (arrival.reporter.agent_id, arrival.plan.stream)
            waiting = self._waiting.get(key)
            if waiting is not None and abs(arrival.event_ms - waiting.event_ms) >= SPACING_MS:
                self._measure(waiting)
            elif waiting is not None and waiting.event_ms > arrival.event_ms:
                return
            self._waiting[key] = arrival

    def once(self, arrivals: Iterable[Arrival]) -> Iterator[Fact]:
        """What observations tell that no later one repeats: runs, drills, outages.

        It is stored in the transaction that acknowledges the record. If it waited for the
        next turn of writing, a collector that dies in between would never learn of it.
        """
        for arrival in arrivals:
            detail = arrival.observation.WhichOneof("detail")
            if detail is None:
                continue
            for claim in FROM_DETAIL[detail](arrival):
                key, (value, words), (collected, expires) = _stated(claim, arrival)
                source = _source_of(arrival)
                if claim.valid_ms == EVENT_VALID_MS and self._admits(key, source.origin):
                    yield Fact(
                        *key,
                        claim.kind.unit,
                        value,
                        words,
                        collected,
                        source.received_ms,
                        expires,
                        source.origin,
                        source.quality,
                        source.received_ms,
                    )

    def _admits(self, key: FactKey, origin: str) -> bool:
        """Whether an agent may add a fact: one that never repeats a subject stays bounded."""
        agent_id = _agent_of(origin)
        if not agent_id or key in self._current or self._held[agent_id] < MAX_FACTS_PER_AGENT:
            return True
        if agent_id not in self._full:
            self._full.add(agent_id)
            log.error("agent %s has %d facts; no more are kept", agent_id, MAX_FACTS_PER_AGENT)
        return False

    def settle(self, limit: int = sys.maxsize) -> int:
        """Make facts of up to ``limit`` waiting observations and calls; return how many wait."""
        for agent_id in list(islice(self._calls, limit)):
            self._called(*self._calls.pop(agent_id))
        for key in list(islice(self._waiting, limit)):
            self._measure(self._waiting.pop(key))
        return len(self._waiting) + len(self._calls)

    def _measure(self, arrival: Arrival) -> None:
        source, values = _source_of(arrival), arrival.values
        times = (arrival.event_ms, arrival.expires_ms)
        for slot in arrival.plan.slots:
            self._put(slot.kind, slot.key, (values[slot.index], ""), times, source)

    def called(self, owner: Owner, received_ms: int, offset_ms: int) -> None:
        """Note an accepted call: when an agent was last heard, and how wrong its clock is."""
        self._calls[owner.agent_id] = (owner, received_ms, offset_ms)

    def _called(self, owner: Owner, received_ms: int, offset_ms: int) -> None:
        self._places[owner.agent_id] = owner.place
        source = _Source(received_ms, f"agent:{owner.agent_id}/report", "measured")
        for kind, value, valid_ms in (
            (AGENT_SEEN, received_ms / 1000, _SILENT_MS),
            (HOST_TIME, offset_ms / 1000, _CLOCK_VALID_MS),
        ):
            times = (received_ms, received_ms + valid_ms)
            self._put(kind, (kind.name, owner.place), (value, ""), times, source)

    def measured_here(self, claim: Claim, now_ms: int) -> None:
        """Take in what the centre itself worked out."""
        source = _Source(now_ms, "collector", "measured")
        key = (claim.kind.name, claim.subject)
        times = (claim.collected_ms, claim.collected_ms + claim.valid_ms)
        self._put(claim.kind, key, (claim.value, claim.text), times, source)

    def _claim(self, claim: Claim, arrival: Arrival, source: _Source) -> None:
        self._put(claim.kind, *_stated(claim, arrival), source)

    def _put(
        self,
        kind: FactKind,
        key: FactKey,
        said: tuple[float | None, str],
        times: tuple[int, int],
        source: _Source,
    ) -> None:
        """Make ``said`` the current fact, or file it as history when a newer one is there.

        Args:
            kind: Name, unit and step.
            key: Name and subject.
            said: Value and text.
            times: When it was so, and from when on it says nothing.
            source: The rest.
        """
        fact = self._current.get(key)
        past = Past(times[0], said[1], said[0])
        # What was received later than now came before the centre's clock was set back.
        now_ms = sys.maxsize if source.event else source.received_ms + SPACING_MS
        if fact is not None and times[0] < fact.collected_ms and fact.received_ms <= now_ms:
            self._recent.take(kind, key, past)
            self._put_late(fact, kind, said, times, source)
            return
        if fact is None:
            if not self._admits(key, source.origin):
                return
            fact = self._current[key] = Fact(*key, kind.unit)
            self._held[_agent_of(source.origin)] += 1
        self._recent.take(kind, key, past)
        (fact.value, fact.text), (fact.collected_ms, fact.expires_ms) = said, times
        fact.received_ms, fact.origin = source.received_ms, source.origin
        fact.quality = source.quality
        soon = 0 <= times[0] - fact.told_ms < SPACING_MS and not source.event
        if soon or not differs(fact.told, said, kind.step):
            self._touched[kind.pace_ms(times)][key] = None
            return
        fact.told, fact.told_ms = said, times[0]
        fact.told_late = None
        self._changed[key] = None
        self._history.append(_history_row(fact))
        self.on_change(fact)

    def _put_late(
        self,
        fact: Fact,
        kind: FactKind,
        said: tuple[float | None, str],
        times: tuple[int, int],
        source: _Source,
    ) -> None:
        """Evidence of the past: history keeps where it changed, the present stays."""
        if not differs(fact.told_late, said, kind.step):
            return
        fact.told_late = said
        quality = "late" if source.quality == "measured" else source.quality
        self._history.append(
            (
                fact.name,
                fact.subject,
                times[0],
                source.received_ms,
                *said,
                times[1],
                source.origin,
                quality,
            )
        )

    def take_writes(self, now_ms: int) -> "list[FactWrites]":
        """Return, and forget, a bounded number of rows to write now, in small steps.

        Sorted by key: rows that lie together in the store are written together.
        """
        keys = list(islice(self._changed, _TURN_ROWS))
        for key in keys:
            del self._changed[key]
            fact = self._current[key]
            pace_ms = KINDS[key[0]].pace_ms((fact.collected_ms, fact.expires_ms))
            self._touched[pace_ms].pop(key, None)
        for refresh_ms, touched in self._touched.items():
            for key in list(islice(touched, _TURN_ROWS - len(keys))):
                if 0 <= now_ms - self._current[key].written_ms < refresh_ms:
                    break
                del touched[key]
                keys.append(key)
        facts = [self._current[key] for key in sorted(keys)]
        for fact in facts:
            fact.written_ms = now_ms
        rows = [_fact_row(fact) for fact in facts]
        history, self._history = self._history[:_TURN_ROWS], self._history[_TURN_ROWS:]
        history.sort(key=itemgetter(0, 1, 2, 3))
        return [
            FactWrites(rows[at : at + _STEP_ROWS], history[at : at + _STEP_ROWS])
            for at in range(0, max(len(rows), len(history)), _STEP_ROWS)
        ]

    def give_back(self, writes: "FactWrites") -> None:
        """Take back rows the store did not accept, to be tried again."""
        self._changed.update(dict.fromkeys((row[0], row[1]) for row in writes.facts))
        self._history[:0] = writes.history
        del self._history[MAX_HISTORY_WAITING:]


def rows_of(facts: Iterable[Fact]) -> tuple[list[Row], list[Row]]:
    """Rows of ``facts`` and of ``fact_history``."""
    found = list(facts)
    return [_fact_row(fact) for fact in found], [_history_row(fact) for fact in found]


@dataclass(frozen=True, slots=True)
class FactWrites:
    """Rows for one small transaction."""

    facts: list[Row]
    history: list[Row]

    def store(self, connection: Connection) -> None:
        """Write them; pass this to ``Writer.execute``."""
        if self.facts:
            upsert(connection, schema.facts, FACT, self.facts)
        if self.history:
            insert_ignore(connection, schema.fact_history, HISTORY, self.history)
