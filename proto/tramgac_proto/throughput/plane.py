"""The data plane: what a test may cost, and a receiver that measures by its own clock.

The sender is ``sender.py``. One TCP connection, plain sockets. The receiver notes (time,
bytes), leaves out the first 30 % of the time (burst allowances of shapers, slow start) and
takes the slope of the rest. Paced below the path's rate, the test builds no queue, so nobody
else on the path feels it.
"""

import select
import socket
import struct
import time
from collections.abc import Callable
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
# After this long a receiver has enough to tell the rate of a path that is slower than the pace;
# until then neither a growing queue nor the guard ends a test.
ENOUGH_SECONDS = 0.25
# 4 MB per 100 Mbit/s of expectation, at 80 % of it.
FLOOR_SECONDS = 0.4
FLOOR_SHARE = 0.8
# What fills a path, and no more: of a line's rate only 94.1 % can be payload.
CAPACITY_SHARE = 1.1
# A full segment with timestamps carries 1448 bytes and takes 1538 of the wire's time
# (preamble, header, check sum, gap): the most payload a line of a given rate can carry.
ETHERNET_SHARE = 1448 / 1538
# Slow start takes about log2(BDP / 10 segments) round trips; below this many times the
# bandwidth-delay product a rate is no more than a lower bound.
LEAST_BDP = 8.0

# Why the guard ends a test.
ROSE, LOST = "sentinel_rose", "sentinel_lost"
REASONS = frozenset({ROSE, LOST})

_SCHEDSTAT = Path("/proc/thread-self/schedstat")
TICK_SECONDS = 0.1
_MARK_SECONDS = 0.001
_MIN_MARKS = 5


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
        end: complete | closed | time_limit | over_bytes | idle | reset, or the guard's reason
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
        end: complete | time_limit | queue_grew | reset, or the guard's reason
        starved: A host was too busy, not the path: for more than 2 % of the time there was
            nothing to send, the receiver had no room, or this process waited for a processor.
        retransmits: Segments sent twice; -1 where the system does not tell.
        min_rtt_seconds: Shortest round trip; 0 where the system does not tell.
        queue_seconds: By how much the round trip had grown: at the end of a floor test, for
            most of a capacity test.
        delivery_rate: TCP's last estimate of what arrived, bytes per second; 0 where the
            system does not tell.
        kernel_paced: Whether the kernel spaced the segments.
    """

    bytes: int
    end: str
    starved: bool = False
    retransmits: int = -1
    min_rtt_seconds: float = 0.0
    queue_seconds: float = 0.0
    delivery_rate: float = 0.0
    kernel_paced: bool = False


class Watched(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the guard saw.

    Attributes:
        baseline_seconds: Median round trip before the test.
        shift_seconds: Median during the test minus the baseline; None without an answer.
        worst_seconds: Longest round trip during the test.
        asked: Questions during the test.
        lost: Of these, never answered.
        recovered: Whether round trips were short again once the test had stopped: then it
            was the test that made the others wait, else it was somebody else's traffic.
            None where the guard did not stop it.
    """

    baseline_seconds: float
    shift_seconds: float | None = None
    worst_seconds: float = 0.0
    asked: int = 0
    lost: int = 0
    recovered: bool | None = None


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


def waited() -> float:
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
    stop: Callable[[], str] = str,
) -> Measurement:
    """Read until the sender is done or a limit is reached; never reads on after that.

    Args:
        sock: Connected; its timeout is changed.
        limits: What the sender may cost.
        idle_seconds: Silence after which the sender is given up.
        keep: Filled with the last bytes of the stream, up to ``MAX_TRAILER``; that many are
            then allowed above the limit.
        stop: Asked all the time; a reason ends the test at once.
    """
    before, start = waited(), time.monotonic()
    measured = _Draining(sock, limits, keep, stop).run(idle_seconds)
    lost, seconds = waited() - before, time.monotonic() - start
    return msgspec.structs.replace(measured, starved=lost > STARVED_SHARE * seconds)


class _Draining:
    """Reads and counts until something ends it."""

    def __init__(
        self,
        sock: socket.socket,
        limits: Limits,
        keep: bytearray | None,
        stop: Callable[[], str],
    ) -> None:
        self._sock = sock
        self._limits = limits
        self._keep = keep
        self._stop = stop
        self._allowed = limits.max_bytes + (MAX_TRAILER if keep is not None else 0)
        self._meter = Meter()

    def run(self, idle_seconds: float) -> Measurement:
        """Give up after ``idle_seconds`` of silence."""
        buffer = bytearray(RECEIVE_BYTES)
        meter, last = self._meter, time.monotonic()
        self._sock.settimeout(TICK_SECONDS)
        while True:
            try:
                count = self._sock.recv_into(buffer)
            except TimeoutError:
                count = -1
            except OSError:
                return meter.result("reset")
            now = time.monotonic()
            if count == 0:
                return meter.result(
                    "complete" if meter.total == self._limits.max_bytes else "closed"
                )
            if count > 0:
                last = now
                self._note(now, memoryview(buffer)[:count])
            elif now - last > idle_seconds:
                return meter.result("idle")
            if end := self._end(now):
                return meter.result(end)

    def _note(self, now: float, piece: memoryview) -> None:
        self._meter.add(now, len(piece))
        if self._keep is not None:
            self._keep += piece[-MAX_TRAILER:]
            del self._keep[:-MAX_TRAILER]

    def _end(self, now: float) -> str:
        if reason := self._stop():
            return reason
        if self._meter.total > self._allowed:
            return "over_bytes"
        started = self._meter.elapsed_since
        return (
            "time_limit" if self._meter.total and now - started > self._limits.max_seconds else ""
        )


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
