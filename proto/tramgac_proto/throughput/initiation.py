"""The initiator's part of a test: wait for its time, post the guard, drive, stop when told."""

import socket
import time
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from tramgac_proto.throughput import iperf3, plane, sender
from tramgac_proto.throughput.lease import in_bounds, read_unverified
from tramgac_proto.throughput.plane import REASONS
from tramgac_proto.throughput.sentinel import Sentinel, post
from tramgac_proto.throughput.session import (
    ANSWER_SECONDS,
    CONNECT_SECONDS,
    LENGTH,
    MAGIC,
    MAGIC_IPERF3,
    Result,
    SessionError,
    read_reply,
    split_address,
)
from tramgac_proto.throughput.wish import Wish
from tramgac_proto.v1 import fleet_pb2

_MAX_WAIT_SECONDS = 20.0


def initiate(token: bytes, wish: Wish | None = None) -> Result:
    """Run the test a lease permits.

    A capacity test fills the path, so without a guard there is none (``no_guard``).

    Raises:
        LeaseError: The token cannot be read.
    """
    wish = wish or Wish()
    claims = read_unverified(token)
    if not in_bounds(claims):
        return Result(code="out_of_bounds")
    try:
        address = split_address(claims.address)
    except ValueError:
        return Result(code="unreachable")
    if wish.engine == "iperf3" and not iperf3.available():
        return Result(code=iperf3.ABSENT)
    _wait_for(claims.not_before_unix_ms - wish.offset_ms)
    sentinel = post((*wish.guards, address[0]), wish.guard_port)
    if sentinel is None and claims.proves == "capacity":
        return Result(code="no_guard")
    try:
        result = _connect(address, token, _Test(claims, wish.engine, sentinel))
    finally:
        watched = sentinel.end() if sentinel else None
    return msgspec.structs.replace(result, watched=watched, engine=wish.engine)


def _wait_for(unix_ms: int) -> None:
    """Both ends begin at the time the collector named."""
    seconds = unix_ms / 1000 - time.time()
    if 0 < seconds <= _MAX_WAIT_SECONDS:
        time.sleep(seconds)


@dataclass(slots=True)
class _Test:
    claims: fleet_pb2.LeaseClaims
    engine: str
    sentinel: Sentinel | None
    began: float = 0.0

    @property
    def fill(self) -> bool:
        return self.claims.proves == "capacity"

    def begin(self, limits: plane.Limits) -> None:
        """Let the guard watch; from now on data moves."""
        self.began = time.monotonic()
        if self.sentinel is not None:
            self.sentinel.begin(sender.own_queue_seconds(limits.pace) if self.fill else 0.0)

    def stop(self) -> str:
        """The guard's reason, but not before there is enough to tell the path's rate."""
        reason = self.sentinel.stop() if self.sentinel else ""
        return reason if reason and time.monotonic() - self.began > plane.ENOUGH_SECONDS else ""

    def settle(self, end: str) -> None:
        """After a test that the guard ended: find out who made the others wait."""
        if self.sentinel and end in REASONS:
            self.sentinel.await_calm()


def _connect(address: tuple[str, int], token: bytes, test: _Test) -> Result:
    try:
        sock = socket.create_connection(address, CONNECT_SECONDS)
    except OSError:
        return Result(code="unreachable")
    with sock:
        try:
            return _drive(sock, token, test)
        except SessionError as error:
            return Result(code=error.code)


def _drive(sock: socket.socket, token: bytes, test: _Test) -> Result:
    limits = plane.Limits.of(test.claims)
    magic = MAGIC_IPERF3 if test.engine == "iperf3" else MAGIC
    with suppress(OSError):  # a responder that is busy may have hung up already; its word counts
        sock.sendall(magic + LENGTH.pack(len(token)) + token)
    permitted = read_reply(sock, ANSWER_SECONDS)
    if permitted.code != "ok":
        return Result(code=permitted.code)
    test.begin(limits)
    if test.engine == "iperf3":
        return _iperf3(sock, permitted.port, limits, test)
    if test.claims.direction == "receive":
        return _receive(sock, limits, test)
    sent = sender.send(sock, limits, sender.Manner(fill=test.fill, stop=test.stop))
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
    test.settle(sent.end)
    reply = read_reply(sock, limits.max_seconds + plane.IDLE_SECONDS + CONNECT_SECONDS)
    return Result(code=reply.code, measured=reply.measured, sent=sent)


def _iperf3(sock: socket.socket, port: int, limits: plane.Limits, test: _Test) -> Result:
    try:
        measured, sent = iperf3.run(
            (sock.getpeername()[0], port), test.claims.direction, limits, test.stop
        )
    except iperf3.Failed as failed:
        test.settle(failed.code)
        return Result(code=failed.code)
    return Result(measured=measured, sent=sent)


def _receive(sock: socket.socket, limits: plane.Limits, test: _Test) -> Result:
    keep = bytearray()
    measured = plane.receive(sock, limits, keep=keep, stop=test.stop)
    if measured.end in REASONS:
        plane.drop(sock, 0.0)
        test.settle(measured.end)
        return Result(measured=measured)
    if measured.end not in {"closed", "complete"} or len(keep) < LENGTH.size:
        return Result(measured=measured)
    (length,) = LENGTH.unpack(keep[-LENGTH.size :])
    try:
        sent = msgspec.json.decode(
            keep[-LENGTH.size - length : -LENGTH.size], type=plane.Sent, strict=True
        )
    except msgspec.DecodeError:
        return Result(measured=measured)
    count = measured.bytes - length - LENGTH.size
    end = "complete" if count == limits.max_bytes else "closed"
    return Result(measured=msgspec.structs.replace(measured, bytes=count, end=end), sent=sent)
