"""A simulated host: its boots, what it sees of systems, and an agent that hands it all in."""

import asyncio
import hashlib
import random
import uuid
from dataclasses import dataclass, field
from typing import Any

import grpc
from helpers.fleet import SimulatedIdentity, now_ms

from tramgac_proto.limits import KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS, MAX_BATCH_RECORDS
from tramgac_proto.v1 import fleet_pb2, fleet_pb2_grpc

# As the agent's own: heartbeat 30 s, looks at 60 s, back-off with full jitter up to 30 s.
BEAT_SECONDS = 30.0
_DEADLINE_SECONDS = 20.0
_LOOK_BEATS = 2
_DAY_MS = 86_400_000
_BOOT, _CLEAN, _FIRST_SYSTEM = 1, 2, 3
_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.keepalive_time_ms", KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.initial_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 10_000),
    ("grpc.ssl_target_name_override", "localhost"),
    ("grpc.use_local_subchannel_pool", 1),
]


@dataclass
class Machine:
    """One host.

    Attributes:
        place: ``(facility, site, host)``.
        down: Systems of the whole province that answer nobody, as ``facility/system``.
        systems: Those it asks.
        powered: Without power it neither looks nor calls.
    """

    identity: SimulatedIdentity
    place: tuple[str, str, str]
    down: set[str]
    systems: tuple[str, ...] = ()
    powered: bool = True
    calls: int = 0
    _boot_id: bytes = field(default_factory=lambda: uuid.uuid4().bytes)
    _booted_ms: int = field(default_factory=lambda: now_ms() - 5 * _DAY_MS)
    _clean: bool = True
    _instance: bytes = field(default_factory=lambda: uuid.uuid4().bytes)
    _epoch: str = field(default_factory=lambda: uuid.uuid4().hex)
    _seq: int = 0
    _kept: list[fleet_pb2.Record] = field(default_factory=list)
    _need_series: bool = True

    def power_off(self) -> None:
        """Fall."""
        self.powered = False

    def power_on(self) -> None:
        """Start again after a fall: another boot, and the stop before it was no orderly one."""
        self._boot_id, self._instance = uuid.uuid4().bytes, uuid.uuid4().bytes
        self._booted_ms = now_ms()
        self._clean = False
        self.powered = True
        self.look()

    def note(self, kind: int = fleet_pb2.RECORD_CLASS_POINT, **told: Any) -> None:
        """Put an observation into the outbox."""
        self._seq += 1
        self._kept.append(
            fleet_pb2.Record(
                seq=self._seq,
                wall_unix_ms=now_ms(),
                boottime_ms=now_ms() - self._booted_ms,
                boot_id=self._boot_id,
                record_class=kind,  # type: ignore[arg-type]
                observation=fleet_pb2.Observation(**told),
            )
        )

    def event(self, **told: Any) -> None:
        """Put something that happened into the outbox."""
        self.note(fleet_pb2.RECORD_CLASS_EVENT, **told)

    def look(self) -> None:
        """Look at the host and at the systems."""
        boot = [self._booted_ms / 1000, float(self._clean)]
        self.note(check="uptime", series_ids=[_BOOT, _CLEAN], values=boot, valid_seconds=180)
        if self.systems:
            self.note(
                check="service",
                series_ids=[_FIRST_SYSTEM + at for at in range(len(self.systems))],
                values=[float(one not in self.down) for one in self.systems],
                valid_seconds=180,
            )

    def _series(self) -> list[fleet_pb2.Series]:
        named = [
            fleet_pb2.Series(id=_BOOT, name="tramgac_host_boot_timestamp_seconds"),
            fleet_pb2.Series(id=_CLEAN, name="tramgac_host_last_stop_clean"),
        ]
        for at, system in enumerate(self.systems):
            labels = {"system": system.partition("/")[2], "method": "http"}
            pairs = [fleet_pb2.Label(name=key, value=text) for key, text in labels.items()]
            number = _FIRST_SYSTEM + at
            named.append(fleet_pb2.Series(id=number, name="tramgac_service_up", labels=pairs))
        return named

    def _request(self) -> fleet_pb2.ReportRequest:
        oldest = self._kept[0].seq if self._kept else self._seq + 1
        status = fleet_pb2.AgentStatus(
            boot_id=self._boot_id,
            sent_unix_ms=now_ms(),
            sent_boottime_ms=now_ms() - self._booted_ms,
            version="0.1.0",
            fingerprint=hashlib.sha256(self.identity.agent_id.encode()).digest(),
            last_seq=self._seq,
            instance=self._instance,
        )
        return fleet_pb2.ReportRequest(
            epoch=self._epoch,
            oldest_kept_seq=oldest,
            records=self._kept[:MAX_BATCH_RECORDS],
            series=self._series() if self._need_series else [],
            status=status,
        )

    async def _call(self, stub: "fleet_pb2_grpc.FleetServiceAsyncStub") -> None:
        request = self._request()
        response = await stub.Report(request, timeout=_DEADLINE_SECONDS)
        self._need_series = response.need_series
        self._kept = [one for one in self._kept if one.seq > response.contiguous_seq]
        if response.refusals:
            raise AssertionError(f"the centre refused {response.refusals}")
        self.calls += 1

    async def run(self, port: int, ca_pem: bytes, jitter: random.Random) -> None:
        """Look and call until cancelled."""
        credentials = grpc.ssl_channel_credentials(
            ca_pem, self.identity.key_pem, self.identity.certificate_pem
        )
        async with grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, _OPTIONS) as channel:
            stub = fleet_pb2_grpc.FleetServiceStub(channel)
            looking = asyncio.create_task(self._look_on(jitter.uniform(0.5, 1.0)))
            try:
                await self._call_on(stub, jitter)
            finally:
                looking.cancel()

    async def _look_on(self, share: float) -> None:
        """At its own second of every minute, whether the line is up or not."""
        await asyncio.sleep(BEAT_SECONDS * _LOOK_BEATS * share)
        while True:
            if self.powered:
                self.look()
            await asyncio.sleep(BEAT_SECONDS * _LOOK_BEATS)

    async def _call_on(
        self, stub: "fleet_pb2_grpc.FleetServiceAsyncStub", jitter: random.Random
    ) -> None:
        self.look()
        failures = 0
        await asyncio.sleep(jitter.uniform(0, 2))
        pause = jitter.uniform(0.1, 1.0) * BEAT_SECONDS
        while True:
            if self.powered:
                try:
                    await self._call(stub)
                    failures = 0
                except grpc.RpcError:
                    failures += 1
            if failures:
                pause = jitter.uniform(0.5, min(BEAT_SECONDS, 2.0**failures))
            await asyncio.sleep(pause if self.powered else 1.0)
            pause = BEAT_SECONDS
