"""A switch as its SNMP agent shows it, for a test to use, break and wait beside."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from helpers.snmpcase import device, named, walk

from tramgac_agent.snmp.families import switch as family
from tramgac_agent.snmp.families.base import Poll
from tramgac_agent.snmp.values import Oid, Value, oid

_TICKS = oid("1.3.6.1.2.1.1.3.0")


@dataclass
class FakePort:
    """One port; rates are per second."""

    name: str
    mbps: int = 1000
    duplex: int = 3
    up: bool = True
    enabled: bool = True
    octets: float = 20_000.0
    out: float = 20_000.0
    packets: float = 50.0
    errors: float = 0.0
    late: float = 0.0
    discards: float = 0.0
    changed: int = 100
    counts: dict[str, float] = field(default_factory=lambda: {"octets": 1e6})

    def pass_time(self, seconds: float) -> None:
        for name in ("octets", "out", "packets", "errors", "late", "discards"):
            rate = getattr(self, name) if self.up else 0.0
            self.counts[name] = self.counts.get(name, 0.0) + rate * seconds

    def row(self) -> dict[Oid, Value]:
        count = {name: int(value) for name, value in self.counts.items()}
        speed = self.mbps if self.up else 0
        return {
            family.DESCRIPTION: self.name.encode(),
            family.NAME: self.name.encode(),
            family.TYPE: 6,
            family.SPEED: min(speed * 1_000_000, 2**32 - 1),
            family.HIGH_SPEED: speed,
            family.ADMIN: 1 if self.enabled else 2,
            family.OPER: 1 if self.up else 2,
            family.CHANGED: self.changed,
            family.BROKEN: 0,
            family.OCTETS_IN: count.get("octets", 0),
            family.OCTETS_OUT: count.get("out", 0),
            family.UNICAST_IN: count.get("packets", 0),
            family.UNICAST_OUT: count.get("packets", 0),
            family.ERRORS: count.get("errors", 0),
            family.LATE: count.get("late", 0),
            family.DISCARDS: count.get("discards", 0),
            family.DUPLEX: self.duplex,
        }


class FakeSwitch:
    """Ports, a clock, and the family that watches them."""

    def __init__(self, ports: Iterable[FakePort], **settings: Any) -> None:
        self.ports = {port.name: port for port in ports}
        self.first_index = 1
        self.ticks = 1_000_000
        self.now = 1_800_000_000
        self.more: dict[Oid, Value] = {}
        self.family = family.SwitchFamily(device("switch", **settings), family.SwitchMemory())

    def answers(self) -> dict[Oid, Value]:
        """Everything the agent would answer."""
        found: dict[Oid, Value] = {_TICKS: self.ticks, **self.more}
        for number, port in enumerate(self.ports.values()):
            row = port.row()
            found.update({(*column, self.first_index + number): v for column, v in row.items()})
        return dict(sorted(found.items()))

    def wait(self, seconds: float) -> None:
        """Let time pass without a look."""
        self.now += round(seconds)
        self.ticks = (self.ticks + round(seconds * 100)) % 2**32
        for port in self.ports.values():
            port.pass_time(seconds)

    def restart(self) -> None:
        """All counters and the uptime begin anew, and indices are given out otherwise."""
        self.ticks = 3_000
        self.first_index += 100
        for port in self.ports.values():
            port.counts.clear()

    def look(self, poll: Poll = family.PORTS, times: int = 1) -> dict[str, float]:
        """Wait and ask, so often; what the last look says."""
        found: dict[str, float] = {}
        for _ in range(times):
            self.wait(poll.interval_seconds)
            found = named(self.ask(poll))
        return found

    def ask(self, poll: Poll = family.PORTS) -> tuple[Any, ...]:
        """Ask at once."""
        answers = self.answers()
        return self.family.read(poll, walk(answers, poll, self.family, self.now * 1000)).samples

    def findings(self, port: str, poll: Poll = family.PORTS, times: int = 1) -> set[str]:
        """Codes that are open after so many looks."""
        found = self.look(poll, times)
        codes = set()
        for name, value in found.items():
            if name.startswith("port_finding") and f'port="{port}"' in name and value:
                codes.add(name.partition('finding="')[2].partition('"')[0])
        return codes
