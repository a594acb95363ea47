"""A fleet that is only told about, under a clock the test holds.

``fleet.at("0s").link_down("bv-1/main")`` lets time pass up to there, then cuts; facts are made by
the real ledger, judged by the real desk at ticks of 5 s, and ``expect`` looks at the incidents.
"""

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Self

from helpers.scenario_centre import MINUTE, SECOND, START, Centre

from tramgac_collector.facts.mapping import slots_of
from tramgac_collector.incidents.model import Incident, Window
from tramgac_collector.ingest.arrival import Arrival, Plan
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.model import Owner
from tramgac_proto.v1 import fleet_pb2

TICK = 5 * SECOND
# With nothing going on, time passes in larger steps, still shorter than silence.
_IDLE_TICK = 100 * SECOND
_SLOW_TICK = 20 * SECOND
_BUSY_MS = 20 * MINUTE
# Around what happens and what is looked at, the judge's own pace.
_CLOSE_MS = 4 * MINUTE
_UNITS = {"s": SECOND, "m": MINUTE, "h": 60 * MINUTE, "d": 24 * 60 * MINUTE}


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


class Fleet(Centre):
    """Machines, the way to them, and the centre they report to.

    Args:
        inventory: YAML of the inventory.
    """

    def __init__(self, inventory: str) -> None:
        super().__init__()
        self._acted_ms = START
        self._names = itertools.count()
        self.machines: dict[str, Machine] = {}
        self.dead_systems: dict[str, str] = {}
        self.set_inventory(inventory)
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

    def at(self, when: str) -> Self:
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

    # What happens in the world.

    def _inside(self, node: str) -> list[Machine]:
        if node == "centre":
            return list(self.machines.values())
        found = [m for place, m in self.machines.items() if f"{place}/".startswith(f"{node}/")]
        if not found:
            raise AssertionError(f"no machine in {node}")
        return found

    def _each(self, node: str, act: Callable[[Machine], None]) -> Self:
        for machine in self._inside(node):
            act(machine)
        return self

    def link_down(self, *nodes: str) -> Self:
        """Cut the line of a host, a site, a facility or the centre."""
        for node in nodes:
            self._each(node, lambda machine: setattr(machine, "line", False))
        return self

    def link_up(self, *nodes: str) -> Self:
        """Mend it."""
        for node in nodes:
            self._each(node, lambda machine: setattr(machine, "line", True))
        return self

    def power_off(self, *nodes: str, clean: bool = False) -> Self:
        """Take the power away, or shut down in order."""
        for node in nodes:
            for machine in self._inside(node):
                machine.power, machine.stopped_clean = False, clean
                machine.waiting.clear()
        return self

    def power_on(self, *nodes: str) -> Self:
        """Let it boot."""
        for node in nodes:
            for machine in self._inside(node):
                machine.power, machine.boot_ms = True, self.now_ms
        return self

    def agent_stop(self, host: str) -> Self:
        """Stop the agent alone."""
        return self._each(host, lambda machine: setattr(machine, "agent", False))

    def agent_start(self, host: str) -> Self:
        """Start it again; it tells of the time it was not there."""
        for machine in self._inside(host):
            machine.agent = True
            note = fleet_pb2.OutageNote(kind="start", to_unix_ms=self.now_ms)
            self._tell(machine, {}, outage=note)
        return self

    def down(self, *systems: str) -> Self:
        """Stop systems (``facility/system``) or everything at ``provider:id``."""
        self.dead_systems.update(dict.fromkeys(systems, ""))
        return self

    def up(self, *systems: str) -> Self:
        """Start them again."""
        for system in systems:
            del self.dead_systems[system]
        return self

    def seen(self, host: str, name: str, value: float, **labels: str) -> Self:
        """From now on the host measures this."""
        return self._each(
            host, lambda machine: machine.series.update({(name, tuple(labels.items())): value})
        )

    def once(self, host: str, name: str, value: float, *, minutes: float, **labels: str) -> Self:
        """The host measures this now, and not again by itself; good for so long."""
        key = (name, tuple(labels.items()))
        for machine in self._inside(host):
            self._tell(machine, {key: value}, valid_ms=round(minutes * MINUTE))
        return self

    def clock(self, host: str, seconds: float) -> Self:
        """Its clock is so far off."""
        return self._each(
            host, lambda machine: setattr(machine, "offset_ms", round(seconds * 1000))
        )

    def tell(self, host: str, **detail: Any) -> Self:
        """The host's agent reports a typed message."""
        for machine in self._inside(host):
            self._tell(machine, {}, valid_ms=150 * MINUTE, **detail)
        return self

    def back_up(self, series: str, outcome: str = "complete", reason: str = "") -> Self:
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

    def maintenance(self, node: str, lasts: str) -> Self:
        """Plan work from now on."""
        self.windows.append(Window(node, self.now_ms, self.now_ms + duration(lasts)))
        return self

    def certificate(self, place: str, days: float) -> Self:
        """The agent's newest certificate is valid for so long."""
        ends = {place: self.now_ms + round(days * _UNITS["d"])}
        self._desk.board.take_certificates(ends)
        return self

    def centre_clock(self, moves: str, *, back: bool = False) -> Self:
        """Set the centre's clock; the judge notices and begins anew."""
        by = duration(moves) * (-1 if back else 1)
        for name in ("now_ms", "_began_ms", "_acted_ms", "_covered_ms"):
            setattr(self, name, getattr(self, name) + by)
        self._covered_ms = self.now_ms
        return self.restart_centre()

    def restart_centre(self) -> Self:
        """Start the judge anew; the store keeps what it has."""
        self._start_centre()
        return self

    def ingest(self, *, works: bool) -> Self:
        """Stop or start the process that receives."""
        self.ingest_works = works
        return self

    # What must hold.

    def open(self) -> list[Incident]:
        """Incidents that are open."""
        return [one for one in self.incidents.values() if one.closed_ms is None]

    def expect(self, *wanted: dict[str, object]) -> Self:
        """Exactly these incidents are open, and told to nobody twice."""
        found = [_shown(one) for one in self.open() if one.parent is None]
        if len(found) != len(wanted) or not all(any(_fits(o, w) for o in found) for w in wanted):
            raise AssertionError(f"wanted {wanted}, found {found}")
        return self

    def expect_messages(self, *wanted: str) -> Self:
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


def _shown(one: Incident) -> dict[str, object]:
    names = ("code", "node", "facility", "site", "cause", "severity")
    return {name: getattr(one, name) for name in names}


def _fits(found: dict[str, object], wanted: dict[str, object]) -> bool:
    return all(found.get(name) == value for name, value in wanted.items())
