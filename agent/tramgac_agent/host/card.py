"""The network card a path begins at: how fast it is, how busy it is, who stands behind it."""

import socket
import struct
import time
from pathlib import Path

from tramgac_agent.host.netdev import Link, parse_link, read_attributes

# Long enough to see a copy that comes in bursts.
LOAD_SECONDS = 5.0
_NET = Path("/sys/class/net")
_ROUTES = Path("/proc/net/route")
# Iface Destination Gateway Flags RefCnt Use Metric Mask ...
_ANYWHERE = "00000000"
_FIELDS = 8


def default_route(routes: str, interface: str = "") -> tuple[str, str]:
    """Interface and gateway of the default route in ``/proc/net/route``; empty without one.

    Args:
        routes: The file's text.
        interface: Only the route through this one counts; any when empty.
    """
    for line in routes.splitlines()[1:]:
        fields = line.split()
        if len(fields) < _FIELDS or (interface and fields[0] != interface):
            continue
        name, destination, gateway = fields[:3]
        if destination == _ANYWHERE and fields[7] == _ANYWHERE:
            return name, _dotted(gateway)
    return "", ""


def _dotted(text: str) -> str:
    """The kernel's hexadecimal word, in this machine's byte order; empty for none."""
    try:
        number = int(text, 16)
    except ValueError:
        return ""
    return socket.inet_ntoa(struct.pack("=I", number)) if 0 < number < 2**32 else ""


def _read_routes() -> str:
    try:
        return _ROUTES.read_text(encoding="ascii")
    except OSError:
        return ""


class NetworkCard:
    """A card by its name, or the default route's.

    Attributes:
        speed: Negotiated, bytes per second; None where it is unknown.
        gateway: IPv4 address of the router behind it; empty without one.
    """

    def __init__(self, name: str = "") -> None:
        found, self.gateway = default_route(_read_routes(), name)
        name = name or found
        self._path = _NET / name if name else None
        self.speed = self._link().speed

    def _link(self) -> Link:
        return parse_link(read_attributes(self._path) if self._path else {})

    def load(self, path_speed: float | None = None, over_seconds: float = 0.0) -> float | None:
        """Share in use for a while; None where the card counts nothing.

        Args:
            path_speed: What the path carries, bytes per second, where it may be less than the
                card: a slow uplink is full long before a fast card is.
            over_seconds: How long it is watched; 0 is ``LOAD_SECONDS``.
        """
        known = [speed for speed in (self.speed, path_speed) if speed]
        before = self._link().counters
        if not known or not before:
            return None
        began = time.monotonic()
        time.sleep(over_seconds or LOAD_SECONDS)
        after = self._link().counters
        seconds = time.monotonic() - began
        moved = max(after.get(one, 0) - before.get(one, 0) for one in ("rx_bytes", "tx_bytes"))
        return max(0.0, moved / seconds / min(known))
