"""The peer for ingest: VictoriaMetrics importing the same reports, one a request."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from helpers.fleet import TABLE, Load, values_of

from bench.common import (
    SERVER_CPU,
    free_port,
    listens,
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


class Client:
    """One keep-alive connection standing for one agent."""

    def __init__(self, agent: int, port: int) -> None:
        self._agent = agent
        self._port = port
        self._prefixes = _prefixes(agent)
        self._round = 0

    async def connect(self) -> None:
        """Open the connection."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)

    async def report(self) -> None:
        """Send one report and wait for the answer."""
        self._round += 1
        self._writer.write(_request(self._agent, self._prefixes, self._round))
        await self._writer.drain()
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), 30)
        if not head.startswith((b"HTTP/1.1 204", b"HTTP/1.1 200")):
            raise ConnectionError(head.decode("latin-1")[:80])

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


async def saturate(port: int, agents: int, seconds: float) -> Load:
    """Every agent keeps one report in flight, on its own connection, until the time is up."""
    clients = [Client(number, port) for number in range(agents)]
    for client in clients:
        await client.connect()  # anew for each turn: it closes those that are silent
    latencies: list[float] = []
    start = time.perf_counter()

    async def work(client: Client) -> None:
        while time.perf_counter() - start < seconds:
            began = time.perf_counter()
            await client.report()
            latencies.append(time.perf_counter() - began)

    await asyncio.gather(*(work(client) for client in clients))
    for client in clients:
        client.close()
    return Load(time.perf_counter() - start, latencies, 0)


@contextmanager
def running(folder: Path) -> Iterator[tuple[int, int]]:
    """VictoriaMetrics on the server's CPU; yields its process id and port."""
    port = free_port()
    argv = [
        "taskset", "-c", SERVER_CPU, "victoria-metrics",
        f"-storageDataPath={folder / 'victoria'}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-loggerLevel=ERROR", "-retentionPeriod=1y",
    ]  # fmt: skip
    with process(argv, folder / "victoria.log", env={"GOMAXPROCS": "1"}) as server:
        wait_until(lambda: listens(port), 30, "victoria-metrics")
        yield server.pid, port
