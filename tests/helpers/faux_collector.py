"""A collector reduced to its promises, over real mTLS, that misbehaves on request."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from helpers.certs import Authority, Issued

from tramgac_proto.limits import MAX_ACK_RANGES
from tramgac_proto.v1 import fleet_pb2, fleet_pb2_grpc

Refusal = tuple[grpc.StatusCode, str]
Context = grpc.ServicerContext


@dataclass
class Epoch:
    """What is known of one outbox life."""

    records: dict[int, fleet_pb2.Record] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)
    series: dict[int, str] = field(default_factory=dict)
    doubles: int = 0

    def contiguous(self) -> int:
        number = 0
        while number + 1 in self.records or number + 1 in self.closed:
            number += 1
        return number

    def ranges(self) -> list[tuple[int, int]]:
        base = self.contiguous()
        found: list[tuple[int, int]] = []
        for seq in sorted(one for one in {*self.records, *self.closed} if one > base):
            if found and found[-1][1] == seq - 1:
                found[-1] = (found[-1][0], seq)
            else:
                found.append((seq, seq))
        return found[:MAX_ACK_RANGES]


class FauxCollector(fleet_pb2_grpc.FleetServiceServicer):
    """Stores each key once and acknowledges what it stored.

    Attributes:
        calls: Every request that came, in order.
        before: Called with each request; a refusal is sent instead of storing.
        after: The same once the request is stored: the ack gets lost.
        change: May alter the answer.
        epochs: What is stored.
    """

    def __init__(self, authority: Authority) -> None:
        self._authority = authority
        self._certificate: Issued = authority.issue("127.0.0.1")
        self._server: grpc.Server | None = None
        self._lock = threading.Lock()
        self.port = 0
        self.calls: list[fleet_pb2.ReportRequest] = []
        self.peers: list[bytes] = []
        self.epochs: dict[str, Epoch] = {}
        self.before: Callable[[fleet_pb2.ReportRequest], Refusal | None] = lambda _: None
        self.after: Callable[[fleet_pb2.ReportRequest], Refusal | None] = lambda _: None
        self.change: Callable[[fleet_pb2.ReportResponse], None] = lambda _: None
        self.trailing: tuple[tuple[str, str], ...] = ()

    def start(self) -> None:
        """Listen, on the port of last time if there was one."""
        server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
        fleet_pb2_grpc.add_FleetServiceServicer_to_server(self, server)
        credentials = grpc.ssl_server_credentials(
            [(self._certificate.key.read_bytes(), self._certificate.certificate.read_bytes())],
            self._authority.ca_file.read_bytes(),
            require_client_auth=True,
        )
        self.port = server.add_secure_port(f"127.0.0.1:{self.port}", credentials)
        server.start()
        self._server = server

    def stop(self) -> None:
        """Cut every connection."""
        if self._server is not None:
            self._server.stop(0).wait()
            self._server = None

    def Report(  # noqa: N802 - gRPC's name
        self, request: fleet_pb2.ReportRequest, context: Context
    ) -> fleet_pb2.ReportResponse:
        """Take one report."""
        with self._lock:
            self.calls.append(request)
            self.peers.append(_common_name(context))
            self._perhaps_refuse(self.before(request), context)
            response = self._store(request)
            self._perhaps_refuse(self.after(request), context)
            self.change(response)
            return response

    def _perhaps_refuse(self, refusal: Refusal | None, context: Context) -> None:
        if refusal is not None:
            context.set_trailing_metadata(self.trailing)
            context.abort(*refusal)

    def _store(self, request: fleet_pb2.ReportRequest) -> fleet_pb2.ReportResponse:
        epoch = self.epochs.setdefault(request.epoch, Epoch())
        epoch.series.update((one.id, one.name) for one in request.series)
        need = False
        for record in request.records:
            if record.seq in epoch.records:
                epoch.doubles += 1
            elif set(record.observation.series_ids) - set(epoch.series):
                need = True
            else:
                epoch.records[record.seq] = record
                for gap in record.gap.ranges:
                    epoch.closed.update(range(gap.first, gap.last + 1))
        for seq in range(1, request.oldest_kept_seq):
            if seq not in epoch.records:
                epoch.closed.add(seq)
        response = fleet_pb2.ReportResponse(
            contiguous_seq=epoch.contiguous(),
            need_series=need,
            backlog_bytes_per_second=1_000_000,
            collector_unix_ms=request.status.sent_unix_ms + 1500,
            clock_offset_ms=1500,
        )
        for first, last in epoch.ranges():
            response.ranges.add(first=first, last=last)
        return response

    def stored(self, epoch: str) -> set[int]:
        """Numbers stored of an epoch."""
        with self._lock:
            return set(self.epochs[epoch].records) if epoch in self.epochs else set()

    def sent(self) -> list[list[int]]:
        """Numbers of each call so far."""
        with self._lock:
            return [[record.seq for record in one.records] for one in self.calls]


def _common_name(context: Context) -> bytes:
    found: Any = context.auth_context()["x509_common_name"][0]
    return bytes(found)


@dataclass
class FauxIdentity:
    """Certificate and key as the uplink wants them."""

    key_pem: bytes
    certificate_pem: bytes
    ca_pem: bytes
    verdict: str = "ok"

    def judge(self, now_ms: int) -> str:  # noqa: ARG002 - the verdict is given
        """What the test says."""
        return self.verdict


class FauxFiles:
    """An identity on disk that a test can exchange."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self._authority = authority
        self.certificate_path = folder / "agent.crt"
        self.identity: FauxIdentity | None = None

    def issue(self, name: str = "agent-1", verdict: str = "ok") -> None:
        """Put a (new) certificate in place."""
        issued = self._authority.issue(name)
        self.identity = FauxIdentity(
            issued.key.read_bytes(),
            issued.certificate.read_bytes(),
            self._authority.ca_file.read_bytes(),
            verdict,
        )
        self.certificate_path.write_bytes(self.identity.certificate_pem)

    def load(self) -> FauxIdentity | None:
        """The identity now."""
        return self.identity

    def fingerprint(self) -> bytes:
        """Of this machine."""
        return b"f" * 32
