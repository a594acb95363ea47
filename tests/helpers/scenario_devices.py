"""A fleet whose hosts also ask devices: what a switch or a UPS tells, minute by minute."""

from typing import Self

from helpers.scenario import Fleet, Machine
from helpers.scenario_centre import MINUTE, SECOND

from tramgac_collector.facts.mapping import slots_of
from tramgac_collector.ingest.arrival import Arrival, Plan
from tramgac_proto.v1 import fleet_pb2

Told = dict[tuple[str, tuple[tuple[str, str], ...]], float]

INVENTORY = """
facilities:
- id: bv-1
  code: "1"
  sites:
  - id: main
    hosts: [{id: h1}, {id: h2}]
    devices:
    - {id: sw-1, kind: switch, address: 10.1.0.2, probed_by: h1, snmp: {}, uplinks: [Te1]}
    - {id: sw-2, kind: switch, address: 10.1.0.3, probed_by: h1, snmp: {}}
    - {id: ups-1, kind: ups, address: 10.1.0.9, probed_by: h1, snmp: {}, powers: [main]}
    - {id: pr-1, kind: printer, address: 10.1.0.8, probed_by: h1, snmp: {}}
- {id: bv-2, code: "2", sites: [{id: main, hosts: [{id: h1}]}]}
"""
SITE = "bv-1/main"
SWITCH, SWITCH_2 = f"{SITE}/sw-1", f"{SITE}/sw-2"
UPS, PRINTER = f"{SITE}/ups-1", f"{SITE}/pr-1"


class DeviceFleet(Fleet):
    """Also tells of devices; what was told last is told again every minute."""

    def __init__(self, inventory: str = INVENTORY) -> None:
        self.devices: dict[str, Told] = {}
        self.started: dict[str, int] = {}
        super().__init__(inventory)

    def device(self, node: str, name: str, value: float, **labels: str) -> Self:
        """From now on the device tells this."""
        self.devices.setdefault(node, {})[name, tuple(labels.items())] = value
        return self

    def port(self, node: str, port: str, finding: str, *, bad: bool) -> Self:
        """A finding of a port, or that it is well again."""
        return self.device(node, "port_finding", float(bad), port=port, finding=finding)

    def silent(self, *nodes: str) -> Self:
        """They do not answer any more."""
        for node in nodes:
            self.devices[node] = {("device_up", ()): 0.0}
        return self

    def starts(self, node: str) -> Self:
        """The device starts now, and tells of its uptime from now on."""
        self.started[node] = self.now_ms
        return self

    def answers(self, *nodes: str) -> Self:
        """They do."""
        for node in nodes:
            self.device(node, "device_up", 1.0)
        return self

    def _measure(self, machine: Machine, every_ms: int) -> None:
        super()._measure(machine, every_ms)
        if every_ms != MINUTE:
            return
        for node, told in self.devices.items():
            subject = self.inventory.assigned(machine.owner, node.rpartition("/")[2])
            if subject is not None and subject.place == node:
                self._ask(machine, node, told)

    def _ask(self, machine: Machine, node: str, told: Told) -> None:
        subject = self.inventory.assigned(machine.owner, node.rpartition("/")[2])
        if subject is None:
            raise AssertionError(f"{node} is not assigned to {machine.owner.place}")
        if node in self.started:
            uptime = (self.now_ms - self.started[node]) / 1000
            told = {**told, ("device_uptime_seconds", ()): uptime}
        names = [(f"tramgac_{name}", labels) for name, labels in told]
        arrival = Arrival(
            reporter=machine.owner,
            subject=subject,
            plan=Plan(
                stream=f"snmp {node}",
                subject=subject,
                slots=slots_of(subject, names),
                size=len(names),
            ),
            observation=fleet_pb2.Observation(check="snmp"),
            values=list(told.values()),
            event_ms=self.now_ms,
            received_ms=self.now_ms,
            expires_ms=self.now_ms + 180 * SECOND,
            exact=True,
            offset_ms=0,
        )
        if machine.line and self.ingest_works:
            self._receive(arrival)
        else:
            machine.waiting.append(arrival)
