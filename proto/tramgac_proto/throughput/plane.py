"""The data plane: a paced sender and a receiver that measures by its own clock.

One TCP connection, plain sockets. The receiver notes (time, bytes), leaves out the first 30 %
of the time (burst allowances of shapers, slow start) and takes the slope of the rest. Paced
below the path's rate, the test builds no queue, so nobody else on the path feels it.
"""

import os
import select
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tramgac_proto.v1 import fleet_pb2

SEND_BYTES = 128 * 1024
RECEIVE_BYTES = 256 * 1024
MAX_TRAILER = 512
SKIPPED_SHARE = 0.3
MIN_TAIL_SECONDS = 0.02
HELD_SHARE = 0.98
STARVED_SHARE = 0.02
IDLE_SECONDS = 2.0
# 4 MB per 100 Mbit/s of expectation, at 80 % of it.
FLOOR_SECONDS = 0.4
FLOOR_SHARE = 0.8

_SCHEDSTAT = Path("/proc/thread-self/schedstat")
_TCP_INFO_BYTES = 192  # up to tcpi_rwnd_limited, Linux 4.10
_SO_MAX_PACING_RATE = 47  # Linux; not named in the socket module
# How far the sender may run ahead of its pace. Where the kernel paces, this only keeps its
# buffer filled; where it does not (before Linux 4.13, other systems), this is the pacing.
_AHEAD_KERNEL_SECONDS = 0.03
_AHEAD_SECONDS = 0.005
_NEAR_SECONDS = 0.005
_TICK_SECONDS = 0.1
_MARK_SECONDS = 0.001
_MIN_MARKS = 5

# The path carries less than the pace when the round trip grows by 10 ms twice running; then
# the test ends as soon as the receiver has enough to tell the true rate.
_QUEUE_SECONDS = 0.010
_QUEUE_STRIKES = 2
_QUEUE_LOOK_SECONDS = 0.005
_QUEUE_ENOUGH_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Limits:
    """What a test may cost.

    Attributes:
        pace: Payload bytes per second.
        max_bytes: Payload bytes; the sender sends exactly these unless it is stopped.
        max_seconds: From the first byte.
    """

    pace: float
    max_bytes: int
    max_seconds: float

    @classmethod
    def of(cls, claims: fleet_pb2.LeaseClaims) -> "Limits":
        """The bounds a lease sets."""
        return cls(claims.pace_bytes_per_second, claims.max_bytes, claims.max_seconds)


class Measurement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the receiver saw.

    Attributes:
        bytes: Payload received.
        seconds: First to last byte.
        rate: Bytes per second over the tail; over everything where the tail is too short.
        tail_seconds: Time the rate was taken over.
        end: complete | closed | time_limit | over_bytes | idle | reset
        starved: The receiving host was too busy: this process had to wait for a processor for
            more than 2 % of the time.
    """

    bytes: int
    seconds: float
    rate: float
    tail_seconds: float
    end: str
    starved: bool = False


class Sent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the sender did.

    Attributes:
        bytes: Payload handed to the kernel.
        end: complete | time_limit | queue_grew | reset
        starved: A host was too busy, not the path: for more than 2 % of the time there was
            nothing to send, the receiver had no room, or this process waited for a processor.
        retransmits: Segments sent twice; -1 where the system does not tell.
        min_rtt_seconds: Shortest round trip; 0 where the system does not tell.
        queue_seconds: By how much the round trip had grown at the end.
        kernel_paced: Whether the kernel spaced the segments.
    """

    bytes: int
    end: str
    starved: bool = False
    retransmits: int = -1
    min_rtt_seconds: float = 0.0
    queue_seconds: float = 0.0
    kernel_paced: bool = False


class Meter:
    """Collects (time, total bytes) and tells the rate."""

    def __init__(self) -> None:
        self._marks: list[tuple[float, int]] = []
        self._last = (0.0, 0)

    @property
    def total(self) -> int:
        """Bytes so far."""
        return self._last[1]

    @property
    def elapsed_since(self) -> float:
        """Time of the first mark; 0 before it."""
        return self._marks[0][0] if self._marks else 0.0

    def add(self, now: float, count: int) -> None:
        """``count`` more bytes had arrived at ``now``."""
        self._last = (now, self._last[1] + count)
        if not self._marks or now - self._marks[-1][0] >= _MARK_SECONDS:
            self._marks.append(self._last)

    def result(self, end: str) -> Measurement:
        """The measurement, with the reason it ended."""
        if not self._marks:
            return Measurement(bytes=0, seconds=0.0, rate=0.0, tail_seconds=0.0, end=end)
        if self._marks[-1] != self._last:
            self._marks.append(self._last)
        first, last = self._marks[0][0], self._last[0]
        seconds = last - first
        cut = first + SKIPPED_SHARE * seconds
        tail = [mark for mark in self._marks if mark[0] >= cut]
        tail_seconds = tail[-1][0] - tail[0][0]
        if tail_seconds < MIN_TAIL_SECONDS or len(tail) < _MIN_MARKS:
            rate = self.total / seconds if seconds > 0 else 0.0
            tail_seconds = 0.0
        else:
            rate = _slope(tail)
        return Measurement(
            bytes=self.total, seconds=seconds, rate=rate, tail_seconds=tail_seconds, end=end
        )


def _slope(marks: list[tuple[float, int]]) -> float:
    """Median of the slopes between marks half the tail apart, bytes per second.

    (Theil's incomplete method.) Against a shaper of 10 and 100 Mbit/s it was within 0.1 % with
    and without loss. First to last mark reads 2 % low at a slow pace, whose last burst is a
    small one; least squares 2 to 5 % low under loss, where data arrives in lumps.
    """
    half = len(marks) // 2
    slopes = sorted(
        (after - before) / (end - start)
        for (start, before), (end, after) in zip(marks, marks[half:], strict=False)
    )
    return slopes[len(slopes) // 2]


def _waited() -> float:
    """Seconds this thread was ready to run but had no processor (proc(5), schedstat)."""
    try:
        return int(_SCHEDSTAT.read_bytes().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def receive(
    sock: socket.socket,
    limits: Limits,
    idle_seconds: float = IDLE_SECONDS,
    keep: bytearray | None = None,
) -> Measurement:
    """Read until the sender is done or a limit is reached; never reads on after that.

    Args:
        sock: Connected; its timeout is changed.
        limits: What the sender may cost.
        idle_seconds: Silence after which the sender is given up.
        keep: Filled with the last bytes of the stream, up to ``MAX_TRAILER``; that many are
            then allowed above the limit.
    """
    waited, start = _waited(), time.monotonic()
    measured = _drain(sock, limits, idle_seconds, keep)
    waited, seconds = _waited() - waited, time.monotonic() - start
    return msgspec.structs.replace(measured, starved=waited > STARVED_SHARE * seconds)


def _drain(
    sock: socket.socket, limits: Limits, idle_seconds: float, keep: bytearray | None
) -> Measurement:
    buffer = bytearray(RECEIVE_BYTES)
    allowed = limits.max_bytes + (MAX_TRAILER if keep is not None else 0)
    meter = Meter()
    last = time.monotonic()
    sock.settimeout(_TICK_SECONDS)
    while True:
        try:
            count = sock.recv_into(buffer)
        except TimeoutError:
            count = -1
        except OSError:
            return meter.result("reset")
        now = time.monotonic()
        if count == 0:
            return meter.result("complete" if meter.total == limits.max_bytes else "closed")
        if count > 0:
            last = now
            meter.add(now, count)
            if keep is not None:
                keep += buffer[max(0, count - MAX_TRAILER) : count]
                del keep[:-MAX_TRAILER]
            if meter.total > allowed:
                return meter.result("over_bytes")
        elif now - last > idle_seconds:
            return meter.result("idle")
        if meter.total and now - meter.elapsed_since > limits.max_seconds:
            return meter.result("time_limit")


@dataclass(frozen=True, slots=True)
class _TcpInfo:
    """Of Linux' ``struct tcp_info``: what the test needs (offsets: include/uapi/linux/tcp.h).

    Attributes:
        rtt: Smoothed, seconds.
        min_rtt: Seconds.
        busy: Seconds in which there was something to send.
        shut: Seconds of these in which the receiver's window was closed.
    """

    rtt: float
    min_rtt: float
    retransmits: int
    busy: float
    shut: float


def _tcp_info(sock: socket.socket) -> _TcpInfo | None:
    option = getattr(socket, "TCP_INFO", None)
    if option is None:
        return None
    try:
        raw = sock.getsockopt(socket.IPPROTO_TCP, option, _TCP_INFO_BYTES)
        rtt, retransmits, min_rtt = (
            struct.unpack_from("=I", raw, offset)[0] for offset in (68, 100, 148)
        )
        busy, shut = struct.unpack_from("=QQ", raw, 168)
    except (OSError, struct.error):
        return None
    return _TcpInfo(rtt / 1e6, min_rtt / 1e6, retransmits, busy / 1e6, shut / 1e6)


def _prepare(sock: socket.socket, pace: float) -> bool:
    """Set the connection up for pacing; return whether the kernel paces.

    A model-based congestion control (BBR) steps below its own pace every few round trips,
    which reads as a path that does not hold; the loss-based ones leave the pace alone.
    """
    for name in (b"cubic", b"reno"):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_CONGESTION", 13), name)
            break
        except OSError:
            continue
    info = _tcp_info(sock)
    if info is not None and info.rtt < _NEAR_SECONDS:
        # Near by, the kernel sizes its buffer to a few milliseconds of data, and a busy
        # scheduler then shows up as a slow path. Far away it needs to size it itself.
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, int(pace * _AHEAD_KERNEL_SECONDS))
    # Little may wait unsent, so that stopping stops and does not flush megabytes first.
    unsent = max(2 * SEND_BYTES, int(pace * _AHEAD_KERNEL_SECONDS))
    with suppress(OSError, AttributeError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, unsent)
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, min(int(pace), 2**31 - 1))
    except OSError:
        return False
    return True


class _QueueWatch:
    """Notices that the path's queue grows: the pace is more than it carries."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._next = 0.0
        self._strikes = 0

    def grew(self, now: float) -> bool:
        """Whether the round trip was long at the last looks."""
        if now < self._next:
            return self._strikes >= _QUEUE_STRIKES
        self._next = now + _QUEUE_LOOK_SECONDS
        info = _tcp_info(self._sock)
        long = info is not None and info.rtt - info.min_rtt > _QUEUE_SECONDS
        self._strikes = self._strikes + 1 if long else 0
        return self._strikes >= _QUEUE_STRIKES


def send(sock: socket.socket, limits: Limits, *, kernel_pacing: bool = True) -> Sent:
    """Send the bytes of ``limits`` at its pace.

    Stops early when the limit of time is reached, the peer goes away, or the path's queue
    grows (after what is needed to measure its true rate).
    """
    paced = kernel_pacing and _prepare(sock, limits.pace)
    before, waited = _tcp_info(sock), _waited()
    start = time.monotonic()
    sent, end = _pour(sock, limits, _AHEAD_KERNEL_SECONDS if paced else _AHEAD_SECONDS)
    seconds = time.monotonic() - start
    after, waited = _tcp_info(sock), _waited() - waited
    if before is None or after is None:
        return Sent(bytes=sent, end=end, kernel_paced=paced)
    idle = seconds - (after.busy - before.busy) + (after.shut - before.shut)
    return Sent(
        bytes=sent,
        end=end,
        starved=paced and max(idle, waited) > STARVED_SHARE * seconds,
        retransmits=after.retransmits - before.retransmits,
        min_rtt_seconds=after.min_rtt,
        queue_seconds=max(0.0, after.rtt - after.min_rtt),
        kernel_paced=paced,
    )


def _pour(sock: socket.socket, limits: Limits, ahead: float) -> tuple[int, str]:
    """Send, never more than ``ahead`` seconds ahead of the pace; bytes sent and why it ended."""
    chunk = max(1448, min(SEND_BYTES, int(limits.pace * ahead)))
    payload = memoryview(os.urandom(chunk))
    watch = _QueueWatch(sock)
    sent = 0
    sock.settimeout(_TICK_SECONDS)
    start = now = time.monotonic()
    while sent < limits.max_bytes:
        early = start + sent / limits.pace - ahead - now
        if early > 0:
            time.sleep(early)
        try:
            sent += sock.send(payload[: limits.max_bytes - sent])
        except TimeoutError:
            pass  # the path is slow; the limits below decide
        except OSError:
            return sent, "reset"
        now = time.monotonic()
        if now - start > limits.max_seconds:
            return sent, "time_limit"
        if now - start > _QUEUE_ENOUGH_SECONDS and watch.grew(now):
            return sent, "queue_grew"
    return sent, "complete"


def drop(sock: socket.socket, wait_seconds: float) -> None:
    """Close once the peer has closed, or after ``wait_seconds``.

    What the peer has not taken by then is thrown away, not flushed; what it still sends is
    read up to 256 kB, so that it gets to see our last word before the reset.
    """
    deadline = time.monotonic() + wait_seconds
    left = RECEIVE_BYTES
    with suppress(OSError, ValueError):
        while left > 0 and (seconds := deadline - time.monotonic()) > 0:
            if not select.select([sock], [], [], seconds)[0]:
                break
            count = len(sock.recv(left))
            if not count:
                break
            left -= count
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()
