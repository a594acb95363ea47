"""Rules as a part of the judge's turn: what changed at once, everything once an hour."""

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy.exc import SQLAlchemyError

from tramgac_collector.backups.declared import Declarations
from tramgac_collector.inventory.model import Facility, Inventory
from tramgac_collector.judge import results
from tramgac_collector.judge.results import Shown, Writes
from tramgac_collector.judge.tick import Tick
from tramgac_collector.rules import hysteresis
from tramgac_collector.rules.detail import Beside, detail_of
from tramgac_collector.rules.engine import Judged, Row, Rules, day_of, judge
from tramgac_collector.rules.evaluate import Result
from tramgac_collector.rules.given import Given, Papers, by_facility, read_given
from tramgac_collector.rules.hysteresis import COVER_DAYS
from tramgac_collector.rules.library import Library
from tramgac_collector.rules.overlays import Overlays
from tramgac_collector.rules.pack import PackError, Rule
from tramgac_collector.rules.province import Province
from tramgac_collector.rules.status import Status
from tramgac_collector.rules.tailoring import Tailored, Tailorings
from tramgac_collector.rules.world import FactsWorld
from tramgac_collector.store.engine import reading

HOUR_MS = 3_600_000
# Ages grow without news; what reads one is looked at so often.
AGING_MS = 300_000
_FILES_MS = 60_000
_DAY_MS = 86_400_000
# Work of one turn, so that incidents and notifications are never late.
_TURN_SECONDS = 1.5

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Todo:
    """What of one facility is to be judged.

    Attributes:
        facts: Names of facts that changed.
        aging: Whatever reads an age.
        whole: Everything.
    """

    facts: set[str] = field(default_factory=set)
    aging: bool = False
    whole: bool = False


@dataclass(slots=True)
class _Done:
    """When a facility was last looked at."""

    day: date
    whole_ms: int
    aging_ms: int


class RulesPart:
    """Keeps the tables of results in step with facts, papers and packs."""

    def __init__(self) -> None:
        self._library = Library()
        self._province = Province()
        self._files_ms = 0
        self._inventory = Inventory()
        self._declarations = Declarations.of(self._inventory)
        self._rules = Rules(self._library, self._inventory)
        self._generation = -1
        self._given: list[Given] = []
        self._overlays = Overlays()
        self._tailorings = Tailorings()
        self._faults: set[tuple[str, type[Exception]]] = set()
        self._shown: dict[results.Key, Shown] | None = None
        self._rules_of: dict[str, set[str]] = {}
        self._todo: dict[str, _Todo] = {}
        self._done: dict[str, _Done] = {}

    def __call__(self, tick: Tick) -> None:
        """One turn."""
        if self._shown is None:
            with reading(tick.engine) as connection:
                self._shown = results.load(connection, tick.now_ms)
            self._rules_of = results.by_facility(self._shown)
        self._follow(tick)
        self._plan(tick)
        papers = Papers(self._given, tick.now_ms)
        tailored = self._tailorings.at(self._library, tick.now_ms)
        facts, now_ms, declared = tick.facts, tick.now_ms, self._declarations
        world = FactsWorld(facts, tick.inventory, papers, now_ms, declared, tailored=tailored)
        turn = _Turn(tick, world, self._shown, day_of(now_ms), tailored)
        self._drop_gone(turn)
        try:
            self._judge(turn)
        finally:
            # What was judged before a fault is taken for shown, so the tables must have it.
            self._store(turn)

    def _store(self, turn: "_Turn") -> None:
        try:
            turn.writes.store(turn.tick.engine)
        except SQLAlchemyError:
            # What the tables show now is not what is kept here: begin anew.
            self._shown = None
            self._done.clear()
            raise

    def _follow(self, tick: Tick) -> None:
        """Take over a new inventory, new packs, new papers."""
        fresh = tick.inventory is not self._inventory
        told = tick.generation != self._generation
        if told or _is_over(self._files_ms, _FILES_MS, tick.now_ms):
            self._files_ms = tick.now_ms
            fresh = self._read_packs(tick) or fresh
        if fresh:
            self._inventory = tick.inventory
            self._declarations = Declarations.of(tick.inventory)
            self._rules = Rules(self._library, tick.inventory)
            self._need_all(tick.inventory)
        if told:
            self._generation = tick.generation
            self._read_papers(tick)

    def _read_packs(self, tick: Tick) -> bool:
        try:
            library = self._province.look(tick.engine, tick.config.rules, tick.now_ms)
        except PackError:
            log.exception("the packs cannot be read; the old ones stay")
            return False
        if library is None:
            return False
        self._library = library.keeping(self._library)
        return True

    def _read_papers(self, tick: Tick) -> None:
        with reading(tick.engine) as connection:
            given, overlays = read_given(connection), Overlays.read(connection)
            tailorings = Tailorings.read(connection)
        before = self._entered()
        self._given, self._overlays, self._tailorings = given, overlays, tailorings
        now = self._entered()
        for facility in tick.inventory.facilities:
            if any(
                old.get(facility.id) != new.get(facility.id)
                for old, new in zip(before, now, strict=True)
            ):
                self._need(facility.id).whole = True

    def _entered(self) -> tuple[Mapping[str, object], ...]:
        """What people entered, by facility."""
        overlays, tailorings = self._overlays.by_facility(), self._tailorings.by_facility
        return by_facility(self._given), overlays, tailorings

    def _need(self, facility: str) -> _Todo:
        return self._todo.setdefault(facility, _Todo())

    def _need_all(self, inventory: Inventory) -> None:
        for facility in inventory.facilities:
            self._need(facility.id).whole = True

    def _plan(self, tick: Tick) -> None:
        """What changed, what is due by the clock, what a new day changes."""
        for facility, names in tick.changed.items():
            if tick.inventory.facility(facility) is not None:
                self._need(facility).facts |= names
        today = day_of(tick.now_ms)
        for one in tick.inventory.facilities:
            done = self._done.get(one.id)
            if done is None or done.day != today or _is_over(done.whole_ms, HOUR_MS, tick.now_ms):
                self._need(one.id).whole = True
            elif _is_over(done.aging_ms, AGING_MS, tick.now_ms):
                self._need(one.id).aging = True

    def _drop_gone(self, turn: "_Turn") -> None:
        """Facilities that are no more."""
        for facility in [one for one in self._rules_of if self._inventory.facility(one) is None]:
            self._forget(turn, facility, self._rules_of.pop(facility))
            self._todo.pop(facility, None)
            self._done.pop(facility, None)

    def _forget(self, turn: "_Turn", facility: str, rules: set[str]) -> None:
        for rule in rules:
            turn.writes.gone.append((facility, rule))
            turn.shown.pop((facility, rule), None)

    def _judge(self, turn: "_Turn") -> None:
        """Facilities with news first; those the turn has no time for come next turn."""
        until = time.monotonic() + _TURN_SECONDS
        for facility_id in sorted(self._todo, key=lambda one: not self._todo[one].facts):
            if time.monotonic() > until:
                return
            todo = self._todo.pop(facility_id)
            facility = turn.tick.inventory.facility(facility_id)
            if facility is not None:
                self._judge_one(turn, facility, todo)

    def _judge_one(self, turn: "_Turn", facility: Facility, todo: _Todo) -> None:
        cover = _Cover(turn.tick, facility.id)
        found = set()
        for row in self._rows(facility, todo):
            judged = self._judged(turn, row, facility.id)
            if judged is not None:
                found.add(row.row.id)
                self._show(turn, judged, cover)
        now_ms = turn.tick.now_ms
        if todo.whole:
            self._done[facility.id] = _Done(turn.today, now_ms, now_ms)
            gone = self._rules_of.get(facility.id, set()) - found
            blind = {rule for rule in gone if self._is_refused(turn.shown[facility.id, rule])}
            self._blind(turn, facility.id, blind)
            self._forget(turn, facility.id, gone - blind)
            self._rules_of[facility.id] = found | blind
        elif todo.aging:
            self._done[facility.id].aging_ms = now_ms

    def _judged(self, turn: "_Turn", row: Row, facility: str) -> Judged | None:
        """One rule that cannot be judged is not known, and keeps no other from being judged."""
        try:
            return judge(row, facility, turn.world, turn.today)
        except Exception as error:
            rule = row.row.id
            if (rule, type(error)) not in self._faults:
                self._faults.add((rule, type(error)))
                log.exception("%s cannot be judged for %s: not known", rule, facility)
            return Judged(row, Result(rule, facility, Status.UNKNOWN, "fault", coverage=0.0))

    def _is_refused(self, shown: Shown) -> bool:
        # Nobody takes every pack away on purpose.
        if not self._library.packs:
            return True
        pack = shown.version.partition(" ")[0]
        return pack in self._library.missing() or shown.version in self._library.unused

    def _blind(self, turn: "_Turn", facility: str, rules: set[str]) -> None:
        """Rules whose pack is there and cannot be used: not known, and never gone."""
        now_ms = turn.tick.now_ms
        for rule in sorted(rules):
            known = turn.shown[facility, rule]
            news = known.see(Status.UNKNOWN, now_ms)
            if known.status is not Status.UNKNOWN:
                known.status, known.since_ms, news = Status.UNKNOWN, now_ms, True
            said = (known.status.value, "pack_refused")
            result = (facility, rule, *said, False, 0.0, known.since_ms, known.version, now_ms)
            turn.writes.results.append((*result, "{}"))
            if news:
                row = (facility, rule, now_ms, said[0], *said, known.version)
                turn.writes.history.append(row)

    def _rows(self, facility: Facility, todo: _Todo) -> Iterator[Row]:
        if todo.whole:
            yield from self._rules.of(facility)
            return
        seen = set()
        for row in self._rules.reading(facility, todo.facts):
            seen.add(row.row.id)
            yield row
        if todo.aging:
            every = self._rules.of(facility)
            yield from (row for row in every if row.aging and row.row.id not in seen)

    def _show(self, turn: "_Turn", judged: Judged, cover: "_Cover") -> None:
        """Compare with what is shown, and write what is news or old."""
        result, now_ms, version = judged.result, turn.tick.now_ms, judged.row.version
        key, raw = (result.facility, result.rule), result.status
        known = turn.shown.get(key)
        before = hysteresis.Shown()
        if known is None:
            known = turn.shown[key] = Shown(raw, now_ms)
        else:
            before = hysteresis.Shown(known.status, known.gap)
        news = known.see(raw, now_ms)
        status = _settled(judged, known, before, cover)
        known.gap, known.version = hysteresis.gap_after(before, status), version
        if status is not known.status:
            known.status, known.since_ms = status, now_ms
            news = True
        overlay = self._overlays.of(result.facility, judged.row.row, now_ms)
        beside = Beside(overlay, turn.tailored.of(*key), None if known.gap is status else known.gap)
        told = (status, raw, result.reason, result.coverage, beside, version, judged.due_ms)
        if told == known.told and not _is_over(known.written_ms, HOUR_MS, now_ms):
            return
        known.told, known.written_ms = told, now_ms
        said = (result.reason, result.advisory, result.coverage, known.since_ms, version, now_ms)
        detail = detail_of(judged, status, beside)
        turn.writes.results.append((*key, status.value, *said, detail))
        if news:
            row = (*key, now_ms, status.value, raw.value, result.reason, version)
            turn.writes.history.append(row)


def _is_over(since_ms: int, length_ms: int, now_ms: int) -> bool:
    """Whether so much time has gone by; also where the clock was set back before its begin."""
    return not 0 <= now_ms - since_ms < length_ms


@dataclass(frozen=True, slots=True)
class _Turn:
    """What one turn works with."""

    tick: Tick
    world: FactsWorld
    shown: dict[results.Key, Shown]
    today: date
    tailored: Tailored
    writes: Writes = field(default_factory=Writes)


def _settled(judged: Judged, known: Shown, before: hysteresis.Shown, cover: "_Cover") -> Status:
    row = judged.row.row
    kind = row.hysteresis.kind if isinstance(row, Rule) else "none"
    mean = cover.mean() if kind == "coverage" else None
    return hysteresis.settled(kind, known.seen, before, cover.now_ms, mean)


class _Cover:
    """A facility's coverage of the last week, read when a rule asks for it."""

    def __init__(self, tick: Tick, facility: str) -> None:
        self.now_ms = tick.now_ms
        self._tick = tick
        self._facility = facility

    def mean(self) -> float | None:
        """Mean share of hosts that reported."""
        with reading(self._tick.engine) as connection:
            since = self.now_ms - COVER_DAYS * _DAY_MS
            return results.mean_cover(connection, self._facility, since, self.now_ms)
