"""What the ingest process does beside answering calls: small steps on timers, on its own loop."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TypedDict

from sqlalchemy import Connection, Engine, bindparam, update

from tramgac_collector import metrics
from tramgac_collector.facts.derived import Derived
from tramgac_collector.identity.registry import Registry
from tramgac_collector.incidents.published import OpenIncidents
from tramgac_collector.ingest.servicer import Centre
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.versions import newest
from tramgac_collector.judge.entered import Entered
from tramgac_collector.judge.published import Published
from tramgac_collector.judge.rule_names import RuleNames
from tramgac_collector.judge.vitals import Vitals
from tramgac_collector.store import schema
from tramgac_collector.store.engine import read_generation, reading
from tramgac_collector.store.retention import (
    ChangedMeanwhile,
    Job,
    Retention,
    store_size,
    vacuum,
)
from tramgac_collector.store.working import note_at_work
from tramgac_collector.store.writer import StoreUnavailable
from tramgac_proto.configfile import ConfigError

SECOND = 1.0
SIGHT_SECONDS = 2.0
FACTS_SECONDS = 5.0
PUBLISH_SECONDS = 5.0
MINUTE = 60.0
HOUR = 3600.0
# Between two steps of forgetting, so that reports come first.
_PAUSE_SECONDS = 0.02
_SEEN_CHUNK = 200
_FACTS_CHUNK = 50

log = logging.getLogger(__name__)


async def every(
    seconds: float, step: Callable[[], Awaitable[None]], first: float | None = None
) -> None:
    """Repeat ``step`` until cancelled; a fault is logged and the next turn comes.

    Args:
        seconds: Between two turns.
        step: One turn.
        first: Seconds to the first turn, where that is not the same.
    """
    pause = seconds if first is None else first
    while True:
        await asyncio.sleep(pause)
        pause = seconds
        try:
            await step()
        except StoreUnavailable:
            log.warning("the store is away; %s tries again", step.__qualname__)
        except Exception:  # a timer must survive whatever one turn runs into
            log.exception("%s failed", step.__qualname__)


@dataclass(frozen=True, slots=True)
class _Change:
    """What an administrator changed.

    Attributes:
        version: Of the inventory in force.
        inventory: ``None`` when it is still the same, or cannot be used.
        problem: Why it cannot.
    """

    generation: int
    version: int
    inventory: Inventory | None = None
    problem: ConfigError | None = None


class SeenRow(TypedDict):
    """Parameters of one update."""

    key: str
    seen: int
    version: str


class Housekeeping:
    """The steps, each small enough not to hold up a call.

    Args:
        centre: The parts of the process.
        engine: For reading, in a thread.
        registry: Reloaded when the store's generation moved.
        derived: Series worked out from facts.
        retention: What may be forgotten.
        on_inventory: Called with each inventory that comes into force.
        on_change: Called after every administrative change.
    """

    def __init__(
        self,
        centre: Centre,
        engine: Engine,
        registry: Registry,
        derived: Derived,
        *,
        retention: Retention,
        on_inventory: Callable[[Inventory], None],
        on_change: Callable[[], None],
    ) -> None:
        self._centre = centre
        self._engine = engine
        self._registry = registry
        self._derived = derived
        self._published = Published(engine, centre.live)
        self._rule_names = RuleNames(engine, centre.live)
        self._entered = Entered(engine, centre.live)
        self._incidents = OpenIncidents(engine, centre.live)
        self._vitals = Vitals(engine, centre.live)
        self._retention = retention
        self._on_inventory = on_inventory
        self._on_change = on_change
        self._generation = -1
        self._version = 0
        self._known: set[str] = set()
        self._seen: dict[str, int] = {}
        self._versions: dict[str, str] = {}

    def reload(self) -> bool:
        """Read registry and inventory if an administrator changed something.

        Raises:
            ConfigError: The inventory in the store cannot be read; the old one stays.
        """
        change = self._look()
        if change is not None:
            self._follow(change)
        return change is not None

    def _look(self) -> _Change | None:
        """Read what changed; may run in any thread, since a large inventory takes seconds."""
        with reading(self._engine) as connection:
            generation = read_generation(connection)
            if generation == self._generation:
                return None
            self._registry.reload(connection)
            version = newest(connection)
        if version is None or version.number == self._version:
            return _Change(generation, self._version)
        try:
            inventory = parse_inventory(version.document, f"inventory version {version.number}")
        except ConfigError as error:
            return _Change(generation, version.number, problem=error)
        return _Change(generation, version.number, inventory)

    def _follow(self, change: _Change) -> None:
        self._generation, self._version = change.generation, change.version
        self._on_change()
        self._centre.admission.forget_gone()
        active = {one.owner.agent_id for one in self._registry.agents() if not one.denied}
        gone, self._known = self._known - active, active
        for agent_id in gone:
            self._centre.live.forget(agent_id)
            self._centre.clones.forget(agent_id)
            self._derived.forget(agent_id)
        self._count_agents()
        if change.inventory is not None:
            self._on_inventory(change.inventory)
            self._entered.set_inventory(change.inventory)
            self._centre.admission.forget_plans()
        if gone or change.inventory is not None:
            self._derived.refresh(self._centre.now_ms())
        if change.problem is not None:
            raise change.problem

    def _count_agents(self) -> None:
        states: dict[str, int] = {"active": 0, "denied": 0, "cloned": 0}
        for agent in self._registry.agents():
            states[agent.state] = states.get(agent.state, 0) + 1
        for state, count in states.items():
            metrics.AGENTS.labels(state).set(count)

    async def second(self) -> None:
        """Follow administrative changes and new backups, let old values vanish, count."""
        self._centre.live.sweep(self._centre.now_ms())
        self.count()
        try:
            change = await asyncio.to_thread(self._look)
            if change is not None:
                self._follow(change)
                metrics.RELOADS.labels("ok").inc()
        except ConfigError:
            metrics.RELOADS.labels("failed").inc()
            log.exception("the inventory in the store cannot be used; the old one stays")
        self._derived.settle(self._centre.now_ms())

    def count(self) -> None:
        """Copy the tally to the metrics."""
        tally, writer = self._centre.tally, self._centre.writer
        for counter, name in (
            (metrics.REPORTS, "reports"),
            (metrics.BYTES, "bytes"),
            (metrics.RECORDS, "records"),
            (metrics.SAMPLES, "samples"),
            (metrics.DUPLICATES, "duplicates"),
        ):
            counter.inc(getattr(tally, name))
            setattr(tally, name, 0)
        for family, codes in (
            (metrics.REFUSED, tally.refused),
            (metrics.QUARANTINED, tally.quarantined),
        ):
            for code, count in codes.items():
                family.labels(code).inc(count)
            codes.clear()
        times, tally.ack_seconds = tally.ack_seconds, []
        for seconds in times:
            metrics.ACK_SECONDS.observe(seconds)
        for seconds in writer.stats.take_commit_times():
            metrics.COMMIT_SECONDS.observe(seconds)
        metrics.QUEUE_BATCHES.set(writer.depth)
        metrics.INFLIGHT_BYTES.set(self._centre.admission.inflight_bytes)

    async def write_facts(self) -> None:
        """Make facts of what arrived; store some that changed or are due for a refresh.

        A bounded number a turn: after a start every fact is new, and calls come first.
        """
        facts = self._centre.facts
        while facts.settle(_FACTS_CHUNK):  # noqa: ASYNC110 - not waiting: calls come in between
            await asyncio.sleep(0)
        steps = facts.take_writes(self._centre.now_ms())
        try:
            while steps:
                await asyncio.wrap_future(self._centre.writer.execute(steps[0].store))
                del steps[0]
        finally:
            for step in reversed(steps):
                facts.give_back(step)

    async def publish(self) -> None:
        """Show what the judge has found since the last turn."""
        self._vitals.show(await asyncio.to_thread(self._vitals.look))
        self._incidents.show(await asyncio.to_thread(self._incidents.look))
        now_ms = self._centre.now_ms()
        self._entered.show(await asyncio.to_thread(self._entered.look, now_ms))
        news = await asyncio.to_thread(self._published.look, now_ms)
        for _ in self._published.show(news):
            await asyncio.sleep(0)
        rules = self._published.rules
        self._rule_names.show(await asyncio.to_thread(self._rule_names.look, rules))

    async def minute(self) -> None:
        """Judge backups anew, note coverage, remember who called last and when."""
        now_ms = self._centre.now_ms()
        self._derived.renew()
        self._derived.cover(now_ms)
        working = partial(note_at_work, now_ms=now_ms)
        await asyncio.wrap_future(self._centre.writer.execute(working))
        series = sum(
            len(session.series.known)
            for agent in self._centre.admission.agents.values()
            for session in agent.sessions.values()
        )
        metrics.SERIES.set(series)
        await asyncio.to_thread(self.measure_store)
        await self.write_seen()

    async def hour(self) -> None:
        """Forget what is past its time, step by step, calls in between."""
        for epoch in await asyncio.to_thread(self._retention.epochs):
            await self._apply_all(step.apply for step in self._retention.record_steps(epoch))
        await self._apply_all(self._retention.other_steps())
        more = True
        while more:
            more = await asyncio.wrap_future(self._centre.writer.execute(vacuum))
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _apply_all(self, jobs: Iterator[Job]) -> None:
        """Find each step beside the writer, have it applied, and leave the writer room."""
        while (job := await asyncio.to_thread(next, jobs, None)) is not None:
            try:
                await asyncio.wrap_future(self._centre.writer.execute(job))
            except ChangedMeanwhile:
                log.info("another process forgot the same records")
            await asyncio.sleep(_PAUSE_SECONDS)

    def measure_store(self) -> None:
        """Show how large the store is and how much room it has."""
        size = store_size(self._engine)
        metrics.STORE_BYTES.set(size.used_bytes)
        if size.free_bytes is not None:
            metrics.STORE_FREE_BYTES.set(size.free_bytes)

    async def sight(self) -> None:
        """Store who called first, or with another version: who enrolled or upgraded it waits."""
        await self.write_seen(only_new=True)

    async def write_seen(self, *, only_new: bool = False) -> None:
        """Store last call and version of every agent that called since the last turn.

        Args:
            only_new: Leave out those whose version is stored already.
        """
        rows = [
            SeenRow(key=agent_id, seen=agent.last_seen_ms, version=agent.version)
            for agent_id, agent in self._centre.admission.agents.items()
            if agent.last_seen_ms > self._seen.get(agent_id, 0)
            and not (only_new and self._versions.get(agent_id) == agent.version)
        ]
        for at in range(0, len(rows), _SEEN_CHUNK):
            chunk = rows[at : at + _SEEN_CHUNK]
            job = partial(_write_seen, rows=chunk)
            await asyncio.wrap_future(self._centre.writer.execute(job))
            self._seen.update((row["key"], row["seen"]) for row in chunk)
            self._versions.update((row["key"], row["version"]) for row in chunk)


def _write_seen(connection: Connection, rows: list[SeenRow]) -> None:
    table = schema.agents
    connection.execute(
        update(table)
        .where(table.c.id == bindparam("key"))
        .values(last_seen_ms=bindparam("seen"), version=bindparam("version")),
        rows,
    )
