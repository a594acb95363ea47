"""Small questions to a neighbour, many under way at once: ICMP echo, or a TCP handshake.

Round trips are taken from the kernel's own stamps where it gives them: a test that keeps this
process busy must not look like a path that became slow.
"""

import errno
import os
import select
import socket
import struct
import time
from contextlib import suppress
from typing import Protocol

from tramgac_proto.throughput.tcpinfo import tcp_info

_SO_TIMESTAMPNS = 35  # Linux; not named in the socket module
_ECHO = struct.Struct("!BBHHH")
_ECHO_REQUEST, _ECHO_REPLY = 8, 0
_IP_HEADER_UNIT = 4
_ANSWER_BYTES = 2048
# A neighbour that does not answer is not piled up on.
_MAX_OPEN = 32
# What a handshake begins with; a refusal may be known at once.
_UNDER_WAY = frozenset({0, errno.EINPROGRESS, errno.EWOULDBLOCK, errno.ECONNREFUSED})


class Echoes(Protocol):
    """Questions that are under way.

    Attributes:
        look_seconds: How often answers must be fetched to be timed well.
    """

    look_seconds: float

    def ask(self, number: int) -> None:
        """Send question ``number``; one that cannot be sent is lost like any other."""
        ...

    def answers(self) -> list[tuple[int, float]]:
        """What has been answered since the last call: number and round trip in seconds."""
        ...

    def close(self) -> None:
        """Give the sockets back."""
        ...


def _checksum(data: bytes) -> int:
    """RFC 1071, for an even number of bytes."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


class IcmpEchoes:
    """ICMP echo over IPv4, by whichever right this process has.

    Raises:
        OSError: By none, or the address is not IPv4.
    """

    look_seconds = 1.0  # the kernel stamps them

    def __init__(self, address: str) -> None:
        self._raw = False
        try:
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
        except OSError:
            # The group range does not include us; CAP_NET_RAW may.
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
            self._raw = True
        try:
            self._socket.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._socket.connect((address, 0))
        except OSError:
            self._socket.close()
            raise
        self._id = int.from_bytes(os.urandom(2), "big")
        self._asked: dict[int, tuple[float, int]] = {}

    def ask(self, number: int) -> None:
        """Send an echo request."""
        wire = number & 0xFFFF
        body = _ECHO.pack(_ECHO_REQUEST, 0, 0, self._id, wire)
        packet = _ECHO.pack(_ECHO_REQUEST, 0, _checksum(body), self._id, wire)
        self._asked[wire] = (time.monotonic(), time.time_ns())
        with suppress(OSError):
            self._socket.send(packet)

    def answers(self) -> list[tuple[int, float]]:
        """Read all replies that have come."""
        found: list[tuple[int, float]] = []
        while True:
            try:
                data, extra, _, _ = self._socket.recvmsg(_ANSWER_BYTES, 64)
            except OSError:  # nothing more, or a router's word that there is no way
                return found
            now = time.monotonic()
            wire = self._sequence(data)
            asked = self._asked.pop(wire, None)
            if asked is not None:
                found.append((wire, _round_trip(now - asked[0], asked[1], extra)))

    def _sequence(self, data: bytes) -> int:
        """Number of the reply; -1 if it is not one of ours."""
        if self._raw:
            data = data[(data[0] & 15) * _IP_HEADER_UNIT :] if data else b""
        if len(data) < _ECHO.size:
            return -1
        kind, _, _, owner, wire = _ECHO.unpack_from(data)
        ours = kind == _ECHO_REPLY and (not self._raw or owner == self._id)
        return int(wire) if ours else -1

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def _round_trip(measured: float, sent_ns: int, extra: list[tuple[int, int, bytes]]) -> float:
    """The kernel's stamp minus the time of sending, unless the wall clock stepped."""
    for level, kind, data in extra:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(data) >= 16:  # noqa: PLR2004 - struct timespec
            seconds, nanos = struct.unpack_from("=qq", data)
            stamped: float = (seconds * 1_000_000_000 + nanos - sent_ns) / 1e9
            if 0 <= stamped <= measured:
                return stamped
    return measured


class TcpEchoes:
    """TCP handshakes with a port; a refusal is an answer as well."""

    look_seconds = 0.002  # nobody stamps a refusal

    def __init__(self, address: str, port: int) -> None:
        self._address = (address, port)
        self._open: dict[int, tuple[int, float, socket.socket]] = {}

    def ask(self, number: int) -> None:
        """Begin a handshake."""
        if len(self._open) >= _MAX_OPEN:
            return
        with suppress(OSError):
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            sock.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            began = time.monotonic()
            result = sock.connect_ex(self._address)
            if result not in _UNDER_WAY:
                sock.close()  # no way from here: this host's own word is no neighbour's answer
                return
            self._open[sock.fileno()] = (number, began, sock)

    def answers(self) -> list[tuple[int, float]]:
        """Collect finished handshakes, and hang up."""
        if not self._open:
            return []
        poll = select.poll()
        for descriptor in self._open:
            poll.register(descriptor, select.POLLOUT)
        found = []
        for descriptor, _ in poll.poll(0):
            number, began, sock = self._open.pop(descriptor)
            info = tcp_info(sock)
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            measured = time.monotonic() - began
            sock.close()
            if not error and info is not None and 0 < info.rtt <= measured:
                measured = info.rtt
            if not error or error == errno.ECONNREFUSED:
                found.append((number, measured))
        return found

    def close(self) -> None:
        """Give up on all that are under way."""
        for _, _, sock in self._open.values():
            sock.close()
        self._open.clear()
