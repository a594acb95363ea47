"""The whole of it, for tests and for the demo: ``with running(folder) as world``."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.fleet import SimulatedIdentity

from demo import history, inventory
from demo.centre import Centre, fetch, wait_for
from demo.look import Weather
from demo.nuisance import Nuisance
from demo.province import Province, places_of
from demo.sizes import SMALL, Size
from demo.standing import weather
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_proto.limits import COLLECTOR_SETTLE_SECONDS

# Of nobody's inventory: one sends what must be refused, one was thrown out.
_STRAYS = (("bvdk-tinh", "co-so-1", "may-la"), ("bvdk-tinh", "co-so-1", "may-cu"))
_FIRST_CALLS_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class World:
    """A running province.

    Attributes:
        province: Its agents; what goes wrong there is ``province.weather``.
    """

    centre: Centre
    inventory: Inventory
    province: Province

    @property
    def ports(self) -> dict[str, int]:
        """By door: ``grpc``, ``enrollment``, ``web``, ``metrics``, ``prometheus`` and others."""
        return self.centre.ports

    @property
    def metrics_url(self) -> str:
        """The collector's page of metrics."""
        return f"http://{self.centre.at('metrics')}/metrics"

    @property
    def prometheus_url(self) -> str:
        """Prometheus."""
        return f"http://{self.centre.at('prometheus')}"

    @property
    def web_url(self) -> str:
        """The collector's pages for people."""
        return f"http://{self.centre.at('web')}"

    def check(self) -> None:
        """No program and no agent may have ended by itself.

        Raises:
            RuntimeError: A program has; ``AssertionError``: an agent has.
        """
        self.centre.check()
        self.province.check()

    def metrics(self) -> str:
        """What a scrape gives now."""
        return fetch(self.metrics_url)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """An instant vector from Prometheus: ``metric`` and ``value`` of each series."""
        return self.centre.query(expression)

    def collector(self, *words: str) -> str:
        """Run ``tramgac-collector``; what it printed."""
        return self.centre.command(*words)

    def settle(self, seconds: float = 420.0) -> None:
        """Wait until the collector has opened an incident by itself: about five minutes.

        Raises:
            TimeoutError: It did not within ``seconds``.
        """

        def judged() -> bool:
            codes = {one["metric"]["code"] for one in self.query("tramgac_incident_open")}
            return bool(codes - history.LEFT_OPEN)

        wait_for(judged, max(seconds, COLLECTOR_SETTLE_SECONDS), "an incident of its own")


@contextmanager
def running(
    folder: Path,
    size: Size = SMALL,
    *,
    now: Weather | None = None,
    mail_port: int = 0,
    first_port: int = 0,
) -> Iterator[World]:
    """A province with its centre, calling and scraped; ended with the block.

    Args:
        folder: An empty one.
        size: How large.
        now: What goes wrong there; by default what is wrong in a small province any day.
        mail_port: A mail server on loopback that takes what people would be told; then there is
            an Alertmanager as well, if the machine has one.
        first_port: Of the centre's doors, where they are free; 0: any.

    Raises:
        TimeoutError: Something did not come up.
    """
    text = inventory.text(size)
    known = parse_inventory(text, "demo")
    centre = Centre(folder, text, size, mail_port, first_port)
    with ExitStack() as stack:
        stack.callback(centre.stop)
        *identities, rude, denied = centre.enroll([*places_of(known), *_STRAYS])
        history.lay_down(centre, known, whole=size.history)
        centre.start()
        sky = weather(time.time()) if now is None else now
        address = (centre.ports["grpc"], centre.ca_pem)
        province = Province(known, identities, address, size, sky)
        stack.callback(province.stop)
        province.start()
        centre.command("agents", "deny", denied.agent_id, "--reason", "Taken out of service")
        stack.enter_context(_nuisance(address, rude, denied, size))
        world = World(centre, known, province)
        called = all_called(province)
        wait_for(called, _FIRST_CALLS_SECONDS, "first calls of all agents")
        for site in size.dark:
            province.power(site, on=False)
        yield world
        world.check()


def all_called(province: Province) -> Callable[[], bool]:
    """Whether every agent got through at least once."""
    return lambda: all(agent.calls for agent in province.agents.values())


@contextmanager
def _nuisance(
    address: tuple[int, bytes], rude: SimulatedIdentity, denied: SimulatedIdentity, size: Size
) -> Iterator[None]:
    """Sends what must be refused, again and again, in a thread of its own."""
    halt = threading.Event()

    async def bother() -> None:
        one = Nuisance(*address, rude, denied)
        while not halt.is_set():
            await one.once()
            await asyncio.to_thread(halt.wait, size.nuisance_seconds)
        await one.close()

    thread = threading.Thread(target=lambda: asyncio.run(bother()), daemon=True)
    thread.start()
    try:
        yield
    finally:
        halt.set()
        thread.join(30)
