"""Switches: every port's speed, duplex and errors; a census of the access ports.

Objects of IF-MIB (RFC 2863), EtherLike-MIB (RFC 3635) and BRIDGE-MIB (RFC 4188). Ports are known
by ``ifName``: ``ifIndex`` may be given out anew at every restart.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple

import msgspec

from tramgac_agent.checks.base import Sample
from tramgac_agent.snmp import stations
from tramgac_agent.snmp.counters import Counters, share
from tramgac_agent.snmp.families.base import Family, Memory, Poll, Reading, Wanted
from tramgac_agent.snmp.ports import (
    TOLD_SECONDS,
    Port,
    PortMemory,
    Seen,
    look,
    open_findings,
    told_findings,
    used_shares,
)
from tramgac_agent.snmp.values import Oid, Value, Walk, as_text, oid

_IF, _IFX = oid("1.3.6.1.2.1.2.2.1"), oid("1.3.6.1.2.1.31.1.1.1")
_ETHER = oid("1.3.6.1.2.1.10.7.2.1")
DESCRIPTION, TYPE, SPEED, ADMIN, OPER = ((*_IF, column) for column in (2, 3, 5, 7, 8))
CHANGED, ERRORS, DISCARDS = ((*_IF, column) for column in (9, 14, 19))
NAME, OCTETS_IN, OCTETS_OUT, HIGH_SPEED, BROKEN = ((*_IFX, column) for column in (1, 6, 10, 15, 19))
UNICAST_IN, MULTICAST_IN, BROADCAST_IN, UNICAST_OUT = ((*_IFX, column) for column in (7, 8, 9, 11))
LATE, DUPLEX = ((*_ETHER, column) for column in (8, 19))
TOPOLOGY_CHANGES = oid("1.3.6.1.2.1.17.2.4.0")

_PORT_COLUMNS = (
    *(DESCRIPTION, TYPE, SPEED, ADMIN, OPER, CHANGED, ERRORS, DISCARDS),
    *(NAME, OCTETS_IN, OCTETS_OUT, HIGH_SPEED, BROKEN),
    *(UNICAST_IN, MULTICAST_IN, BROADCAST_IN, UNICAST_OUT, LATE, DUPLEX),
)
_ETHERNET = frozenset({6, 62, 69, 117})  # the others are old words for the same
_UP, _HALF, _FULL = 1, 2, 3
_SATURATED = 2**32 - 1
_MOST_MBPS = 400_000
_SPEEDS = ("10", "100", "1000", "2500", "5000", "10000")
_ALWAYS = ("10", "100", "1000")
MOST_PORTS = 1024
# One that gives its ports new names all the time must not fill our memory.
_MOST_KEPT = 2 * MOST_PORTS
# Ports in trouble that are told of one by one; the census counts all.
MOST_TOLD = 16
_MOST_LABEL = 64

PORTS = Poll("ports", 300.0)
UPLINKS = Poll("uplinks", 60.0)
STATIONS = Poll("stations", 3600.0)


class SwitchMemory(Memory):
    """What is kept of a switch.

    Attributes:
        ports: By name.
        indices: ``ifIndex`` by name, of declared uplinks; ``names``: the reverse, of all ports.
        trunks: Ports that lead to other devices, by the stations behind them.
        cards: By port, the address of the one card of this host behind it.
    """

    ports: dict[str, PortMemory] = msgspec.field(default_factory=dict)
    indices: dict[str, int] = msgspec.field(default_factory=dict)
    names: dict[int, str] = msgspec.field(default_factory=dict)
    trunks: list[str] = msgspec.field(default_factory=list)
    cards: dict[str, stations.Address] = msgspec.field(default_factory=dict)


class _Told(NamedTuple):
    seen: Seen
    memory: PortMemory


class SwitchFamily(Family[SwitchMemory]):
    """One switch; ``kind = "switch"``."""

    polls: ClassVar = (PORTS, UPLINKS, STATIONS)
    memory_type: ClassVar = SwitchMemory
    news: ClassVar = frozenset({"tramgac_port_finding", "tramgac_port_up"})

    # Replaced by tests, which have no cards of their own.
    own_cards: Callable[[], Mapping[stations.Address, bool]] = staticmethod(stations.own_cards)

    def wanted(self, poll: Poll) -> Wanted:
        """All ports; or the instances of the uplinks, once their indices are known."""
        if poll.name == STATIONS.name:
            return Wanted(columns=stations.COLUMNS)
        if poll.name == PORTS.name:
            return Wanted((TOPOLOGY_CHANGES,), _PORT_COLUMNS)
        indices = self.memory.indices.values()
        if self.device.uplinks and self.memory.names and not indices:
            return Wanted(failure="no_such_port")
        return Wanted([(*column, index) for index in indices for column in _PORT_COLUMNS])

    def read(self, poll: Poll, walk: Walk) -> Reading:
        """The census, the uplinks, or the stations."""
        if poll.name == STATIONS.name:
            return Reading(tuple(self._stations(walk)))
        rows = walk if poll.name == PORTS.name else _as_columns(walk)
        ports = list(self._ports(rows))
        uplinks = set(self.device.uplinks)
        if poll.name == UPLINKS.name:
            told = [self._look(port, walk) for port in ports if port.name in uplinks]
            return Reading(tuple(sample for one in told for sample in _of_port(one, always=True)))
        self._remember(rows, walk.unix_ms // 1000)
        told = [self._look(port, walk) for port in ports if port.name not in uplinks]
        # A switch that tells of no port has not told that there is none.
        census = self._census(told) if told else ()
        return Reading((*census, *_troubled(told), *_topology(walk)))

    def _ports(self, walk: Walk) -> Iterator[Port]:
        """Ethernet ports and uplinks of any type (trunks have many)."""
        table = _Table(walk)
        # Asked now: a card may have changed since the stations were counted.
        duplex = self.own_cards() if self.memory.cards else {}
        peers = {name: duplex[one] for name, one in self.memory.cards.items() if one in duplex}
        for name, index in table.ports(self.device.uplinks).items():
            yield table.port(index, name, self.device.expect_mbps, peers)

    def _look(self, port: Port, walk: Walk) -> _Told:
        memory = self.memory.ports.setdefault(port.name, PortMemory())
        return _Told(look(port, memory, walk.unix_ms // 1000), memory)

    def _remember(self, walk: Walk, now: int) -> None:
        """Where the uplinks are now; ports that went away are forgotten in time."""
        ports = _Table(walk).ports(self.device.uplinks)
        places = {name: index[-1] for name, index in ports.items()}
        self.memory.indices = {name: places[name] for name in self.device.uplinks if name in places}
        self.memory.names = {index: name for name, index in places.items()}
        gone = sorted(
            (one.seen, name) for name, one in self.memory.ports.items() if name not in places
        )
        surplus = max(0, len(self.memory.ports) - _MOST_KEPT)
        for number, (seen, name) in enumerate(gone):
            if number < surplus or now - seen > TOLD_SECONDS:
                del self.memory.ports[name]

    def _census(self, told: list[_Told]) -> Iterator[Sample]:
        access = [one for one in told if one.seen.port.name not in self.memory.trunks]
        up = [one for one in access if one.seen.port.up]
        speeds = Counter(_speed(one.seen.port.mbps) for one in up)
        for speed in dict.fromkeys((*_ALWAYS, *speeds)):
            yield Sample("tramgac_switch_ports", float(speeds[speed]), {"speed": speed})
        found = Counter(code for one in access for code in open_findings(one.memory))
        down = sum(one.seen.port.enabled and not one.seen.port.up for one in access)
        # By what is seen now: the first look at half duplex is no finding yet, but it is counted.
        half = [one.seen.port.full_duplex for one in up if one.seen.port.full_duplex is not None]
        yield Sample("tramgac_switch_ports_down", float(down))
        if half:
            yield Sample("tramgac_switch_ports_half_duplex", float(half.count(False)))
        yield Sample("tramgac_switch_ports_slowed", float(found["slowed"]))
        yield Sample("tramgac_switch_ports_erroring", float(found["errors"]))

    def _stations(self, walk: Walk) -> Iterator[Sample]:
        """Count stations on access ports; keep what tells a trunk and this host's own ports."""
        names, cards = self.memory.names, self.own_cards()
        behind = {
            names[index]: found for index, found in stations.learned(walk).items() if index in names
        }
        most = stations.MOST_ON_ACCESS_PORT
        self.memory.trunks = sorted(name for name, all_ in behind.items() if len(all_) > most)
        self.memory.cards = {
            name: next(iter(all_))
            for name, all_ in behind.items()
            if len(all_) == 1 and next(iter(all_)) in cards
        }
        apart = {*self.memory.trunks, *self.device.uplinks}
        seen = set().union(*(all_ for name, all_ in behind.items() if name not in apart))
        if not behind:
            return  # no table: not the same as nobody there
        known = {*map(stations.address, self.device.known_macs), *cards}
        yield Sample("tramgac_switch_stations", float(len(seen)))
        yield Sample("tramgac_switch_stations_known", float(len(seen & known)))


class _Table:
    """The port columns of one walk."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self.types = walk.numbers(TYPE)
        self._numbers = {column: walk.numbers(column) for column in _PORT_COLUMNS}

    def ports(self, uplinks: Sequence[str]) -> dict[str, Oid]:
        """Index by name of Ethernet ports and uplinks; a VLAN may be called like a port."""
        found: dict[str, Oid] = {}
        for index in sorted(filter(None, self.types), key=self._beside)[:MOST_PORTS]:
            name = self.name(index)
            if name and (not self._beside(index)[0] or name in uplinks):
                found.setdefault(name, index)
        return found

    def _beside(self, index: Oid) -> tuple[bool, Oid]:
        return self.types[index] not in _ETHERNET, index

    def name(self, index: Oid) -> str:
        """``ifName``, or ``ifDescr`` where a device has none."""
        names = (self._walk.column(column).get(index) for column in (NAME, DESCRIPTION))
        return next((text for one in names if (text := as_text(one, _MOST_LABEL))), "")

    def port(
        self, index: Oid, name: str, expect: Mapping[str, float], peers: Mapping[str, bool]
    ) -> Port:
        """One row."""
        up = self._at(OPER, index) == _UP
        duplex = self._at(DUPLEX, index)
        return Port(
            name=name,
            up=up,
            enabled=self._at(ADMIN, index) in {None, _UP},
            mbps=self._mbps(index) if up else None,
            full_duplex={_HALF: False, _FULL: True}.get(duplex or 0) if up else None,
            counters=self._counters(index),
            changed=self._at(CHANGED, index),
            expect_mbps=expect.get(name),
            peer_full_duplex=peers.get(name),
        )

    def _at(self, column: Oid, index: Oid) -> int | None:
        value = self._numbers[column].get(index)
        return value if value is not None and value >= 0 else None

    def _mbps(self, index: Oid) -> float | None:
        """``ifHighSpeed``; ``ifSpeed`` only while it is not at its end."""
        high, low = self._at(HIGH_SPEED, index), self._at(SPEED, index)
        mbps = float(high) if high else (low / 1e6 if low and low < _SATURATED else 0.0)
        return mbps if 0 < mbps <= _MOST_MBPS else None

    def _counters(self, index: Oid) -> Counters:
        into = [self._at(column, index) for column in (UNICAST_IN, MULTICAST_IN, BROADCAST_IN)]
        known = [one for one in into if one is not None]
        return Counters(
            ticks=self._walk.ticks or 0,
            broken=self._at(BROKEN, index),
            octets_in=self._at(OCTETS_IN, index),
            octets_out=self._at(OCTETS_OUT, index),
            packets_in=sum(known) if known else None,
            packets_out=self._at(UNICAST_OUT, index),
            errors=self._at(ERRORS, index),
            late=self._at(LATE, index),
            discards=self._at(DISCARDS, index),
        )


def _as_columns(walk: Walk) -> Walk:
    """Instances that were asked one by one, as if their columns had been walked."""
    columns: dict[Oid, dict[Oid, Value]] = {}
    for full, value in walk.scalars.items():
        columns.setdefault(full[:-1], {})[full[-1:]] = value
    return Walk({}, columns, walk.ticks, walk.unix_ms)


def _speed(mbps: float | None) -> str:
    text = "" if mbps is None else f"{mbps:.0f}"
    return text if text in _SPEEDS else "other"


def _topology(walk: Walk) -> Iterator[Sample]:
    changes = walk.number(TOPOLOGY_CHANGES)
    if changes is not None and changes >= 0:
        yield Sample("tramgac_switch_topology_changes_total", float(changes))


def _troubled(told: list[_Told]) -> Iterator[Sample]:
    """Ports that are, or lately were, in trouble: those with most first, up to a bound."""
    lately = [one for one in told if any(told_findings(one.memory))]
    lately.sort(key=lambda one: (-len(open_findings(one.memory)), one.seen.port.name))
    for one in lately[:MOST_TOLD]:
        yield from _of_port(one, always=False)


def _of_port(told: _Told, *, always: bool) -> Iterator[Sample]:
    port, grown = told.seen.port, told.seen.grown
    label = {"port": port.name}
    into, out = used_shares(told.seen)
    values = {
        "up": port.up,
        "speed_bytes": None if port.mbps is None else port.mbps * 125_000,
        "full_duplex": port.full_duplex,
        "error_ratio": None if grown is None else share(grown.errors, grown.packets_in),
        "discard_ratio": None if grown is None else share(grown.discards, grown.packets_out),
    }
    for name, value in values.items():
        if value is not None:
            yield Sample(f"tramgac_port_{name}", float(value), label)
    for direction, used in (("receive", into), ("transmit", out)):
        if used is not None:
            labels = {**label, "direction": direction}
            yield Sample("tramgac_port_utilization_ratio", used, labels)
    findings = dict(told_findings(told.memory))
    if always and port.full_duplex is not None:
        findings.setdefault("half_duplex", False)
    if always and (into is not None or out is not None):
        findings.setdefault("overloaded", False)
    for code, bad in findings.items():
        yield Sample("tramgac_port_finding", float(bad), {**label, "finding": code})
