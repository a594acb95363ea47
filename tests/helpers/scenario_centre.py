"""The centre of a fleet that is only told about: real facts, a real desk, no store."""

import itertools
from collections import defaultdict
from dataclasses import replace

from tramgac_collector.facts.backups import DECLARED
from tramgac_collector.facts.kinds import EVENT_VALID_MS, Claim
from tramgac_collector.facts.ledger import Fact, FactLedger
from tramgac_collector.facts.mapping import COVERAGE, KINDS
from tramgac_collector.incidents.desk import Desk, Turn
from tramgac_collector.incidents.model import Change, Incident, Window
from tramgac_collector.incidents.scene import RECENT_MS
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.judge.feed import FactsFeed, facility_of
from tramgac_collector.store.records import FACT

START = 1_800_000_000_000
SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
# Group wait of the notification pipeline.
_TOLD_AFTER_MS = 15 * SECOND


class Centre:
    """Makes facts of what arrives, judges them, and keeps what it found.

    Attributes:
        events: When, number of the incident, and what happened to it.
        messages: ``down`` or ``recovered``, and the incident.
    """

    def __init__(self) -> None:
        self.now_ms = START
        self.inventory = Inventory()
        self.incidents: dict[int, Incident] = {}
        self.events: list[tuple[int, int, Change]] = []
        self.messages: list[tuple[str, Incident]] = []
        self.windows: list[Window] = []
        self.ingest_works = True
        self._ledger = FactLedger()
        self._history: defaultdict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
        self._numbers = itertools.count(1)
        self._covered_ms = 0
        self._start_centre()

    def _start_centre(self) -> None:
        self._feed = FactsFeed()
        self._started_ms = self.now_ms
        self._desk = Desk(self._feed, self._past)
        self._announce = True

    def _past(self, name: str, subject: str, since_ms: int) -> list[tuple[int, float]]:
        steps = self._history[name, subject]
        return sorted(one for one in steps if one[0] >= since_ms)

    def _judge(self) -> None:
        if self.ingest_works and self.now_ms - self._covered_ms >= MINUTE:
            self._covered_ms = self.now_ms
            self._cover()
        changed: defaultdict[str, set[str]] = defaultdict(set)
        if self.ingest_works:
            self._write(changed)
        if self._announce:
            self._announce = False
            for fact in list(self._ledger._current.values()):  # as a judge reads all at its start
                self._feed.put(replace(fact))
                changed[facility_of(fact.subject)].add(fact.name)
        for facility, names in self._feed.take_news(self.now_ms).items():
            changed[facility] |= names
        current = [
            one
            for one in self.incidents.values()
            if one.closed_ms is None or self.now_ms - one.closed_ms < RECENT_MS
        ]
        windows = [one for one in self.windows if one.from_ms <= self.now_ms < one.until_ms]
        turn = Turn(self.inventory, changed, current, windows, self.now_ms, self._started_ms)
        for change in self._desk.turn(turn):
            self._keep(change)
        self._notify()

    def _cover(self) -> None:
        for facility in self.inventory.facilities:
            claim = Claim(COVERAGE, facility.id, 1.0, "", self.now_ms, 10 * MINUTE)
            self._ledger.measured_here(claim, self.now_ms)
            for series in self.inventory.all_series():
                if self._ledger.get(DECLARED.name, series.id) is None:
                    since = self.now_ms - HOUR
                    said = Claim(DECLARED, series.id, since / 1000, "", since, EVENT_VALID_MS)
                    self._ledger.measured_here(said, self.now_ms)

    def _write(self, changed: defaultdict[str, set[str]]) -> None:
        for step in self._ledger.take_writes(self.now_ms):
            for row in step.history:
                if row[4] is not None:
                    self._history[row[0], row[1]].append((row[2], row[4]))
            for row in step.facts:
                fact = Fact(**dict(zip(FACT, row, strict=True)))
                old = self._feed.get(fact.name, fact.subject)
                self._feed.put(fact)
                for past in self._ledger.recent(fact.name, fact.subject):
                    self._feed._recent.take(KINDS[fact.name], (fact.name, fact.subject), past)
                if old is None or (old.value, old.text) != (fact.value, fact.text):
                    changed[facility_of(fact.subject)].add(fact.name)

    def _keep(self, change: Change) -> None:
        one = change.incident
        if not one.number:
            one = replace(one, number=next(self._numbers))
        before = self.incidents.get(one.number)
        if before is not None:
            one = replace(one, told_ms=before.told_ms, recovered_told_ms=before.recovered_told_ms)
        self.incidents[one.number] = one
        self.events.append((self.now_ms, one.number, change))

    def _notify(self) -> None:
        """One message for each incident that is nobody's child, one when it is over."""
        for number, one in list(self.incidents.items()):
            if one.parent is not None:
                continue
            waited = self.now_ms - one.opened_ms >= _TOLD_AFTER_MS
            if one.told_ms is None and one.closed_ms is None and waited:
                self.incidents[number] = replace(one, told_ms=self.now_ms)
                self.messages.append(("down", self.incidents[number]))
            elif one.told_ms and one.closed_ms is not None and one.recovered_told_ms is None:
                self.incidents[number] = replace(one, recovered_told_ms=self.now_ms)
                self.messages.append(("recovered", self.incidents[number]))
