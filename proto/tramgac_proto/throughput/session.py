"""The session around the data plane: who may speak, what is answered, how it ends.

::

    initiator -> responder   MAGIC, u16 length, LeaseToken
    responder -> initiator   u16 length, Reply            code "ok" or why not
    direction "send":
    initiator -> responder   payload, end of stream
    responder -> initiator   u16 length, Reply            with the measurement
    direction "receive":
    responder -> initiator   payload, Sent, u16 length, end of stream

With ``MAGIC_IPERF3`` the reply names a port instead, where iperf3 listens for this one test;
the connection then only says that both are still there.

Every step is bounded in bytes and seconds on both sides. What the initiator does is
``initiation.py``.
"""

import socket
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from tramgac_proto.throughput import iperf3, plane, sender
from tramgac_proto.throughput.lease import (
    MAX_TOKEN_BYTES,
    LeaseError,
    ReplayMemory,
    verify,
)
from tramgac_proto.v1 import fleet_pb2

MAGIC = b"TGLAN01\n"
MAGIC_IPERF3 = b"TGIPF01\n"
ENGINES = {MAGIC: "own", MAGIC_IPERF3: "iperf3"}
MAX_REPLY_BYTES = 1024
HELLO_SECONDS = 3.0
CONNECT_SECONDS = 5.0
# A responder may have to start a process before it answers.
ANSWER_SECONDS = 15.0
_LINGER_SECONDS = 0.3

LENGTH = struct.Struct("!H")


class SessionError(Exception):
    """The peer did not keep to the protocol, or went away.

    Args:
        code: unreachable | closed | timeout | not_our_protocol | malformed
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Reply(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The responder's word.

    Attributes:
        code: ``ok``, else why there is no test (codes of ``LeaseError``, busy, too_many).
        measured: What the responder received, once the initiator has sent.
        port: Where iperf3 listens.
    """

    code: str = "ok"
    measured: plane.Measurement | None = None
    port: int = 0


class Permit(NamedTuple):
    """A lease that was admitted, and what the peer wants to test with."""

    claims: fleet_pb2.LeaseClaims
    engine: str


class Result(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the initiator knows after a test.

    Attributes:
        code: ``ok``, else the refusal or the way the session broke.
        measured: By the receiver, whichever end that was.
        sent: By the sender; None when a responder ended without a word.
        watched: What the guard saw; None without one.
        engine: own | iperf3
    """

    code: str = "ok"
    measured: plane.Measurement | None = None
    sent: plane.Sent | None = None
    watched: plane.Watched | None = None
    engine: str = "own"


def split_address(text: str) -> tuple[str, int]:
    """``host:port`` or ``[v6]:port``.

    Raises:
        ValueError: It is neither.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 - highest port
        raise ValueError(f"`{text}` is not host:port")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _read(sock: socket.socket, count: int, deadline: float) -> bytes:
    """Exactly ``count`` bytes, however slowly they trickle, until ``deadline``."""
    data = b""
    while len(data) < count:
        left = deadline - time.monotonic()
        if left <= 0:
            raise SessionError("timeout")
        sock.settimeout(left)
        try:
            piece = sock.recv(count - len(data))
        except TimeoutError:
            raise SessionError("timeout") from None
        except OSError:
            raise SessionError("closed") from None
        if not piece:
            raise SessionError("closed")
        data += piece
    return data


def read_frame(sock: socket.socket, limit: int, deadline: float) -> bytes:
    """One length and what it announces.

    Raises:
        SessionError: It is too long, too late, or cut off.
    """
    (length,) = LENGTH.unpack(_read(sock, LENGTH.size, deadline))
    if not 0 < length <= limit:
        raise SessionError("oversize")
    return _read(sock, length, deadline)


def read_reply(sock: socket.socket, seconds: float) -> Reply:
    """The responder's next word.

    Raises:
        SessionError: None came, or it cannot be read.
    """
    frame = read_frame(sock, MAX_REPLY_BYTES, time.monotonic() + seconds)
    try:
        return msgspec.json.decode(frame, type=Reply)
    except msgspec.DecodeError:
        raise SessionError("malformed") from None


def answer(sock: socket.socket, reply: Reply) -> None:
    """Send a reply; a peer that is gone or does not read is its own loss."""
    frame = msgspec.json.encode(reply)
    with suppress(OSError):
        sock.settimeout(1.0)
        sock.sendall(LENGTH.pack(len(frame)) + frame)


def refuse(sock: socket.socket, code: str) -> None:
    """Say no and hang up, leaving the peer a moment to read it."""
    answer(sock, Reply(code=code))
    with suppress(OSError):
        sock.shutdown(socket.SHUT_WR)
    plane.drop(sock, _LINGER_SECONDS)


@dataclass(slots=True)
class Gate:
    """Decides which leases this responder honours.

    Attributes:
        public_key: The collector's Ed25519 key, 32 bytes.
        name: What leases must call this responder.
        memory: Which leases were used.
        offset_ms: Collector's clock minus this host's.
        wall_ms: This host's clock.
    """

    public_key: bytes
    name: str
    memory: ReplayMemory = field(default_factory=ReplayMemory)
    offset_ms: int = 0
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000

    def admit(self, token: bytes) -> fleet_pb2.LeaseClaims:
        """Use up a lease and return its claims.

        Raises:
            LeaseError: It gives no right to a test.
        """
        now_ms = self.wall_ms()
        claims = verify(token, self.public_key, now_ms, self.name, clock_offset_ms=self.offset_ms)
        self.memory.spend(claims, now_ms + self.offset_ms)
        return claims


def greet(sock: socket.socket, gate: Gate) -> Permit | None:
    """Read the token and decide; None when the peer was refused and hung up on."""
    try:
        deadline = time.monotonic() + HELLO_SECONDS
        engine = ENGINES.get(_read(sock, len(MAGIC), deadline))
        if engine is None:
            raise SessionError("not_our_protocol")  # noqa: TRY301 - one way out for every refusal
        token = read_frame(sock, MAX_TOKEN_BYTES, deadline)
        return Permit(gate.admit(token), engine)
    except (SessionError, LeaseError) as error:
        refuse(sock, error.code)
        return None


def respond(sock: socket.socket, permit: Permit) -> None:
    """Run the responder's part of an admitted test, within the lease, and hang up."""
    limits = plane.Limits.of(permit.claims)
    if permit.engine == "iperf3":
        _lend_iperf3(sock, limits)
    else:
        _respond(sock, permit.claims, limits)


def _lend_iperf3(sock: socket.socket, limits: plane.Limits) -> None:
    """Start a server on the next port, so that one rule of a firewall is enough."""
    host, port = sock.getsockname()[:2]
    try:
        with iperf3.server(host, port + 1, limits.pace) as process:
            answer(sock, Reply(port=port + 1))
            iperf3.attend(sock, process, limits.max_seconds)
    except iperf3.Failed as failed:
        refuse(sock, failed.code)


def _respond(sock: socket.socket, claims: fleet_pb2.LeaseClaims, limits: plane.Limits) -> None:
    answer(sock, Reply())
    if claims.direction == "send":
        measured = plane.receive(sock, limits)
        answer(sock, Reply(measured=measured))
        with suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        plane.drop(sock, _LINGER_SECONDS)
    else:
        trailer = msgspec.json.encode(
            sender.send(sock, limits, sender.Manner(fill=claims.proves == "capacity"))
        )
        with suppress(OSError):
            # It waits behind what the path has not carried yet.
            sock.settimeout(limits.max_seconds)
            sock.sendall(trailer + LENGTH.pack(len(trailer)))
        with suppress(OSError):
            sock.shutdown(socket.SHUT_WR)
        plane.drop(sock, limits.max_seconds + _LINGER_SECONDS)
