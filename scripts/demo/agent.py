"""A simulated agent: looks, keeps what it saw until the centre has it, and calls."""

import asyncio
import hashlib
import random
import time
import uuid
from collections.abc import Iterator
from typing import Any

import grpc
from helpers.fleet import SimulatedIdentity

from demo.backups import backup_events, backup_looks
from demo.devices import device_looks
from demo.hosts import host_looks
from demo.look import Look, Self, share
from demo.paths import path_looks
from demo.sizes import Size
from demo.standing import CLOCK_AHEAD_SECONDS
from tramgac_proto.limits import KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS, MAX_BATCH_RECORDS
from tramgac_proto.v1 import fleet_pb2, fleet_pb2_grpc

_DEADLINE_SECONDS = 20.0
_VERSIONS = ("0.1.0", "0.1.0", "0.1.0", "0.0.9")
# Most records that a full disk cost an agent once, before the simulation.
_MOST_LOST = 90
_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.initial_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 10_000),
    ("grpc.ssl_target_name_override", "localhost"),
    ("grpc.use_local_subchannel_pool", 1),
]
_Key = tuple[str, tuple[tuple[str, str], ...]]


class Agent:
    """One host's agent.

    Attributes:
        me: What the host is.
        powered: Without power it neither looks nor calls.
        calls: How often it got through.
    """

    def __init__(self, me: Self, identity: SimulatedIdentity, size: Size) -> None:
        self.me = me
        self.identity = identity
        self.powered = True
        self.calls = 0
        self._size = size
        self._began = time.time()
        self._boot_id, self._instance = uuid.uuid4().bytes, uuid.uuid4().bytes
        self._epoch = uuid.uuid4().hex
        self._ids: dict[_Key, int] = {}
        self._told_ids = 0
        self._seq = 0
        self._kept: list[fleet_pb2.Record] = []
        if "lost" in me.faults:
            self._lose(1 + int(_MOST_LOST * share(me.place, "lost")))
        for one in backup_events(me, self._began):
            self._note(one)

    @property
    def waiting(self) -> int:
        """Records the centre does not have yet."""
        return len(self._kept)

    def power_off(self) -> None:
        """Fall."""
        self.powered = False

    def power_on(self) -> None:
        """Start again after a fall: another boot, and the stop before it was no orderly one."""
        self._boot_id, self._instance = uuid.uuid4().bytes, uuid.uuid4().bytes
        self.me.booted, self.me.started, self.me.clean = time.time(), time.time(), False
        self.powered = True

    def _wall_ms(self) -> int:
        ahead = CLOCK_AHEAD_SECONDS if "clock" in self.me.faults else 0.0
        return round((time.time() + ahead) * 1000)

    def _boot_ms(self) -> int:
        return max(1, round((time.time() - self.me.booted) * 1000))

    def _record(self, kind: int, **body: Any) -> None:  # noqa: ANN401 - one of two messages
        self._seq += 1
        self._kept.append(
            fleet_pb2.Record(
                seq=self._seq,
                wall_unix_ms=self._wall_ms(),
                boottime_ms=self._boot_ms(),
                boot_id=self._boot_id,
                record_class=kind,  # type: ignore[arg-type]
                **body,
            )
        )

    def _lose(self, records: int) -> None:
        self._seq = records
        lost = [fleet_pb2.SeqRange(first=1, last=records)]
        gap = fleet_pb2.GapRecord(ranges=lost, reason="disk_full", records=records)
        self._record(fleet_pb2.RECORD_CLASS_EVENT, gap=gap)

    def _id(self, key: _Key) -> int:
        return self._ids.setdefault(key, len(self._ids) + 1)

    def _note(self, one: Look) -> None:
        ids = [
            self._id((f"tramgac_{name}", tuple(labels.items()))) for name, labels, _ in one.samples
        ]
        told = fleet_pb2.Observation(
            check=one.check,
            subject=one.subject,
            stream=one.stream,
            series_ids=ids,
            values=[value for _, _, value in one.samples],
            valid_seconds=one.valid_seconds,
            **one.detail,
        )
        happened = one.event or bool(one.detail)
        kinds = fleet_pb2.RECORD_CLASS_POINT, fleet_pb2.RECORD_CLASS_EVENT
        self._record(kinds[happened], observation=told)

    def look(self) -> None:
        """Look at everything once."""
        for one in looks(self.me, self._began, time.time()):
            self._note(one)

    def _series(self) -> Iterator[fleet_pb2.Series]:
        """Definitions the centre does not have yet."""
        for (name, labels), number in self._ids.items():
            if number > self._told_ids:
                pairs = [fleet_pb2.Label(name=key, value=text) for key, text in labels]
                yield fleet_pb2.Series(id=number, name=name, labels=pairs)

    def request(self) -> fleet_pb2.ReportRequest:
        """What it would send now."""
        records = self._kept[:MAX_BATCH_RECORDS]
        size = sum(one.ByteSize() for one in records) * len(self._kept) // max(1, len(records))
        status = fleet_pb2.AgentStatus(
            boot_id=self._boot_id,
            sent_unix_ms=self._wall_ms(),
            sent_boottime_ms=self._boot_ms(),
            version=_VERSIONS[len(self.me.place) % len(_VERSIONS)],
            fingerprint=hashlib.sha256(self.identity.agent_id.encode()).digest(),
            config_hash=hashlib.sha256(self.me.place.encode()).hexdigest(),
            outbox_records=len(self._kept),
            outbox_bytes=size,
            last_seq=self._seq,
            instance=self._instance,
        )
        return fleet_pb2.ReportRequest(
            epoch=self._epoch,
            oldest_kept_seq=records[0].seq if records else self._seq + 1,
            records=records,
            series=self._series(),
            status=status,
        )

    async def _call(self, stub: "fleet_pb2_grpc.FleetServiceAsyncStub") -> None:
        request = self.request()
        known = len(self._ids)
        response = await stub.Report(request, timeout=_DEADLINE_SECONDS)
        self._told_ids = 0 if response.need_series else known
        self._kept = [one for one in self._kept if one.seq > response.contiguous_seq]
        if response.refusals:
            raise AssertionError(f"{self.me.place}: the centre refused {response.refusals}")
        self.calls += 1

    async def run(self, port: int, ca_pem: bytes, jitter: random.Random) -> None:
        """Look and call until cancelled."""
        credentials = grpc.ssl_channel_credentials(
            ca_pem, self.identity.key_pem, self.identity.certificate_pem
        )
        first = jitter.random()
        async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, _OPTIONS) as channel:
            stub = fleet_pb2_grpc.FleetServiceStub(channel)
            looking = asyncio.create_task(self._look_on(first))
            try:
                await self._call_on(stub, jitter)
            finally:
                looking.cancel()

    async def _look_on(self, share: float) -> None:
        """At its own moment, whether the line is up or not."""
        self.look()
        await asyncio.sleep(self._size.look_seconds * share)
        while True:
            if self.powered:
                self.look()
            await asyncio.sleep(self._size.look_seconds)

    async def _call_on(
        self, stub: "fleet_pb2_grpc.FleetServiceAsyncStub", jitter: random.Random
    ) -> None:
        beat, failures = self._size.beat_seconds, 0
        await asyncio.sleep(jitter.uniform(0, min(2.0, beat)))
        while True:
            pause = beat
            if self.powered:
                try:
                    await self._call(stub)
                    failures = 0
                except grpc.RpcError:
                    failures += 1
                    pause = jitter.uniform(0.5, min(30.0, 2.0**failures))
            if len(self._kept) > MAX_BATCH_RECORDS and not failures:
                pause = min(pause, 1.0)
            await asyncio.sleep(pause)


def looks(me: Self, began: float, now: float) -> Iterator[Look]:
    """Everything a host sees at one moment.

    Args:
        me: The host.
        began: When the simulation began, Unix seconds.
        now: Unix seconds.
    """
    yield from host_looks(me, now)
    yield from path_looks(me, now)
    yield from device_looks(me, now)
    yield from backup_looks(me, began, now)
