"""iperf3 as another engine: the same leases, bounds and guard, somebody else's data plane.

The responder starts one server for one lease and ends it; nobody has to run one for good.
What versions differ in: up to 3.13 the client exits with 0 after an error, so the error field
is looked at first; ``bits_per_second`` of the sender counts what it wrote, not what arrived.
"""

import select
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from tramgac_proto.throughput.plane import SEND_BYTES, Limits, Measurement, Sent

PROGRAM = "iperf3"
ABSENT = "no_iperf3"
_IDLE_SECONDS = 5
_START_SECONDS = 3.0
_CONNECT_MS = 3000
_OVERHEAD_SECONDS = 5.0
_LOOK_SECONDS = 0.02
_MAX_OUTPUT = 1 << 20
_AHEAD_SECONDS = 0.005
_LEAST_BLOCK = 1448
# Anybody on the LAN may come to a lent server before its lessee does. More than the lease's pace,
# with room for a sender that catches up, it gives nobody, in any second.
_MOST_SHARE = 1.1


class Failed(Exception):  # noqa: N818 - an outcome with a code, reported as it is
    """There is no measurement.

    Args:
        code: no_iperf3 | busy | unreachable | iperf3_error | time_limit, or the guard's reason
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class _Sum(msgspec.Struct, frozen=True):
    bytes: int = 0
    seconds: float = 0.0
    bits_per_second: float = 0.0
    retransmits: int = -1


class _Side(msgspec.Struct, frozen=True):
    min_rtt: float = 0.0


class _Stream(msgspec.Struct, frozen=True):
    sender: _Side = _Side()


class _End(msgspec.Struct, frozen=True):
    streams: tuple[_Stream, ...] = ()
    sum_sent: _Sum = _Sum()
    sum_received: _Sum = _Sum()


class _Report(msgspec.Struct, frozen=True):
    end: _End = _End()
    error: str = ""


def available() -> bool:
    """Whether this host has the program."""
    return shutil.which(PROGRAM) is not None


def parse(output: bytes) -> tuple[Measurement, Sent]:
    """Read ``iperf3 -J`` of a client.

    Raises:
        Failed: It reports an error, or is no report.
    """
    try:
        report = msgspec.json.decode(output, type=_Report)
    except msgspec.DecodeError:
        raise Failed("iperf3_error") from None
    if report.error:
        raise Failed(_code(report.error))
    end = report.end
    got, gave = end.sum_received, end.sum_sent
    if got.bytes <= 0 or got.seconds <= 0:
        raise Failed("iperf3_error")
    measured = Measurement(
        bytes=got.bytes,
        seconds=got.seconds,
        rate=got.bits_per_second / 8,
        tail_seconds=got.seconds,
        end="complete",
    )
    trip = end.streams[0].sender.min_rtt / 1e6 if end.streams else 0.0
    return measured, Sent(
        bytes=gave.bytes, end="complete", retransmits=gave.retransmits, min_rtt_seconds=trip
    )


def _code(error: str) -> str:
    if "busy" in error:
        return "busy"
    return "unreachable" if "unable to connect" in error else "iperf3_error"


@contextmanager
def server(host: str, port: int, pace: float) -> Iterator["subprocess.Popen[bytes]"]:
    """A server for one test at ``pace`` bytes per second, listening; ended with the context.

    Raises:
        Failed: There is no iperf3 here, it is older than 3.9, or it does not listen.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise Failed(ABSENT)
    words = [program, "--server", "--one-off", "--bind", host, "--port", str(port)]
    words += ["--idle-timeout", str(_IDLE_SECONDS), "--forceflush"]
    words += ["--server-bitrate-limit", f"{int(8 * pace * _MOST_SHARE)}/1"]
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            if not _listens(process):
                raise Failed("iperf3_error")
            yield process
        finally:
            process.kill()


def _listens(process: "subprocess.Popen[bytes]") -> bool:
    """Wait for its line; connecting to try would be its one test."""
    until = time.monotonic() + _START_SECONDS
    seen = b""
    if process.stdout is None:
        return False
    while (left := until - time.monotonic()) > 0:
        if not select.select([process.stdout], [], [], left)[0]:
            break
        piece = process.stdout.read1(4096)  # type: ignore[attr-defined]
        seen += piece
        if b"listening on" in seen:
            return True
        if not piece:
            break
    return False


def attend(sock: socket.socket, process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Wait until the test is over, the initiator has gone, or ``seconds`` have passed."""
    until = time.monotonic() + seconds + _OVERHEAD_SECONDS
    while process.poll() is None and time.monotonic() < until:
        if select.select([sock], [], [], _LOOK_SECONDS)[0] and not sock.recv(1024):
            return


def run(
    address: tuple[str, int], direction: str, limits: Limits, stop: Callable[[], str]
) -> tuple[Measurement, Sent]:
    """Run a client against a server, within ``limits``.

    Raises:
        Failed: Why there is no measurement.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise Failed(ABSENT)
    block = max(_LEAST_BLOCK, min(SEND_BYTES, int(limits.pace * _AHEAD_SECONDS)))
    words = [program, "--client", address[0], "--port", str(address[1]), "--json"]
    words += ["--bytes", str(limits.max_bytes), "--length", str(block)]
    words += ["--bitrate", str(int(limits.pace * 8)), "--connect-timeout", str(_CONNECT_MS)]
    words += ["--reverse"] if direction == "receive" else []
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            return parse(_collect(process, limits.max_seconds + _OVERHEAD_SECONDS, stop))
        finally:
            process.kill()


def _collect(process: "subprocess.Popen[bytes]", seconds: float, stop: Callable[[], str]) -> bytes:
    until = time.monotonic() + seconds
    output = b""
    if process.stdout is None:
        raise Failed("iperf3_error")
    while True:
        if reason := stop():
            raise Failed(reason)
        if time.monotonic() > until:
            raise Failed("time_limit")
        if not select.select([process.stdout], [], [], _LOOK_SECONDS)[0]:
            continue
        piece = process.stdout.read1(65536)  # type: ignore[attr-defined]
        if not piece:
            return output
        output += piece
        if len(output) > _MAX_OUTPUT:
            raise Failed("iperf3_error")
