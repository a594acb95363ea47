"""A fleet of simulated agents: own identities over real mTLS, reports of the usual shape.

Drives the benchmarks, the soak and the load tests. It speaks to loopback only, and every loop in
it is bounded in count or time by its caller.
"""

import asyncio
import hashlib
import math
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tramgac_proto.v1 import fleet_pb2, fleet_pb2_grpc

BOOT_ID = bytes(range(16))
SAMPLES_PER_REPORT = 100


@dataclass(frozen=True, slots=True)
class SimulatedIdentity:
    """What an enrolled agent has on its disk."""

    agent_id: str
    host: str
    key_pem: bytes
    certificate_pem: bytes
    serial: str
    public_key_sha256: str
    not_before_ms: int
    not_after_ms: int


def make_csr(key: ec.EllipticCurvePrivateKey, host: str) -> bytes:
    """DER request for ``host``; the collector ignores its subject."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name)
    return request.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Unencrypted PKCS#8."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_key_sha256(key: ec.EllipticCurvePrivateKey) -> str:
    """Hex digest of the SubjectPublicKeyInfo."""
    der = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()


# (check, valid seconds, [(metric, label name -> values)]) that add up to 100 samples.
_SHAPE: tuple[tuple[str, int, tuple[tuple[str, dict[str, Sequence[str]]], ...]], ...] = (
    (
        "disk",
        750,
        tuple(
            (
                f"tramgac_filesystem_{name}",
                {"mountpoint": [f"/srv/data-{i:02d}" for i in range(10)], "fstype": ["ext4"]},
            )
            for name in ("size_bytes", "avail_bytes", "used_ratio", "readonly", "files_free")
        ),
    ),
    (
        "service",
        180,
        tuple(
            (
                f"tramgac_service_{name}",
                {"system": [f"his-{i:02d}" for i in range(12)], "method": ["http"]},
            )
            for name in ("up", "probe_seconds")
        ),
    ),
    (
        "link",
        180,
        (
            ("tramgac_network_link_up", {"interface": ["eno1", "eno2"]}),
            ("tramgac_network_link_speed_bytes", {"interface": ["eno1", "eno2"]}),
            (
                "tramgac_network_bytes_total",
                {"interface": ["eno1", "eno2"], "direction": ["receive", "transmit"]},
            ),
        ),
    ),
    (
        "latency",
        750,
        tuple(
            (f"tramgac_path_{name}", {"target": [f"t{i}" for i in range(6)], "method": ["icmp"]})
            for name in ("rtt_seconds", "loss_ratio", "jitter_seconds")
        ),
    ),
)


def _combinations(labels: dict[str, Sequence[str]]) -> Iterator[list[tuple[str, str]]]:
    rows: list[list[tuple[str, str]]] = [[]]
    for name, values in labels.items():
        rows = [[*row, (name, value)] for row in rows for value in values]
    yield from rows


def series_table() -> list[tuple[str, int, list[fleet_pb2.Series]]]:
    """The series of one report: ``(check, valid seconds, definitions)``."""
    table = []
    number = 0
    for check, valid, metrics in _SHAPE:
        series = []
        for metric, labels in metrics:
            for row in _combinations(labels):
                number += 1
                pairs = [fleet_pb2.Label(name=n, value=v) for n, v in row]
                series.append(fleet_pb2.Series(id=number, name=metric, labels=pairs))
        table.append((check, valid, series))
    return table


TABLE = series_table()


def now_ms() -> int:
    """Wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


def boottime_ms() -> int:
    """Boot clock in milliseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


def values_of(agent: int, round_number: int) -> list[float]:
    """100 values that change with every round."""
    return [
        ((agent * 7919 + place * 104729 + round_number * 131) % 10**9) / 16
        for place in range(SAMPLES_PER_REPORT)
    ]


@dataclass(slots=True)
class SimulatedAgent:
    """One agent with a backlog of its own; ``report`` sends what is next.

    Attributes:
        epoch: 32 hex digits.
        seq: Newest sequence number made.
        contiguous: What the collector settled.
    """

    identity: SimulatedIdentity
    number: int
    epoch: str = field(default_factory=lambda: uuid.uuid4().hex)
    instance: bytes = field(default_factory=lambda: uuid.uuid4().bytes)
    seq: int = 0
    contiguous: int = 0
    rounds: int = 0
    series_known: bool = False
    channel: grpc.aio.Channel | None = None
    stub: "fleet_pb2_grpc.FleetServiceAsyncStub | None" = None

    def connect(self, address: str, ca_pem: bytes, server_name: str = "localhost") -> None:
        """Open the channel; the handshake happens with the first call."""
        credentials = grpc.ssl_channel_credentials(
            ca_pem, self.identity.key_pem, self.identity.certificate_pem
        )
        options = [
            ("grpc.ssl_target_name_override", server_name),
            ("grpc.use_local_subchannel_pool", 1),
        ]
        self.channel = grpc.aio.secure_channel(address, credentials, options)
        self.stub = fleet_pb2_grpc.FleetServiceStub(self.channel)

    async def close(self) -> None:
        """Close the channel."""
        if self.channel is not None:
            await self.channel.close()

    def records(self, wall_ms: int, boot_ms: int) -> list[fleet_pb2.Record]:
        """The next report's four records, stamped as told."""
        values = values_of(self.number, self.rounds)
        self.rounds += 1
        records, place = [], 0
        for check, valid, series in TABLE:
            self.seq += 1
            observation = fleet_pb2.Observation(
                check=check,
                series_ids=[one.id for one in series],
                values=values[place : place + len(series)],
                valid_seconds=valid,
            )
            place += len(series)
            records.append(
                fleet_pb2.Record(
                    seq=self.seq,
                    wall_unix_ms=wall_ms,
                    boottime_ms=boot_ms,
                    boot_id=BOOT_ID,
                    record_class=fleet_pb2.RECORD_CLASS_POINT,
                    observation=observation,
                )
            )
        return records

    def request(self, records: Iterable[fleet_pb2.Record]) -> fleet_pb2.ReportRequest:
        """A batch of ``records`` with status, and the series table while it is unknown."""
        request = fleet_pb2.ReportRequest(
            epoch=self.epoch,
            oldest_kept_seq=self.contiguous + 1,
            records=records,
            status=fleet_pb2.AgentStatus(
                boot_id=BOOT_ID,
                sent_unix_ms=now_ms(),
                sent_boottime_ms=boottime_ms(),
                version="0.1.0",
                fingerprint=hashlib.sha256(self.identity.agent_id.encode()).digest(),
                last_seq=self.seq,
                instance=self.instance,
            ),
        )
        if not self.series_known:
            for _, _, series in TABLE:
                request.series.extend(series)
        return request

    async def send(
        self, request: fleet_pb2.ReportRequest, deadline: float = 30.0
    ) -> fleet_pb2.ReportResponse:
        """One call; remembers what was settled."""
        if self.stub is None:
            raise RuntimeError("connect first")
        response = await self.stub.Report(request, timeout=deadline)
        self.contiguous = response.contiguous_seq
        self.series_known = not response.need_series
        return response

    async def report(self) -> fleet_pb2.ReportResponse:
        """Make and send one live report."""
        return await self.send(self.request(self.records(now_ms(), boottime_ms())))


def quantile(values: Sequence[float], share: float) -> float:
    """Nearest-rank quantile; NaN without values."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)]


@dataclass(slots=True)
class Load:
    """What a run of load gave.

    Attributes:
        latencies: Seconds from call to ack.
    """

    seconds: float
    latencies: list[float]
    errors: int

    @property
    def rate(self) -> float:
        """Reports a second."""
        return len(self.latencies) / self.seconds


async def saturate(agents: Sequence[SimulatedAgent], seconds: float) -> Load:
    """Every agent keeps one report in flight until the time is up."""
    latencies: list[float] = []
    errors = 0
    start = time.perf_counter()

    async def work(agent: SimulatedAgent) -> None:
        nonlocal errors
        while time.perf_counter() - start < seconds:
            began = time.perf_counter()
            try:
                await agent.report()
            except grpc.RpcError:
                errors += 1
                await asyncio.sleep(0.1)
            else:
                latencies.append(time.perf_counter() - began)

    await asyncio.gather(*(work(agent) for agent in agents))
    return Load(time.perf_counter() - start, latencies, errors)


async def at_rate(agents: Sequence[SimulatedAgent], rate: float, seconds: float) -> Load:
    """Reports leave on a fixed grid, whatever the answers take; latency counts from the grid."""
    latencies: list[float] = []
    errors = 0
    start = time.perf_counter()
    tasks: list[asyncio.Task[None]] = []
    busy: set[int] = set()

    async def one(agent: SimulatedAgent, due: float) -> None:
        nonlocal errors
        try:
            await agent.report()
        except grpc.RpcError:
            errors += 1
        else:
            latencies.append(time.perf_counter() - due)
        finally:
            busy.discard(agent.number)

    for number in range(int(rate * seconds)):
        due = start + number / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        agent = agents[number % len(agents)]
        if agent.number in busy:
            errors += 1
            continue
        busy.add(agent.number)
        tasks.append(asyncio.create_task(one(agent, due)))
    await asyncio.gather(*tasks)
    return Load(time.perf_counter() - start, latencies, errors)
