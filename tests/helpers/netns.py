"""Two network namespaces joined by a cable whose rate the test sets."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

NEAR_ADDRESS = "10.213.7.1"
FAR_ADDRESS = "10.213.7.2"
# A full-size segment with timestamps carries 1448 bytes; tbf counts its 1514 on the wire.
PAYLOAD_SHARE = 1448 / 1514


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


@dataclass(frozen=True)
class Cable:
    """Names of the two namespaces."""

    near: str
    far: str

    def shape(self, megabits: float, burst: str = "16kb", queue: str = "50ms") -> None:
        """Limit both directions with a token bucket."""
        for space in (self.near, self.far):
            _run(
                *("tc", "-n", space, "qdisc", "replace", "dev", "cable", "root", "tbf"),
                *("rate", f"{megabits}mbit", "burst", burst, "latency", queue),
            )

    @staticmethod
    def prefix(space: str) -> list[str]:
        """What stands before a command that is to run inside ``space``."""
        return [shutil.which("ip") or "ip", "netns", "exec", space]

    def command(self, space: str, words: Sequence[str]) -> list[str]:
        """``words`` to be run inside ``space`` with this interpreter for ``python``."""
        first = sys.executable if words[0] == "python" else words[0]
        return [*self.prefix(space), first, *words[1:]]

    @contextmanager
    def pinging(self) -> Iterator[Callable[[], list[tuple[float, float]]]]:
        """Ping across the cable every 10 ms.

        Yields what gives ``(monotonic time, seconds)`` of every answer once the context ended.
        """
        words = self.command(self.near, ["python", "-c", _PINGER, FAR_ADDRESS])
        process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        output: list[str] = []
        try:
            yield lambda: [(float(at), float(rtt)) for at, rtt in (line.split() for line in output)]
        finally:
            output += process.communicate(timeout=10)[0].splitlines()


# Ends when its standard input does.
_PINGER = """
import select, sys, time
from icmplib import ICMPRequest, ICMPv4Socket
with ICMPv4Socket() as sock:
    number = 0
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        number += 1
        request = ICMPRequest(sys.argv[1], 4711, number % 65536)
        sock.send(request)
        try:
            reply = sock.receive(request, 1)
        except Exception:
            continue
        print(time.monotonic(), reply.time - request.time, flush=True)
"""


@contextmanager
def cable() -> Iterator[Cable]:
    """Lay the cable; namespaces vanish with the context."""
    joined = Cable(f"tgn{os.getpid()}", f"tgf{os.getpid()}")
    try:
        for space in (joined.near, joined.far):
            _run("ip", "netns", "add", space)
        _run(
            *("ip", "-n", joined.near, "link", "add", "cable", "type", "veth"),
            *("peer", "name", "cable", "netns", joined.far),
        )
        for space, address in ((joined.near, NEAR_ADDRESS), (joined.far, FAR_ADDRESS)):
            _run("ip", "-n", space, "addr", "add", f"{address}/30", "dev", "cable")
            _run("ip", "-n", space, "link", "set", "cable", "up")
            _run("ip", "-n", space, "link", "set", "lo", "up")
        yield joined
    finally:
        for space in (joined.near, joined.far):
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)
