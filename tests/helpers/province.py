"""A province of simulated agents, each behind the line of its site, in a thread of its own."""

import asyncio
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from helpers.fleet import SimulatedIdentity
from helpers.province_line import Line
from helpers.province_machine import Machine

Place = tuple[str, str, str]
PROVIDER = "cloud"
# A health station with one machine; the others are hospitals of one site each.
SINGLE = "tram-01"
_SITE = "main"


@dataclass(frozen=True)
class Plan:
    """What there is.

    Attributes:
        sites: Hospitals, beside the health station.
        agents: Of each hospital.
        hosted: So many hospitals, the first ones, have their HIS at the provider.
    """

    sites: int
    agents: int
    hosted: int

    @property
    def hospitals(self) -> list[str]:
        """Their ids."""
        return [f"bv-{number:02d}" for number in range(self.sites)]

    @property
    def dark(self) -> str:
        """The hospital whose line will be cut: it has a LIS, and a backup of it."""
        return self.hospitals[-1]

    def places(self) -> list[Place]:
        """Every agent."""
        hosts = [f"may-{number:02d}" for number in range(self.agents)]
        placed = [(one, _SITE, host) for one in self.hospitals for host in hosts]
        return [*placed, (SINGLE, _SITE, "may-00")]

    def systems(self, place: Place) -> tuple[str, ...]:
        """What a host asks, as ``facility/system``."""
        facility, _, host = place
        hosted = facility in self.hospitals[: self.hosted] and host == "may-00"
        own = facility == self.dark and host == "may-01"
        return (f"{facility}/his",) * hosted + (f"{facility}/lis",) * own

    def inventory(self) -> str:
        """As YAML."""
        lines = ["province: {name: Diễn tập}", f"providers: [{{id: {PROVIDER}, name: Đám mây}}]"]
        lines.append("facilities:")
        for code, facility in enumerate([*self.hospitals, SINGLE]):
            hosts = [host for one, _, host in self.places() if one == facility]
            shown = ", ".join(f"{{id: {host}}}" for host in hosts)
            lines.append(f"  - id: {facility}\n    code: '{code:05d}'")
            lines.append(f"    sites: [{{id: {_SITE}, hosts: [{shown}]}}]")
            if facility in self.hospitals[: self.hosted]:
                told = f"id: his, kind: his, provider: {PROVIDER}, probed_by: may-00"
                lines.append(f"    systems: [{{{told}}}]")
            if facility == self.dark:
                lines.append("    systems: [{id: lis, kind: lis, host: may-01}]")
                lines.append(
                    "    datasets: [{id: db, host: may-00, rpo_hours: 26, kind: database,"
                    " destinations: [{id: nas, kind: nas}]}]"
                )
        return "\n".join(lines) + "\n"


class Province:
    """All machines and lines; what is done to them is done in their own thread.

    Args:
        plan: What there is.
        identities: In the order of its places.
        centre: Port of the collector, and what signed its certificate.
        seed: Of every random pause.
    """

    def __init__(
        self, plan: Plan, identities: Sequence[SimulatedIdentity], centre: tuple[int, bytes],
        seed: int = 1,
    ) -> None:  # fmt: skip
        self.plan = plan
        port, self._ca_pem = centre
        self._down: set[str] = set()
        self.machines = {
            place: Machine(identity, place, self._down, plan.systems(place))
            for place, identity in zip(plan.places(), identities, strict=True)
        }
        self._lines = {
            facility: Line(port) for facility in dict.fromkeys(p[0] for p in self.machines)
        }
        self._random = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Let every agent call."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)

    async def _start(self) -> None:
        for line in self._lines.values():
            await line.open()
        for place, machine in self.machines.items():
            port = self._lines[place[0]].port
            life = machine.run(port, self._ca_pem, self._random)
            self._running.append(asyncio.create_task(life))

    def _do(self, what: Callable[[], object]) -> None:
        async def do() -> None:
            what()

        asyncio.run_coroutine_threadsafe(do(), self._loop).result(30)
        self.check()

    def check(self) -> None:
        """No agent may have ended by itself.

        Raises:
            AssertionError: One has.
        """
        ended = [task for task in self._running if task.done()]
        if ended:
            raise AssertionError(f"{len(ended)} agents ended: {ended[0].exception()!r}")

    def calls(self) -> list[int]:
        """Of each agent, how often it got through."""
        return [machine.calls for machine in self.machines.values()]

    def cut(self, *facilities: str) -> None:
        """Cut these lines; without any, all of them: the centre's own uplink."""
        for facility in facilities or tuple(self._lines):
            self._do(self._lines[facility].break_off)

    def heal(self, *facilities: str) -> None:
        """Mend them."""
        for facility in facilities or tuple(self._lines):
            self._do(self._lines[facility].heal)

    def power(self, facility: str, *, on: bool) -> None:
        """Take the power of every machine of a facility, or give it back."""
        for place, machine in self.machines.items():
            if place[0] == facility:
                self._do(machine.power_on if on else machine.power_off)

    def systems(self, names: Sequence[str], *, up: bool) -> None:
        """Let systems, as ``facility/system``, answer or not."""
        self._do(lambda: self._down.difference_update(names) if up else self._down.update(names))

    def tell(self, place: Place, **observation: object) -> None:
        """Let a machine's agent hand in an event."""
        self._do(lambda: self.machines[place].event(**observation))

    async def _stop(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for line in self._lines.values():
            await line.close()

    def stop(self) -> None:
        """End every agent and line."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


@contextmanager
def running(province: Province) -> Iterator[Province]:
    """A province that is ended with the test."""
    province.start()
    try:
        yield province
    finally:
        province.stop()
