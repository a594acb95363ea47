"""The collector comes back after a day: thousands of agents at once, each with a day's backlog.

The agents keep to the rules of the real uplink: full jitter before the first call, newest state
first, then the backlog oldest-first at the rate the collector allows, a live report a minute.
They all carry the same day, so that building it does not slow the load down.
"""

import asyncio
import os
import random
import sqlite3
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from helpers.fleet import SimulatedAgent, quantile

from bench import day
from bench.common import LOAD_CPU, Figure, at_most, fact, memory_mib
from bench.ingest import Centre, centre
from tramgac_agent.outbox import Outbox, OutboxLimits
from tramgac_proto.v1 import fleet_pb2

_LIVE_SECONDS = 100
_JITTER_SECONDS = 30.0
_REPORT_SECONDS = 60.0
_DEADLINE_SECONDS = 60.0
_LONGEST_SECONDS = 3_600.0
_WIDE = OutboxLimits(max_age_days=3650, max_free_share=1.0, ballast_bytes=0)
# What the uplink sends at once at the rate the collector allows by default.
_BATCH_BYTES = 16 * 1024
_METHOD = "/tramgac_proto.v1.FleetService/Report"


@dataclass(frozen=True, slots=True)
class Burden:
    """What every agent carries.

    Attributes:
        batches: Records as they stand in a request, serialized, with their size.
        state: Newest record of each stream.
        series: Definitions of all of them.
        last: Highest sequence number.
    """

    batches: list[bytes]
    state: list[fleet_pb2.Record]
    series: list[fleet_pb2.Series]
    last: int
    end_boottime_ms: int


def carried(folder: Path) -> Burden:
    """One day in an outbox, made ready to be sent by anybody."""
    clock = day.DayClock(1)
    box = Outbox.open(folder / "outbox.db", limits=_WIDE, clock=clock)
    # A series of backups belongs to one host; the rest is anybody's.
    templates = [t for t in day.templates_of(folder / "here") if t.check != "repository"]
    day.live_a_day(box, clock, templates, 0)
    batches, done, ids = [], 0, dict[int, None]()
    while records := box.read(done, max_bytes=_BATCH_BYTES):
        done = records[-1].seq
        ids.update(dict.fromkeys(number for one in records for number in one.series_ids))
        request = fleet_pb2.ReportRequest(records=[one.message for one in records])
        batches.append(request.SerializeToString())
    state = [one.message for one in box.newest_per_stream()]
    burden = Burden(batches, state, box.series(ids), done, clock.boottime_ms())
    box.close()
    return burden


@dataclass(slots=True)
class Tally:
    """What happened to all agents together."""

    began: float
    first_acks: list[float] = field(default_factory=list)
    live_acks: list[float] = field(default_factory=list)
    drained: list[float] = field(default_factory=list)
    errors: int = 0
    sent: int = 0


class Returner:
    """One agent that finds the collector back."""

    def __init__(self, agent: SimulatedAgent, burden: Burden, tally: Tally) -> None:
        self._agent = agent
        self._burden = burden
        self._tally = tally
        self._rng = random.Random(agent.number)  # noqa: S311 - jitter
        self._last = burden.last
        self._rate = 8_000
        self.settled = 0

    async def live(self, address: str, ca_pem: bytes) -> None:
        """Come back, show the newest state, drain, report meanwhile."""
        await asyncio.sleep(self._rng.uniform(0, _JITTER_SECONDS))
        self._agent.connect(address, ca_pem)
        first = fleet_pb2.ReportRequest(series=self._burden.series, records=self._burden.state)
        await self._send(first.SerializeToString())
        self._tally.first_acks.append(time.monotonic() - self._tally.began)
        await self._drain()
        self._tally.drained.append(time.monotonic() - self._tally.began)
        await self._agent.close()

    async def _drain(self) -> None:
        report_at = time.monotonic() + _REPORT_SECONDS * self._rng.uniform(0.5, 1)
        for batch in self._burden.batches:
            await self._send(batch)
            free_at = time.monotonic() + len(batch) / self._rate
            while (now := time.monotonic()) < free_at:
                if now >= report_at:
                    await self._report()
                    report_at = now + _REPORT_SECONDS
                await asyncio.sleep(max(0.0, min(free_at, report_at) - time.monotonic()))

    async def _report(self) -> None:
        """The state once more, as new records of now."""
        request = fleet_pb2.ReportRequest()
        for one in self._burden.state:
            self._last += 1
            record = request.records.add()
            record.CopyFrom(one)
            record.seq = self._last
            record.boottime_ms = self._boottime_ms()
        began = time.monotonic()
        await self._send(request.SerializeToString())
        self._tally.live_acks.append(time.monotonic() - began)

    def _boottime_ms(self) -> int:
        return self._burden.end_boottime_ms + int((time.monotonic() - self._tally.began) * 1000)

    async def _send(self, records: bytes) -> None:
        """Send until it is answered; a message is the sum of its parts, also on the wire."""
        while True:
            head = self._agent.request(())
            head.oldest_kept_seq = self.settled + 1
            head.ClearField("series")
            head.status.last_seq = self._last
            head.status.sent_boottime_ms = self._boottime_ms()
            try:
                answer = await self._call(head.SerializeToString() + records)
            except grpc.RpcError:
                self._tally.errors += 1
                await asyncio.sleep(self._rng.uniform(0, _JITTER_SECONDS))
                continue
            if answer.refusals or answer.need_series:
                raise RuntimeError(f"not taken: {answer}")
            self.settled = answer.contiguous_seq
            self._rate = answer.backlog_bytes_per_second or self._rate
            self._tally.sent += 1
            return

    async def _call(self, raw: bytes) -> fleet_pb2.ReportResponse:
        channel = self._agent.channel
        if channel is None:
            raise RuntimeError("connect first")
        call: Any = channel.unary_unary(
            _METHOD, request_serializer=None,
            response_deserializer=fleet_pb2.ReportResponse.FromString,
        )  # fmt: skip
        answer: fleet_pb2.ReportResponse = await call(raw, timeout=_DEADLINE_SECONDS)
        return answer

    @property
    def done(self) -> bool:
        """Whether everything ever sent is settled."""
        return self.settled == self._last

    @property
    def made(self) -> int:
        """Records that must be in the store."""
        return self._last


def _shown(page: bytes) -> int:
    """Hosts that are up and whose values are on the page."""
    up = {line.rpartition(b" ")[0].partition(b"{")[2] for line in page.splitlines()
          if line.startswith(b"tramgac_agent_up{") and line.endswith((b" 1", b" 1.0"))}  # fmt: skip
    seen = {line.rpartition(b" ")[0].partition(b"{")[2] for line in page.splitlines()
            if line.startswith(b"tramgac_host_uptime_seconds{")}  # fmt: skip
    return len(up & seen)


def _fetch(port: int) -> bytes:
    url = f"http://127.0.0.1:{port}/metrics"
    with urllib.request.urlopen(url, timeout=60) as answer:
        page: bytes = answer.read()
    return page


async def _all_shown(port: int, agents: int, began: float) -> float:
    """Seconds until every agent's state is on the page."""
    while _shown(await asyncio.to_thread(_fetch, port)) < agents:
        if time.monotonic() - began > 10 * _LIVE_SECONDS:
            return float("inf")
        await asyncio.sleep(2.0)
    return time.monotonic() - began


async def _drive(place: Centre, burden: Burden) -> tuple[Tally, float, Sequence[Returner]]:
    tally = Tally(time.monotonic())
    agents = [Returner(one, burden, tally) for one in place.agents]
    shown = asyncio.create_task(_all_shown(place.metrics_port, len(agents), tally.began))
    address = f"127.0.0.1:{place.port}"
    async with asyncio.timeout(_LONGEST_SECONDS):
        await asyncio.gather(*(one.live(address, place.ca_pem) for one in agents))
        return tally, await shown, agents


def _faults(path: Path, agents: Sequence[Returner]) -> tuple[int, int]:
    """Records missing or too many in the store, and agents whose ledger has holes."""
    wanted = sorted(one.made for one in agents)
    with sqlite3.connect(path, timeout=60) as connection:
        counts = connection.execute("SELECT count(*) FROM records GROUP BY epoch_id").fetchall()
        holes = connection.execute(
            "SELECT count(*) FROM epochs WHERE length(ranges) > 0"
        ).fetchone()[0]
        gaps = connection.execute("SELECT count(*) FROM gaps").fetchone()[0]
    connection.close()
    stored = sorted(count for (count,) in counts)
    off = sum(abs(a - b) for a, b in zip(wanted, stored, strict=False))
    off += abs(len(wanted) - len(stored)) * wanted[-1]
    return off, int(holes + gaps + sum(not one.done for one in agents))


def measure(folder: Path, *, agents: int = 2_000) -> list[Figure]:
    """Let ``agents`` come back at once and wait until their day is stored."""
    burden = carried(folder)
    os.sched_setaffinity(0, {int(LOAD_CPU)})
    try:
        with centre(folder, agents, limits="") as place:
            tally, shown, returners = asyncio.run(_drive(place, burden))
            spent, size = place.cpu_seconds(), memory_mib(place.pid)[0]
            off, holes = _faults(folder / "state" / "store.db", returners)
    finally:
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    area = f"storm, {agents} agents"
    records = sum(one.made for one in returners)
    store = (folder / "state" / "store.db").stat().st_size / 1e9
    return [
        at_most(area, "state of all shown", shown, "s", _LIVE_SECONDS,
                note="reconnects spread over 30 s"),
        fact(area, "last first ack", max(tally.first_acks), "s"),
        fact(area, "backlog drained, median", quantile(tally.drained, 0.5), "s"),
        fact(area, "backlog drained, all", max(tally.drained), "s",
             note=f"{records / 1e6:.1f} M records, {store:.2f} GB"),
        fact(area, "live report ack p99", quantile(tally.live_acks, 0.99), "s",
             note="while draining"),
        fact(area, "collector CPU", spent, "s", note=f"{spent / records * 1e6:.0f} us a record"),
        fact(area, "collector RSS", size, "MiB"),
        fact(area, "calls refused or failed", tally.errors, "calls", note="sent again"),
        at_most(area, "records lost or doubled", off, "records", 0),
        at_most(area, "ledgers with holes", holes, "agents", 0),
    ]  # fmt: skip
