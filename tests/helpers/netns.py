"""Two network namespaces joined by a cable whose rate the test sets."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
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
    def command(space: str, words: Sequence[str]) -> list[str]:
        """``words`` to be run inside ``space`` with this interpreter for ``python``."""
        first = sys.executable if words[0] == "python" else words[0]
        return [shutil.which("ip") or "ip", "netns", "exec", space, first, *words[1:]]


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
