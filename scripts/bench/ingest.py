"""Durable ingest in the fleet's shape, beside VictoriaMetrics importing the same reports."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from statistics import median

from helpers.fleet import Load, SimulatedAgent, at_rate, quantile, saturate
from helpers.simulated import enroll

from bench import victoria
from bench.common import (
    LOAD_CPU,
    SERVER_CPU,
    Figure,
    at_least,
    at_most,
    children_of,
    fact,
    free_port,
    listens,
    own_cpu_seconds,
    process,
    wait_until,
)
from tramgac_collector.identity.ca import Authority
from tramgac_collector.store.engine import open_engine, upgrade

_RATIO_BUDGET = 0.35
_P99_BUDGET_MS = 250
_TURNS = 4
_REST_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Centre:
    """A running collector and the agents it knows."""

    pid: int
    port: int
    metrics_port: int
    agents: list[SimulatedAgent]
    folder: Path
    ca_pem: bytes

    def connect(self) -> None:
        """Open every agent's channel; call it inside the loop that will use them."""
        for agent in self.agents:
            agent.connect(f"127.0.0.1:{self.port}", self.ca_pem)

    def cpu_seconds(self) -> float:
        """CPU time of every process of the collector."""
        return sum(own_cpu_seconds(pid) for pid in children_of(self.pid))


# One agent of the benchmark calls as often as a hundred real ones.
UNLIMITED = "[limits]\ncalls_per_minute = 1000000\n"


def write_config(folder: Path, ports: tuple[int, int], limits: str) -> Path:
    """A collector's configuration on loopback; returns its path."""
    grpc_port, metrics_port = ports
    (folder / "inventory.yml").write_text("province: {name: Bench}\nfacilities: []\n")
    config = folder / "collector.toml"
    config.write_text(
        f"""
[collector]
state_dir = "{folder / "state"}"
inventory = "{folder / "inventory.yml"}"
log_level = "warning"
[listen]
grpc = "127.0.0.1:{grpc_port}"
enrollment = "127.0.0.1:{free_port()}"
throughput = "127.0.0.1:{free_port()}"
web = "127.0.0.1:{free_port()}"
metrics = "127.0.0.1:{metrics_port}"
{limits}
[throughput]
responder = false
"""
    )
    return config


@contextmanager
def centre(
    folder: Path, count: int, *, cpu: str = SERVER_CPU, limits: str = UNLIMITED
) -> Iterator[Centre]:
    """A collector with ``count`` enrolled agents, none of them connected yet."""
    state = folder / "state"
    state.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{state / 'store.db'}"
    upgrade(url)
    authority = Authority.open_or_create(state)
    engine = open_engine(url)
    identities = enroll(engine, authority, count)
    engine.dispose()
    port, metrics_port = free_port(), free_port()
    config = write_config(folder, (port, metrics_port), limits)
    argv = [sys.executable, "-m", "tramgac_collector.ingest", "--config", str(config)]
    with process(argv, folder / "collector.log", cpu=cpu) as server:
        wait_until(lambda: listens(port), 30, "collector")
        agents = [SimulatedAgent(one, number) for number, one in enumerate(identities)]
        yield Centre(server.pid, port, metrics_port, agents, folder, authority.ca_pem)


@dataclass(slots=True)
class Rival:
    """One server under load, in turns with the others."""

    pid: int
    load: Callable[[float], Awaitable[Load]]
    loads: list[Load] = field(default_factory=list)
    began: float = 0.0

    def cpu_seconds(self) -> float:
        """CPU time of all its processes."""
        return sum(own_cpu_seconds(one) for one in children_of(self.pid))

    async def take_turn(self, seconds: float) -> None:
        """Saturate it."""
        self.loads.append(await self.load(seconds))

    def per_report(self) -> float:
        """CPU seconds a report since ``began``, work done between turns included."""
        return (self.cpu_seconds() - self.began) / sum(len(one.latencies) for one in self.loads)

    def rate(self) -> float:
        """Reports a second, median of the turns."""
        return median(one.rate for one in self.loads)


async def _in_turns(rivals: Sequence[Rival], seconds: float) -> None:
    """A machine that is shared changes its pace: each gets several short turns, not one long."""
    for one in rivals:
        await one.load(min(4.0, seconds))
    await asyncio.sleep(_REST_SECONDS)  # what is new to them costs once
    for one in rivals:
        one.began = one.cpu_seconds()
    for _ in range(_TURNS):
        for one in rivals:
            await one.take_turn(seconds / _TURNS)
    await asyncio.sleep(_REST_SECONDS)  # let them finish what they have accepted


@contextmanager
def _bare(place: Centre) -> Iterator[Centre]:
    """GRPC alone, for the same agents: no parsing, no store, no view."""
    port = free_port()
    argv = [sys.executable, "-m", "bench.bare", str(place.folder / "state"), f"127.0.0.1:{port}"]
    with process(argv, place.folder / "bare.log", cpu=SERVER_CPU) as server:
        wait_until(lambda: listens(port), 30, "gRPC alone")
        agents = [SimulatedAgent(one.identity, one.number) for one in place.agents]
        yield replace(place, pid=server.pid, port=port, agents=agents)


async def _drive(
    place: Centre, bare: Centre, peer: tuple[int, int], seconds: float
) -> tuple[list[Rival], Load]:
    """Ours, gRPC alone and the peer in turns; then ours at half its rate."""
    for one in (place, bare):
        one.connect()
    rivals = [
        Rival(place.pid, partial(saturate, place.agents)),
        Rival(bare.pid, partial(saturate, bare.agents)),
        Rival(peer[0], partial(victoria.saturate, peer[1], len(place.agents))),
    ]
    await _in_turns(rivals, seconds)
    half = await at_rate(place.agents, rivals[0].rate() / 2, seconds)
    for agent in (*place.agents, *bare.agents):
        await agent.close()
    return rivals, half


def measure(folder: Path, *, agents: int = 400, seconds: float = 8.0) -> list[Figure]:
    """CPU per report of the collector and of the peer, and the ack times."""
    os.sched_setaffinity(0, {int(LOAD_CPU)})
    try:
        with (
            centre(folder, agents) as place,
            _bare(place) as alone,
            victoria.running(folder) as peer,
        ):
            rivals, half = asyncio.run(_drive(place, alone, peer, seconds))
            ours, bare, theirs = (one.per_report() for one in rivals)
    finally:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    errors = half.errors + sum(one.errors for one in rivals[0].loads)
    area = f"ingest, {agents} agents"
    p99 = quantile(half.latencies, 0.99) * 1000
    return [
        fact(area, "CPU per report", ours * 1e6, "us", note=f"100 samples, mTLS; {errors} errors"),
        fact(area, "victoria-metrics CPU per report", theirs * 1e6, "us", note="peer, no TLS"),
        at_least(area, "reports per CPU second, ours / peer", theirs / ours, "x", _RATIO_BUDGET),
        fact(area, "grpc.aio alone, CPU per call", bare * 1e6, "us", note="mTLS, empty answer"),
        fact(area, "the same, grpc.aio alone / peer", theirs / bare, "x", note="what we can reach"),
        fact(area, "saturating rate", rivals[0].rate(), "reports/s"),
        fact(area, "peer's rate", rivals[2].rate(), "reports/s", note="bound by the load's CPU"),
        fact(area, "ack p50, half load", quantile(half.latencies, 0.5) * 1000, "ms"),
        at_most(area, "ack p99, half load", p99, "ms", _P99_BUDGET_MS),
    ]
