"""The ingest process inside a test's own event loop, with agents that speak real mTLS to it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from helpers.fleet import BOOT_ID, SimulatedAgent, boottime_ms, now_ms
from helpers.simulated import enroll
from sqlalchemy import text

from tramgac_collector.config import (
    CollectorSection,
    Config,
    LimitsSection,
    ListenSection,
    StoreSection,
)
from tramgac_collector.ingest.process import Ingest
from tramgac_proto.v1 import fleet_pb2

ANY = "127.0.0.1:0"


def make_config(root: Path, store_url: str = "", **limits: int) -> Config:
    """A configuration on loopback and free ports; an inventory beside the state, if any."""
    return Config(
        collector=CollectorSection(
            state_dir=str(root / "state"), inventory=str(root / "inventory.yml")
        ),
        listen=ListenSection(grpc=ANY, enrollment=ANY, throughput=ANY, web=ANY, metrics=ANY),
        store=StoreSection(url=store_url),
        limits=LimitsSection(**limits),
    )


class Running:
    """A running ingest process.

    Attributes:
        agents: Simulated agents by number; their channels are closed at the end.
    """

    def __init__(self, ingest: Ingest) -> None:
        self.ingest = ingest
        self.agents: list[SimulatedAgent] = []

    def agent(self) -> SimulatedAgent:
        """Enrol one more agent and connect it."""
        (identity,) = enroll(self.ingest.engine, self.ingest.authority, 1, first=len(self.agents))
        self.ingest.housekeeping.reload()
        agent = SimulatedAgent(identity, len(self.agents))
        self.agents.append(agent)
        self.connect(agent)
        return agent

    def connect(self, agent: SimulatedAgent) -> None:
        """Connect an agent that was enrolled before."""
        if agent not in self.agents:
            self.agents.append(agent)
        agent.connect(f"127.0.0.1:{self.ingest.ports['grpc']}", self.ingest.authority.ca_pem)

    def rows(self, statement: str, **values: object) -> list[tuple[Any, ...]]:
        """Ask the store."""
        with self.ingest.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement), values)]

    def seqs(self) -> list[int]:
        """Stored sequence numbers, in order."""
        return [int(str(row[0])) for row in self.rows("SELECT seq FROM records ORDER BY seq")]

    def gaps(self) -> list[tuple[object, ...]]:
        """Stored gaps, in order."""
        return [tuple(row) for row in self.rows("SELECT first, last, reason FROM gaps ORDER BY 1")]

    def page(self) -> str:
        """What a scrape would get of the fleet."""
        return self.ingest.live.render().decode()


@asynccontextmanager
async def running_ingest(config: Config) -> AsyncIterator[Running]:
    """Start everything the process has; stop it in order at the end."""
    ingest = Ingest(config)
    ingest.restore()
    stop = asyncio.Event()
    serving = asyncio.create_task(ingest.serve(stop))
    running = Running(ingest)
    try:
        await until(lambda: "grpc" in ingest.ports or serving.done())
        if serving.done():
            serving.result()
        yield running
    finally:
        for agent in running.agents:
            await agent.close()
        stop.set()
        await serving


async def until(holds: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait until something holds.

    Raises:
        AssertionError: It does not.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError("never came true")
        await asyncio.sleep(0.01)


def observation(
    check: str,
    *,
    series: Sequence[int] = (),
    values: Sequence[float] = (),
    valid_seconds: int = 600,
    **more: Any,
) -> fleet_pb2.Observation:
    """An observation of given series ids."""
    return fleet_pb2.Observation(
        check=check, series_ids=series, values=values, valid_seconds=valid_seconds, **more
    )


def record(
    seq: int,
    body: fleet_pb2.Observation | fleet_pb2.GapRecord,
    **more: Any,
) -> fleet_pb2.Record:
    """A record taken now by the simulated agents' clock and boot."""
    values: dict[str, object] = {
        "wall_unix_ms": now_ms(),
        "boottime_ms": boottime_ms(),
        "boot_id": BOOT_ID,
        "record_class": fleet_pb2.RECORD_CLASS_POINT,
    }
    name = "gap" if isinstance(body, fleet_pb2.GapRecord) else "observation"
    return fleet_pb2.Record(seq=seq, **{**values, **more, name: body})


def define(number: int, name: str, **labels: str) -> fleet_pb2.Series:
    """A series definition."""
    pairs = [fleet_pb2.Label(name=key, value=value) for key, value in labels.items()]
    return fleet_pb2.Series(id=number, name=name, labels=pairs)


async def send(
    agent: SimulatedAgent,
    *records: fleet_pb2.Record,
    series: Sequence[fleet_pb2.Series] = (),
    oldest: int = 1,
    last: int = 0,
) -> fleet_pb2.ReportResponse:
    """Send exactly these records and definitions."""
    agent.series_known = True
    request = agent.request(records)
    request.series.extend(series)
    request.oldest_kept_seq = oldest
    request.status.last_seq = last or max([one.seq for one in records], default=oldest - 1)
    return await agent.send(request)


def new_epoch() -> str:
    """A fresh outbox life."""
    return uuid4().hex


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a test's coroutine."""

    async def wrapped() -> None:
        await main()

    asyncio.run(wrapped())
