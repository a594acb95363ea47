"""A fleet that is only told about, under a clock the test holds.

``fleet.at("0s").link_down("bv-1/main")`` lets time pass up to there, then cuts; facts are made by
the real ledger, judged by the real desk at ticks of 5 s, and ``expect`` looks at the incidents.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from tramgac_collector.facts.backups import DECLARED
from tramgac_collector.facts.kinds import EVENT_VALID_MS, Claim, FactKind
from tramgac_collector.facts.ledger import Fact, FactLedger
from tramgac_collector.facts.mapping import COVERAGE, KINDS, slots_of
from tramgac_collector.incidents.desk import Desk, Turn
from tramgac_collector.incidents.engine import RECENT_MS
from tramgac_collector.incidents.model import Change, Incident, Window
from tramgac_collector.ingest.arrival import Arrival, Plan
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.judge.feed import FactsFeed, facility_of
from tramgac_collector.model import Owner
from tramgac_collector.store.records import FACT
from tramgac_proto.v1 import fleet_pb2

START = 1_800_000_000_000
SECOND = 1_000
MINUTE = 60 * SECOND
TICK = 5 * SECOND
# With nothing going on, time passes in larger steps, still shorter than silence.
_IDLE_TICK = 100 * SECOND
_SLOW_TICK = 20 * SECOND
_BUSY_MS = 20 * MINUTE
# Around what happens and what is looked at, the judge's own pace.
_CLOSE_MS = 4 * MINUTE
_UNITS = {"s": SECOND, "m": MINUTE, "h": 60 * MINUTE, "d": 24 * 60 * MINUTE}
# Group wait of the notification pipeline.
_TOLD_AFTER_MS = 15 * SECOND


def duration(text: str) -> int:
    """``90s``, ``2h30m`` or ``26h`` in ms."""
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    return round(sum(float(number) * _UNITS[unit] for number, unit in parts))


@dataclass
class Machine:
    """A host with an agent, as it really is; what the centre knows of it is another matter."""

    owner: Owner
    phase: int
    boot_ms: int
    power: bool = True
    line: bool = True
    agent: bool = True
    stopped_clean: bool | None = None
    offset_ms: int = 0
    series: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(default_factory=dict)
    waiting: list[Arrival] = field(default_factory=list)

    @property
    def works(self) -> bool:
        return self.power and self.agent


def incident(code: str, node: str = "", **asked: object) -> dict[str, object]:
    """What an expected incident looks like; only what is named is compared."""
    return {"code": code, **({"node": node} if node else {}), **asked}


class Fleet:
    """Machines, the way to them, the centre's facts and its incidents.

    Args:
        inventory: YAML of the inventory.
    """

    def __init__(self, inventory: str) -> None:
        self.now_ms = START
        self.incidents: dict[int, Incident] = {}
        self.events: list[tuple[int, int, Change]] = []
        self.messages: list[tuple[str, Incident]] = []
        self.windows: list[Window] = []
        self.ingest_works = True
        self._ledger = FactLedger()
        self._history: defaultdict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
        self._numbers = itertools.count(1)
        self._acted_ms = START
        self._covered_ms = 0
        self._names = itertools.count()
        self.machines: dict[str, Machine] = {}
        self.dead_systems: dict[str, str] = {}
        self.set_inventory(inventory)
        self._start_centre()
        self._let_pass(START + 3 * MINUTE)
        self._began_ms = self.now_ms

    def set_inventory(self, text: str) -> None:
        """Put an inventory into force; new hosts get agents."""
        self.inventory = parse_inventory(text, "test")
        for owner in self.inventory.expected_hosts():
            if owner.place not in self.machines:
                number = len(self.machines)
                agent = f"{number:08d}-1111-4111-8111-111111111111"
                self.machines[owner.place] = Machine(
                    replace(owner, agent_id=agent),
                    (number * 7) % 30 * SECOND,
                    self.now_ms - 90 * _UNITS["d"],
                )

    def _start_centre(self) -> None:
        self._feed = FactsFeed()
        self._started_ms = self.now_ms
        self._desk = Desk(self._feed, self._past)
        self._announce = True

    def _past(self, name: str, subject: str, since_ms: int) -> list[tuple[int, float]]:
        steps = self._history[name, subject]
        return sorted(one for one in steps if one[0] >= since_ms)

    def at(self, when: str) -> "Fleet":
        """Let time pass until so long after the beginning."""
        until = self._began_ms + duration(when)
        if until < self.now_ms:
            raise AssertionError(f"{when} is over")
        self._let_pass(until)
        self._acted_ms = self.now_ms
        return self

    def _let_pass(self, until_ms: int) -> None:
        while self.now_ms < until_ms:
            acted, left = self.now_ms - self._acted_ms, until_ms - self.now_ms
            close = min(acted, left) < _CLOSE_MS
            pace = TICK if close else _SLOW_TICK if acted < _BUSY_MS else _IDLE_TICK
            before, self.now_ms = self.now_ms, self.now_ms + pace
            self._report(before)
            self._judge()

    # What the agents do.

    def _report(self, before_ms: int) -> None:
        for machine in self.machines.values():
            since, until = before_ms - machine.phase, self.now_ms - machine.phase
            if not machine.works:
                continue
            if until // MINUTE > since // MINUTE:
                self._measure(machine, MINUTE)
            if until // (5 * MINUTE) > since // (5 * MINUTE):
                self._measure(machine, 5 * MINUTE)
            if machine.line and until // (30 * SECOND) > since // (30 * SECOND):
                self._call(machine)
        if self.ingest_works:
            self._ledger.settle()

    def _call(self, machine: Machine) -> None:
        if self.ingest_works:
            self._ledger.called(machine.owner, self.now_ms, machine.offset_ms)
            # Newest first, then the backlog, as the agents do.
            for one in reversed(machine.waiting):
                self._receive(one)
            machine.waiting.clear()

    def _measure(self, machine: Machine, every_ms: int) -> None:
        values = dict(self._of_check(machine, every_ms))
        if values:
            self._tell(machine, values, valid_ms=int(2.5 * every_ms))

    def _of_check(
        self, machine: Machine, every_ms: int
    ) -> Iterable[tuple[tuple[str, tuple[tuple[str, str], ...]], float]]:
        slow = every_ms > MINUTE
        for (name, labels), value in machine.series.items():
            if name.startswith(("filesystem", "path")) == slow:
                yield (name, labels), value
        if slow:
            return
        yield ("host_boot_timestamp_seconds", ()), machine.boot_ms / 1000
        if machine.stopped_clean is not None:
            yield ("host_last_stop_clean", ()), float(machine.stopped_clean)
        for system in self.inventory.facilities:
            for one in system.systems:
                if system.id == machine.owner.facility and one.prober == machine.owner.host:
                    up = self._answers(f"{system.id}/{one.id}", machine)
                    labels = (("system", one.id), ("method", "http"))
                    yield ("service_up", labels), float(up)

    def _answers(self, system: str, asking: Machine) -> bool:
        facility, name = system.split("/")
        found = self.inventory.facility(facility)
        one = next(one for one in found.systems if one.id == name) if found else None
        if one is None or system in self.dead_systems:
            return False
        if one.provider and f"provider:{one.provider}" in self.dead_systems:
            return False
        host = self.inventory.place_of(facility, one.host) if one.host else None
        if host is None:
            return True
        there = self.machines.get(f"{facility}/{host.site.id}/{one.host}")
        same_site = host.site.id == asking.owner.site
        return there is None or (there.power and (same_site or there.line))

    def _tell(
        self,
        machine: Machine,
        values: dict[tuple[str, tuple[tuple[str, str], ...]], float],
        *,
        valid_ms: int = 150 * SECOND,
        **detail: Any,
    ) -> None:
        keys = [(f"tramgac_{name}", labels) for (name, labels) in values]
        arrival = Arrival(
            reporter=machine.owner,
            subject=machine.owner,
            plan=Plan(
                stream=f"{sorted(values)[:1]}{next(self._names) if detail else ''}",
                subject=machine.owner,
                slots=slots_of(machine.owner, keys),
                size=len(keys),
            ),
            observation=fleet_pb2.Observation(check="c", **detail),
            values=list(values.values()),
            event_ms=self.now_ms,
            received_ms=self.now_ms,
            expires_ms=self.now_ms + valid_ms,
            exact=True,
            offset_ms=0,
        )
        if machine.line and self.ingest_works:
            self._receive(arrival)
        else:
            machine.waiting.append(arrival)

    def _receive(self, arrival: Arrival) -> None:
        arrival.received_ms = self.now_ms
        self._ledger.observe(arrival)
        if arrival.received_ms != arrival.event_ms:
            self._ledger.settle()

    # What the centre does.

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
        self._feed._expire(changed, self.now_ms)
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
                    since = self.now_ms - _UNITS["h"]
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
                    self._feed._recent.take(_kind(fact.name), (fact.name, fact.subject), past)
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

    # What happens in the world.

    def _inside(self, node: str) -> list[Machine]:
        if node == "centre":
            return list(self.machines.values())
        found = [m for place, m in self.machines.items() if f"{place}/".startswith(f"{node}/")]
        if not found:
            raise AssertionError(f"no machine in {node}")
        return found

    def _each(self, node: str, act: Callable[[Machine], None]) -> "Fleet":
        for machine in self._inside(node):
            act(machine)
        return self

    def link_down(self, *nodes: str) -> "Fleet":
        """Cut the line of a host, a site, a facility or the centre."""
        for node in nodes:
            self._each(node, lambda machine: setattr(machine, "line", False))
        return self

    def link_up(self, *nodes: str) -> "Fleet":
        """Mend it."""
        for node in nodes:
            self._each(node, lambda machine: setattr(machine, "line", True))
        return self

    def power_off(self, *nodes: str, clean: bool = False) -> "Fleet":
        """Take the power away, or shut down in order."""
        for node in nodes:
            for machine in self._inside(node):
                machine.power, machine.stopped_clean = False, clean
                machine.waiting.clear()
        return self

    def power_on(self, *nodes: str) -> "Fleet":
        """Let it boot."""
        for node in nodes:
            for machine in self._inside(node):
                machine.power, machine.boot_ms = True, self.now_ms
        return self

    def agent_stop(self, host: str) -> "Fleet":
        """Stop the agent alone."""
        return self._each(host, lambda machine: setattr(machine, "agent", False))

    def agent_start(self, host: str) -> "Fleet":
        """Start it again; it tells of the time it was not there."""
        for machine in self._inside(host):
            machine.agent = True
            note = fleet_pb2.OutageNote(kind="start", to_unix_ms=self.now_ms)
            self._tell(machine, {}, outage=note)
        return self

    def down(self, *systems: str) -> "Fleet":
        """Stop systems (``facility/system``) or everything at ``provider:id``."""
        self.dead_systems.update(dict.fromkeys(systems, ""))
        return self

    def up(self, *systems: str) -> "Fleet":
        """Start them again."""
        for system in systems:
            del self.dead_systems[system]
        return self

    def seen(self, host: str, name: str, value: float, **labels: str) -> "Fleet":
        """From now on the host measures this."""
        return self._each(
            host, lambda machine: machine.series.update({(name, tuple(labels.items())): value})
        )

    def clock(self, host: str, seconds: float) -> "Fleet":
        """Its clock is so far off."""
        return self._each(
            host, lambda machine: setattr(machine, "offset_ms", round(seconds * 1000))
        )

    def tell(self, host: str, **detail: Any) -> "Fleet":
        """The host's agent reports a typed message."""
        for machine in self._inside(host):
            self._tell(machine, {}, valid_ms=150 * MINUTE, **detail)
        return self

    def back_up(self, series: str, outcome: str = "complete", reason: str = "") -> "Fleet":
        """A run of five minutes ended now."""
        facility, host, _ = series.split("/")
        placed = self.inventory.place_of(facility, host)
        site = placed.site.id if placed else ""
        run = fleet_pb2.BackupRun(
            series=series, run_id=f"r{next(self._names)}", outcome=outcome, reason=reason,
            exit_code=0 if outcome == "complete" else 1, snapshot_id=f"{self.now_ms:064x}",
            started_unix_ms=self.now_ms - 5 * MINUTE, ended_unix_ms=self.now_ms,
        )  # fmt: skip
        return self.tell(f"{facility}/{site}/{host}", backup_run=run)

    def maintenance(self, node: str, lasts: str) -> "Fleet":
        """Plan work from now on."""
        self.windows.append(Window(node, self.now_ms, self.now_ms + duration(lasts)))
        return self

    def certificate(self, place: str, days: float) -> "Fleet":
        """The agent's newest certificate is valid for so long."""
        ends = {place: self.now_ms + round(days * _UNITS["d"])}
        self._desk.board.take_certificates(ends)
        return self

    def restart_centre(self) -> "Fleet":
        """Start the judge anew; the store keeps what it has."""
        self._start_centre()
        return self

    def ingest(self, *, works: bool) -> "Fleet":
        """Stop or start the process that receives."""
        self.ingest_works = works
        return self

    # What must hold.

    def open(self) -> list[Incident]:
        """Incidents that are open."""
        return [one for one in self.incidents.values() if one.closed_ms is None]

    def expect(self, *wanted: dict[str, object]) -> "Fleet":
        """Exactly these incidents are open, and told to nobody twice."""
        found = [_shown(one) for one in self.open() if one.parent is None]
        if len(found) != len(wanted) or not all(any(_fits(o, w) for o in found) for w in wanted):
            raise AssertionError(f"wanted {wanted}, found {found}")
        return self

    def expect_messages(self, *wanted: str) -> "Fleet":
        """Exactly these messages were sent so far: ``down CODE``, ``recovered CODE``."""
        found = [f"{what} {one.code}" for what, one in self.messages]
        if found != list(wanted):
            raise AssertionError(f"wanted {wanted}, found {found}")
        return self

    def last(self, code: str) -> Incident:
        """The newest incident of a code, open or over."""
        return [one for one in self.incidents.values() if one.code == code][-1]

    def story(self, code: str) -> list[str]:
        """What happened to the newest incident of a code."""
        number = self.last(code).number
        return [change.event.value for _, one, change in self.events if one == number]


def _kind(name: str) -> FactKind:
    return KINDS[name]


def _shown(one: Incident) -> dict[str, object]:
    names = ("code", "node", "facility", "site", "cause", "severity")
    return {name: getattr(one, name) for name in names}


def _fits(found: dict[str, object], wanted: dict[str, object]) -> bool:
    return all(found.get(name) == value for name, value in wanted.items())


def hospitals(
    count: int, hosts: int = 1, *, systems: str = "", datasets: bool = False, provider: bool = False
) -> str:
    """An inventory of ``bv-1`` to ``bv-N``, each with the site ``main`` and hosts ``h1`` to ``hN``.

    Args:
        count: How many.
        hosts: At each.
        systems: Where ``his`` runs: ``own`` on h1, asked by the last host; ``cloud`` at a provider.
        datasets: Whether ``bv-N/h1/db@nas`` is declared, RPO 26 h.
        provider: Whether the provider ``cloud`` is declared.
    """
    lines = ["providers: [{id: cloud}]"] if provider or systems == "cloud" else []
    lines.append("facilities:")
    machines = ", ".join(f"{{id: h{number}}}" for number in range(1, hosts + 1))
    where = {
        "own": f"host: h1, probed_by: h{hosts}",
        "cloud": "provider: cloud, probed_by: h1",
    }.get(systems)
    for number in range(1, count + 1):
        lines.append(f'- {{id: bv-{number}, code: "{number}",')
        lines.append(f"   sites: [{{id: main, hosts: [{machines}]}}],")
        if where:
            probe = 'probes: [{url: "http://his.example/"}]'
            lines.append(f"   systems: [{{id: his, kind: his, {where}, {probe}}}],")
        if datasets:
            base = "id: db, host: h1, rpo_hours: 26, proof: {check: 0, data: 0, sample: 0}"
            lines.append(f"   datasets: [{{{base}, destinations: [{{id: nas, kind: nas}}]}}],")
        lines.append("  }")
    return "\n".join(lines)
