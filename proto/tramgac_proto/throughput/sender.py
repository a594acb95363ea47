"""The sending side of the data plane: paced, watchful, and quick to stop."""

import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from tramgac_proto.throughput.plane import (
    ENOUGH_SECONDS,
    SEND_BYTES,
    STARVED_SHARE,
    TICK_SECONDS,
    Limits,
    Sent,
    waited,
)
from tramgac_proto.throughput.tcpinfo import TcpInfo, tcp_info

_SO_MAX_PACING_RATE = 47  # Linux; not named in the socket module
# How far the sender may run ahead of its pace. Where the kernel paces, this only keeps its
# buffer filled; where it does not (before Linux 4.13, other systems), this is the pacing.
_AHEAD_KERNEL_SECONDS = 0.03
_AHEAD_SECONDS = 0.005
_NEAR_SECONDS = 0.005
# A capacity test fills the path. What it may keep waiting there is bounded by its own buffer,
# so that the others on the path wait a few milliseconds and not as long as the queue is.
_QUEUE_KEPT_SECONDS = 0.005
_LEAST_BUFFER = 16 * 1024

# The path carries less than the pace when the round trip grows by 10 ms twice running; then
# the test ends as soon as the receiver has enough to tell the true rate.
_QUEUE_SECONDS = 0.010
_QUEUE_STRIKES = 2
_QUEUE_LOOK_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class Manner:
    """How to send.

    Attributes:
        fill: Keep the path filled (capacity) instead of leaving it when its queue grows.
        kernel_pacing: False lets this process space the data itself, as it does on systems
            without ``SO_MAX_PACING_RATE``.
        stop: Asked all the time; a reason ends the test at once. By default nobody stops it.
    """

    fill: bool = False
    kernel_pacing: bool = True
    stop: Callable[[], str] = str


def own_queue_seconds(pace: float) -> float:
    """How long others may have to wait for what a capacity test keeps in the path's queue.

    The kernel doubles a buffer that is asked for, against what it needs for itself.
    """
    return max(2 * _QUEUE_KEPT_SECONDS, 2 * _LEAST_BUFFER / pace)


def _choose_congestion_control(sock: socket.socket) -> None:
    """A model-based one (BBR) steps below its own pace every few round trips.

    That reads as a path that does not hold; the loss-based ones leave the pace alone.
    """
    for name in (b"cubic", b"reno"):
        try:
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_CONGESTION", 13), name)
        except OSError:
            continue
        return


def _prepare(sock: socket.socket, pace: float, manner: Manner) -> bool:
    """Set the connection up; return whether the kernel paces."""
    _choose_congestion_control(sock)
    info = tcp_info(sock)
    buffer = 0
    if manner.fill and info is not None:
        buffer = max(_LEAST_BUFFER, int(pace * (info.rtt + _QUEUE_KEPT_SECONDS)))
    elif info is not None and info.rtt < _NEAR_SECONDS:
        # Near by, the kernel sizes its buffer to a few milliseconds of data, and a busy
        # scheduler then shows up as a slow path. Far away it needs to size it itself.
        buffer = int(pace * _AHEAD_KERNEL_SECONDS)
    if buffer:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
    # Little may wait unsent, so that stopping stops and does not flush megabytes first.
    unsent = max(2 * SEND_BYTES, int(pace * _AHEAD_KERNEL_SECONDS))
    with suppress(OSError, AttributeError):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, unsent)
    if not manner.kernel_pacing:
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, min(int(pace), 2**31 - 1))
    except OSError:
        return False
    return True


class _QueueWatch:
    """Looks at how long data waits in the path."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._next = 0.0
        self._strikes = 0
        self._waits: list[float] = []

    def grew(self, now: float) -> bool:
        """Whether the round trip was long at the last looks: the pace is more than it carries."""
        if now >= self._next:
            self._next = now + _QUEUE_LOOK_SECONDS
            info = tcp_info(self._sock)
            waits = max(0.0, info.rtt - info.min_rtt) if info is not None else 0.0
            self._waits.append(waits)
            self._strikes = self._strikes + 1 if waits > _QUEUE_SECONDS else 0
        return self._strikes >= _QUEUE_STRIKES

    @property
    def standing(self) -> float:
        """Seconds that data waited for most of the test; 0 where it was never looked at."""
        return sorted(self._waits)[len(self._waits) // 2] if self._waits else 0.0


def send(sock: socket.socket, limits: Limits, manner: Manner | None = None) -> Sent:
    """Send the bytes of ``limits`` at its pace.

    Stops early when the limit of time is reached, the peer goes away, somebody says stop, or
    the path's queue grows (after what is needed to measure its true rate; not with ``fill``).
    """
    manner = manner or Manner()
    paced = _prepare(sock, limits.pace, manner)
    before, lost = tcp_info(sock), waited()
    start = time.monotonic()
    ahead = _AHEAD_KERNEL_SECONDS if paced else _AHEAD_SECONDS
    pouring = _Pouring(sock, limits, ahead, manner)
    sent, end = pouring.run()
    seconds = time.monotonic() - start
    done = _account(
        Sent(bytes=sent, end=end, kernel_paced=paced),
        (before, tcp_info(sock)),
        seconds,
        waited() - lost,
    )
    # At its end a test that fills the path says little of how it was meanwhile.
    return msgspec.structs.replace(done, queue_seconds=pouring.standing) if manner.fill else done


def _account(
    sent: Sent, infos: tuple[TcpInfo | None, TcpInfo | None], seconds: float, lost: float
) -> Sent:
    """Add what TCP knows, where it tells."""
    before, after = infos
    if before is None or after is None:
        return sent
    idle = seconds - (after.busy - before.busy) + (after.shut - before.shut)
    return Sent(
        bytes=sent.bytes,
        end=sent.end,
        starved=sent.kernel_paced and max(idle, lost) > STARVED_SHARE * seconds,
        retransmits=after.retransmits - before.retransmits,
        min_rtt_seconds=after.min_rtt,
        queue_seconds=max(0.0, after.rtt - after.min_rtt),
        delivery_rate=after.delivery_rate,
        kernel_paced=sent.kernel_paced,
    )


class _Pouring:
    """Sends, never more than ``ahead`` seconds ahead of the pace."""

    def __init__(self, sock: socket.socket, limits: Limits, ahead: float, manner: Manner) -> None:
        self._sock = sock
        self._limits = limits
        self._ahead = ahead
        self._manner = manner
        self._watch = _QueueWatch(sock)
        self._start = 0.0

    def run(self) -> tuple[int, str]:
        """Bytes sent and why it ended."""
        limits, sock = self._limits, self._sock
        # What one call hands over may go beyond the buffer that bounds the path's queue.
        at_once = _AHEAD_SECONDS if self._manner.fill else self._ahead
        chunk = max(1448, min(SEND_BYTES, int(limits.pace * at_once)))
        payload = memoryview(os.urandom(chunk))
        sent = 0
        sock.settimeout(TICK_SECONDS)
        self._start = now = time.monotonic()
        while sent < limits.max_bytes:
            early = self._start + sent / limits.pace - self._ahead - now
            if early > 0:
                time.sleep(min(early, TICK_SECONDS))
            if early <= TICK_SECONDS:
                try:
                    sent += sock.send(payload[: limits.max_bytes - sent])
                except TimeoutError:
                    pass  # the path is slow; the limits below decide
                except OSError:
                    return sent, "reset"
            now = time.monotonic()
            if end := self._end(now):
                return sent, end
        return sent, "complete"

    def _end(self, now: float) -> str:
        if reason := self._manner.stop():
            return reason
        if now - self._start > self._limits.max_seconds:
            return "time_limit"
        if self._manner.fill or now - self._start > ENOUGH_SECONDS:
            grew = self._watch.grew(now)
            return "queue_grew" if grew and not self._manner.fill else ""
        return ""

    @property
    def standing(self) -> float:
        """Seconds that data waited in the path for most of the time."""
        return self._watch.standing
