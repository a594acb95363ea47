"""The peer for ingest: VictoriaMetrics importing the same reports, one a request."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from helpers.fleet import TABLE, Load, values_of

from bench.common import (
    SERVER_CPU,
    free_port,
    listens,
    own_cpu_seconds,
    process,
    wait_until,
)


def _prefixes(agent: int) -> list[str]:
    place = f'facility="bv-{agent // 3:03d}",site="main",host="sim-{agent}"'
    prefixes = []
    for _, _, series in TABLE:
        for one in series:
            labels = [place, *(f'{label.name}="{label.value}"' for label in one.labels)]
            prefixes.append(f"{one.name}{{{','.join(labels)}}} ")
    return prefixes


def _request(agent: int, prefixes: Sequence[str], round_number: int) -> bytes:
    stamp = int(time.time() * 1000)
    values = values_of(agent, round_number)
    body = "".join(
        f"{prefix}{value!r} {stamp}\n" for prefix, value in zip(prefixes, values, strict=True)
    ).encode()
    head = (
        "POST /api/v1/import/prometheus HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Client:
    """One keep-alive connection standing for one agent."""

    def __init__(self, agent: int, port: int) -> None:
        self._agent = agent
        self._port = port
        self._prefixes = _prefixes(agent)
        self._round = 0

    async def connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def report(self) -> None:
        self._round += 1
        self._writer.write(_request(self._agent, self._prefixes, self._round))
        await self._writer.drain()
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 30)
        if not head.startswith((b"HTTP/1.1 204", b"HTTP/1.1 200")):
            raise ConnectionError(head.decode("latin-1")[:80])

    def close(self) -> None:
        self._writer.close()


async def _saturate(clients: Sequence[_Client], seconds: float) -> Load:
    latencies: list[float] = []
    start = time.perf_counter()

    async def work(client: _Client) -> None:
        while time.perf_counter() - start < seconds:
            began = time.perf_counter()
            await client.report()
            latencies.append(time.perf_counter() - began)

    await asyncio.gather(*(work(client) for client in clients))
    return Load(time.perf_counter() - start, latencies, 0)


async def _drive(port: int, pid: int, agents: int, seconds: float) -> tuple[Load, float]:
    clients = [_Client(number, port) for number in range(agents)]
    for client in clients:
        await client.connect()
    await _saturate(clients, min(2.0, seconds))
    before = own_cpu_seconds(pid)
    load = await _saturate(clients, seconds)
    await asyncio.sleep(1.0)  # let it finish what it has accepted
    spent = own_cpu_seconds(pid) - before
    for client in clients:
        client.close()
    return load, spent


def measure(folder: Path, agents: int, seconds: float) -> tuple[Load, float]:
    """Load VictoriaMetrics and return the load and its CPU seconds per report."""
    port = free_port()
    argv = [
        "taskset", "-c", SERVER_CPU, "victoria-metrics",
        f"-storageDataPath={folder / 'victoria'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-loggerLevel=ERROR", "-retentionPeriod=1y",
    ]  # fmt: skip
    with process(argv, folder / "victoria.log", env={"GOMAXPROCS": "1"}) as server:
        wait_until(lambda: listens(port), 30, "victoria-metrics")
        load, spent = asyncio.run(_drive(port, server.pid, agents, seconds))
    return load, spent / len(load.latencies)
