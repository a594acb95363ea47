"""Ack times while the judge judges a whole province anew: real ``serve``, real mTLS, one core.

200 facilities with 10 hosts each, seeded as in ``rules``. Their inventory comes into force while
agents report: ingest and judge read it, and every rule of every facility is judged and written for
the first time, which is the most the judge ever has to do. Agents call as 2,000 do that report each
minute and call twice in it; every call here is a whole report.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from helpers.fleet import Load, SimulatedAgent, at_rate, quantile
from helpers.simulated import enroll
from sqlalchemy import Engine, func, select

from bench import rules
from bench.common import (
    LOAD_CPU,
    SERVER_CPU,
    Figure,
    at_most,
    children_of,
    fact,
    free_port,
    listens,
    own_cpu_seconds,
    process,
    wait_until,
)
from bench.ingest import UNLIMITED, write_config
from tramgac_collector.identity.ca import Authority
from tramgac_collector.inventory.versions import import_inventory
from tramgac_collector.store.engine import open_engine, upgrade
from tramgac_collector.store.schema import rule_results

_P99_BUDGET_MS = 250
_HOSTS, _CALLS_A_HOST = 10, 1 / 30
_STEP_SECONDS = 2.0
# A turn judges for a bounded time every 5 s; twice what the most facilities need.
_MOST_SECONDS = 180.0


@dataclass(slots=True)
class Phase:
    """What agents waited for while something went on."""

    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    seconds: float = 0.0
    judge_cpu: float = 0.0

    def add(self, load: Load) -> None:
        """Take in one step of load."""
        self.latencies += load.latencies
        self.errors += load.errors
        self.seconds += load.seconds

    def ms(self, share: float) -> float:
        """A quantile of the ack times."""
        return quantile(self.latencies, share) * 1000


@dataclass(frozen=True, slots=True)
class Place:
    """A running collector that knows of no facility yet."""

    pid: int
    port: int
    engine: Engine
    folder: Path
    facilities: int

    def judged(self) -> bool:
        """Whether every facility was; one is judged whole or not at all."""
        with self.engine.connect() as connection:
            query = select(func.count(rule_results.c.facility.distinct()))
            return connection.scalar(query) == self.facilities

    def judge_cpu(self) -> float:
        """CPU seconds of the judge's process so far."""
        for pid in children_of(self.pid):
            words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
            if "tramgac_collector.judge" in words:
                return own_cpu_seconds(pid)
        return 0.0

    def declare(self) -> None:
        """Put the inventory into force."""
        path = self.folder / "province.yml"
        path.write_text(rules.inventory_text(self.facilities))
        with self.engine.begin() as connection:
            import_inventory(connection, path)


@contextmanager
def _serving(
    folder: Path, facilities: int, agents: int
) -> Iterator[tuple[Place, list[SimulatedAgent], bytes]]:
    state = folder / "state"
    state.mkdir(parents=True)
    url = f"sqlite:///{state / 'store.db'}"
    upgrade(url)
    authority = Authority.open_or_create(state)
    engine = open_engine(url)
    identities = enroll(engine, authority, agents)
    ports = free_port(), free_port()
    config = write_config(folder, ports, UNLIMITED)
    rules.seed(engine, facilities)
    argv = [sys.executable, "-m", "tramgac_collector", "serve", "--config", str(config)]
    with process(argv, folder / "collector.log", cpu=SERVER_CPU) as server:
        wait_until(lambda: listens(ports[0]), 60, "collector")
        place = Place(server.pid, ports[0], engine, folder, facilities)
        wait_until(lambda: place.judge_cpu() > 0, 60, "judge")
        simulated = [SimulatedAgent(one, number) for number, one in enumerate(identities)]
        yield place, simulated, authority.ca_pem
    engine.dispose()


async def _drive(
    place: Place, agents: list[SimulatedAgent], ca_pem: bytes, calm_seconds: float
) -> tuple[Phase, Phase]:
    """Ack times while the judge rests, then while it judges everything."""
    for one in agents:
        one.connect(f"127.0.0.1:{place.port}", ca_pem)
    rate = place.facilities * _HOSTS * _CALLS_A_HOST
    await at_rate(
        agents, max(rate, len(agents) / calm_seconds), calm_seconds
    )  # series tables, connections
    calm, judging = Phase(), Phase()
    began = place.judge_cpu()
    while calm.seconds < calm_seconds:
        calm.add(await at_rate(agents, rate, _STEP_SECONDS))
    calm.judge_cpu = place.judge_cpu() - began
    began = place.judge_cpu()
    # Beside the load, as a person does it.
    declaring = asyncio.create_task(asyncio.to_thread(place.declare))
    while not (declaring.done() and place.judged()):
        if judging.seconds > _MOST_SECONDS:
            raise TimeoutError("the judge did not judge everything")
        judging.add(await at_rate(agents, rate, _STEP_SECONDS))
    await declaring
    judging.judge_cpu = place.judge_cpu() - began
    for one in agents:
        await one.close()
    return calm, judging


def measure(
    folder: Path, *, facilities: int = 200, agents: int = 400, calm_seconds: float = 20.0
) -> list[Figure]:
    """Ack times beside a resting and a working judge, and what the judge took."""
    os.sched_setaffinity(0, {int(LOAD_CPU)})
    try:
        with _serving(folder, facilities, agents) as (place, simulated, ca_pem):
            calm, judging = asyncio.run(_drive(place, simulated, ca_pem, calm_seconds))
    finally:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    area = f"together, {facilities} x {_HOSTS}"
    note = f"{len(judging.latencies)} reports at {len(judging.latencies) / judging.seconds:.0f}/s"
    return [
        fact(area, "ack p50, judge at rest", calm.ms(0.5), "ms", note=f"{calm.errors} errors"),
        at_most(area, "ack p99, judge at rest", calm.ms(0.99), "ms", _P99_BUDGET_MS),
        fact(area, "ack p50, all judged anew", judging.ms(0.5), "ms",
             note=f"{judging.errors} errors"),
        at_most(area, "ack p99, all judged anew", judging.ms(0.99), "ms", _P99_BUDGET_MS,
                note=note),
        fact(area, "from the inventory to the last rule", judging.seconds, "s"),
        fact(area, "the judge meanwhile", judging.judge_cpu, "CPU s"),
        fact(area, "the judge at rest", calm.judge_cpu / calm.seconds * 100, "% of a core"),
    ]  # fmt: skip
