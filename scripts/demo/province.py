"""All simulated agents, each behind the line of its site, in a thread of their own."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from helpers.fleet import SimulatedIdentity
from helpers.province_line import Line

from demo.agent import Agent
from demo.look import Self, Weather, between
from demo.sizes import Size
from demo.standing import FAULTS
from tramgac_collector.inventory.model import Inventory, Placed

Place = tuple[str, str, str]
_DAY = 86_400.0


def hosts_of(inventory: Inventory) -> list[Placed]:
    """Every host that runs an agent."""
    return [one for one in inventory.placed_hosts() if not one.host.probed_by]


def places_of(inventory: Inventory) -> list[Place]:
    """The same as ``(facility, site, host)``."""
    return [(one.facility.id, one.site.id, one.host.id) for one in hosts_of(inventory)]


def selves(inventory: Inventory, weather: Weather, now: float) -> Iterator[Self]:
    """Every host as its agent sees itself."""
    for facility, site, host in hosts_of(inventory):
        key = f"{facility.id}/{host.id}"
        yield Self(
            inventory=inventory,
            facility=facility,
            site=site,
            host=host,
            weather=weather,
            booted=now - between(3, 90, key, "boot") * _DAY,
            started=now - between(0.2, 3, key, "start") * _DAY,
            clean="fell" not in FAULTS.get(key, ()),
            faults=FAULTS.get(key, frozenset()),
        )


class Province:
    """What is done to it is done in its own thread.

    Args:
        inventory: What there is.
        identities: In the order of its places.
        centre: Port of the collector, and what signed its certificate.
        size: How fast agents tell.
        weather: What goes wrong; may be changed while it runs.
    """

    def __init__(
        self,
        inventory: Inventory,
        identities: Sequence[SimulatedIdentity],
        centre: tuple[int, bytes],
        size: Size,
        weather: Weather,
    ) -> None:
        port, self._ca_pem = centre
        self.weather = weather
        people = zip(selves(inventory, weather, time.time()), identities, strict=True)
        self.agents: Mapping[str, Agent] = {
            me.place: Agent(me, identity, size) for me, identity in people
        }
        sites = dict.fromkeys(agent.me.at for agent in self.agents.values())
        self._lines = {site: Line(port) for site in sites}
        self._random = random.Random(1)  # noqa: S311 - pauses, the same in every run
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._running: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Let every agent call."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(60)

    async def _start(self) -> None:
        for line in self._lines.values():
            await line.open()
        for agent in self.agents.values():
            life = agent.run(self._lines[agent.me.at].port, self._ca_pem, self._random)
            self._running.append(asyncio.create_task(life))

    def _do(self, what: Callable[[], object]) -> None:
        async def do() -> None:
            what()

        asyncio.run_coroutine_threadsafe(do(), self._loop).result(60)
        self.check()

    def check(self) -> None:
        """No agent may have ended by itself.

        Raises:
            AssertionError: One has.
        """
        ended = [task for task in self._running if task.done()]
        if ended:
            raise AssertionError(f"{len(ended)} agents ended: {ended[0].exception()!r}")

    def cut(self, sites: Collection[str]) -> None:
        """Cut the lines of these sites, ``facility/site``."""
        for site in sites:
            self._do(self._lines[site].break_off)

    def heal(self, sites: Collection[str]) -> None:
        """Mend them."""
        for site in sites:
            self._do(self._lines[site].heal)

    def power(self, site: str, *, on: bool) -> None:
        """Take the power of every machine of a site, or give it back."""
        for agent in self.agents.values():
            if agent.me.at == site:
                self._do(agent.power_on if on else agent.power_off)

    def waiting(self) -> int:
        """Records all agents hold that the centre does not have."""
        return sum(agent.waiting for agent in self.agents.values())

    async def _stop(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        for line in self._lines.values():
            await line.close()

    def stop(self) -> None:
        """End every agent and line."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(60)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
