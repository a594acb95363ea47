"""Packets that a reflector sends back with its own times in them (the idea of RFC 8762).

A question and its answer are of one size, so that a reflector amplifies nothing. Times are of each
side's steady clock, in nanoseconds; the two are never compared with each other, only differences.
The layout stands in docs/formats/reflection.md.
"""

import hashlib
import secrets
import socket
import struct
import sys
import time
from hmac import compare_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tramgac_agent.probes.base import CannotProbe, Deadline, code_of
from tramgac_agent.probes.oneway import Leg
from tramgac_agent.probes.resolve import Address

if TYPE_CHECKING:  # Python 3.10 has no such name
    from typing_extensions import Self

_MAGIC = b"TGR1"
_BODY = struct.Struct("!4sBBxxQIIqqq")
_MAC_BYTES = 16
SIZE = _BODY.size + _MAC_BYTES
# More probes than any run sends.
MAX_SEQUENCE = 1024
MIN_KEY_BYTES, MAX_KEY_BYTES = 16, 32
# Of <asm-generic/socket.h>; Python does not name it.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")
# A packet that waited longer for us than this was not stamped by the clock we read now.
_MOST_WAIT_NS = 50_000_000
_STEP_NS = 2_000_000


class Packet(NamedTuple):
    """A question, or the answer to it.

    Attributes:
        strained: The reflector had to refuse packets lately: its losses prove nothing.
        session: Drawn by who asks, for one run.
        arrived: Questions of the session that the reflector received, this one included.
        sent_ns: By the clock of who asks.
        received_ns: By the reflector's clock, like
        transmitted_ns: when it answered.
    """

    session: int
    sequence: int
    sent_ns: int
    arrived: int = 0
    received_ns: int = 0
    transmitted_ns: int = 0
    answer: bool = False
    strained: bool = False


def _mac(body: bytes, key: bytes) -> bytes:
    return hashlib.blake2s(body, key=key, digest_size=_MAC_BYTES).digest()


def pack(one: Packet, key: bytes) -> bytes:
    """The packet on the wire: ``SIZE`` bytes."""
    numbers = (one.session, one.sequence, one.arrived)
    times = (one.sent_ns, one.received_ns, one.transmitted_ns)
    body = _BODY.pack(_MAGIC, one.answer, one.strained, *numbers, *times)
    return body + _mac(body, key)


def unpack(data: bytes, key: bytes) -> Packet | None:
    """What a datagram says; None when it is none of ours, or made with another key."""
    if len(data) != SIZE or not data.startswith(_MAGIC):
        return None
    body = data[: _BODY.size]
    if not compare_digest(_mac(body, key), data[_BODY.size :]):
        return None
    _, answer, strained, session, sequence, arrived, sent, received, transmitted = _BODY.unpack(
        body
    )
    if sequence >= MAX_SEQUENCE:
        return None
    return Packet(
        *(session, sequence, sent, arrived, received, transmitted), bool(answer), bool(strained)
    )


def read_key(path: str) -> bytes:
    """The key that a site's agents share; empty where no file is named.

    Raises:
        CannotProbe: ``key_unusable``: unreadable, shorter than 16 or longer than 32 bytes.
    """
    if not path:
        return b""
    try:
        with Path(path).open("rb") as file:
            key = file.read(MAX_KEY_BYTES + 2).strip()
    except OSError as error:
        raise CannotProbe("key_unusable", str(error)) from error
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise CannotProbe("key_unusable", f"{path} must have 16 to 32 bytes")
    return key


class Stamped:
    """Receives datagrams with the time they came in, by the steady clock.

    The kernel stamps them by the clock of the day. Only the wait until now is taken from it, and
    not across a step of that clock, so a clock that is set changes no result.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._gap: int | None = None
        if sys.platform == "linux":
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def receive(self) -> tuple[bytes, Any, int]:
        """One datagram, cut one byte above ``SIZE``; its sender; when it came, ns.

        Raises:
            OSError: Of the socket, a timeout included.
        """
        if sys.platform != "linux":
            data, peer = self._sock.recvfrom(SIZE + 1)
            return data, peer, time.monotonic_ns()
        data, ancillary, _, peer = self._sock.recvmsg(SIZE + 1, 128)
        now, today = time.monotonic_ns(), time.time_ns()
        gap = today - now
        steady = self._gap is not None and abs(gap - self._gap) < _STEP_NS
        self._gap = gap
        for level, kind, raw in ancillary if steady else ():
            if (level, kind, len(raw)) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS, _TIMESPEC.size):
                seconds, rest = _TIMESPEC.unpack(raw)
                waited = today - (seconds * 1_000_000_000 + rest)
                now -= waited if 0 <= waited <= _MOST_WAIT_NS else 0
        return data, peer, now


class Mirror:
    """Asks one reflector, one question at a time.

    Raises:
        CannotProbe: No socket of that family, or a local firewall.

    Attributes:
        legs: Every answer so far.
        asked: Questions sent so far.
        strained: The reflector said that it cannot keep up.
    """

    def __init__(self, address: Address, port: int, key: bytes) -> None:
        family, sockaddr = address
        self._key = key
        self._session = secrets.randbits(64)
        self.legs: list[Leg] = []
        self.asked = 0
        self.strained = False
        try:
            self._socket = socket.socket(family, socket.SOCK_DGRAM)
            self._stamped = Stamped(self._socket)
            self._socket.connect((sockaddr[0], port, *sockaddr[2:]))
        except OSError as error:
            raise CannotProbe(code_of(error), str(error)) from error

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def round_trip(self, timeout: float) -> float | None:
        """Time one question without the reflector's own part, seconds; None without answer."""
        sequence, self.asked = self.asked, self.asked + 1
        deadline = Deadline(timeout)
        asked_ns = time.monotonic_ns()
        try:
            self._socket.send(pack(Packet(self._session, sequence, asked_ns), self._key))
            while deadline.left:
                self._socket.settimeout(deadline.left)
                leg = self._take()
                if leg is not None and leg.sequence == sequence:
                    return leg.round_trip_ns / 1e9
        except OSError:
            return None  # no answer in time, or somebody on the way said no
        return None

    def _take(self) -> Leg | None:
        data, _, now = self._stamped.receive()
        packet = unpack(data, self._key)
        if packet is None or not packet.answer or packet.session != self._session:
            return None
        if packet.sequence >= self.asked or packet.transmitted_ns < packet.received_ns:
            return None
        if any(leg.sequence == packet.sequence for leg in self.legs):
            return None
        self.strained |= packet.strained
        leg = Leg(
            *(packet.sequence, packet.arrived, packet.sent_ns),
            *(packet.received_ns, packet.transmitted_ns, now),
        )
        if leg.round_trip_ns < 0:
            return None
        self.legs.append(leg)
        return leg
