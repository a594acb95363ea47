"""A second machine on our LAN: a network namespace on a veth cable, its other end here."""

import itertools
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_numbers = itertools.count()


def ip(*arguments: str) -> None:
    """Run ``ip``; a failure shows what it said."""
    done = subprocess.run(
        ["ip", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=10,
    )
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The second machine.

    Attributes:
        namespace: Name of its network namespace.
        interface: Our end of the cable.
        far_interface: Its end, inside the namespace.
        near: Our address.
        far: Its address.
        silent: An address of the same subnet that nobody has.
    """

    namespace: str
    interface: str
    far_interface: str
    near: str
    far: str
    silent: str

    def received_packets(self) -> int:
        """Packets that came in at our end so far."""
        path = Path("/sys/class/net", self.interface, "statistics/rx_packets")
        return int(path.read_text(encoding="ascii"))

    def execute(self, *command: str) -> str:
        """Run ``command`` on the second machine and return its output."""
        full = ["ip", "netns", "exec", self.namespace, *command]
        return subprocess.run(
            full, check=True, stdout=subprocess.PIPE, text=True, timeout=20
        ).stdout


@contextmanager
def neighbour() -> Iterator[Neighbour]:
    """Set up the machine, with a subnet of 198.18.0.0/15 (RFC 2544: for tests)."""
    number = next(_numbers)
    # A /29 of its own for each process and call, so that parallel test runs do not meet.
    block = (os.getpid() * 16 + number % 16) % (1 << 14) * 8
    base = f"198.{18 + (block >> 16)}.{block >> 8 & 255}."
    first = block & 255
    tag = f"{os.getpid()}x{number}"
    made = Neighbour(
        namespace=f"tramgac-{tag}",
        interface=f"tg{tag}",
        far_interface=f"tf{tag}",
        near=f"{base}{first + 1}",
        far=f"{base}{first + 2}",
        silent=f"{base}{first + 5}",
    )
    ip("netns", "add", made.namespace)
    try:
        pair = ("type", "veth", "peer", "name", made.far_interface, "netns", made.namespace)
        ip("link", "add", made.interface, *pair)
        ip("addr", "add", f"{made.near}/29", "dev", made.interface)
        ip("link", "set", made.interface, "up")
        ip("-n", made.namespace, "addr", "add", f"{made.far}/29", "dev", made.far_interface)
        ip("-n", made.namespace, "link", "set", made.far_interface, "up")
        ip("-n", made.namespace, "link", "set", "lo", "up")
        yield made
    finally:
        ip("netns", "del", made.namespace)
