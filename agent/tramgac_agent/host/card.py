"""The network card a path begins at: how fast it is, how busy it is, who stands behind it."""

import socket
import struct
import time
from operator import itemgetter
from pathlib import Path

from tramgac_agent.host.netdev import Link, parse_link, read_attributes

# Long enough to see a copy that comes in bursts.
LOAD_SECONDS = 5.0
_NET = Path("/sys/class/net")
_ROUTES = Path("/proc/net/route")
# Iface Destination Gateway Flags RefCnt Use Metric Mask ...
_ANYWHERE = "00000000"
_FIELDS = 8
_UP, _REJECT = 0x1, 0x200  # of <linux/route.h>


def default_route(interface: str = "", routes: Path = _ROUTES) -> tuple[str, str]:
    """Interface and gateway of the IPv4 default route that is used, the one of lowest metric.

    Both are empty without one, the gateway also where the route names none.

    Args:
        interface: Only routes through this one count; any when empty.
        routes: As the kernel shows them.
    """
    try:
        lines = routes.read_text(encoding="ascii").splitlines()[1:]
    except (OSError, ValueError):
        return "", ""
    found = [route for line in lines if (route := _default(line.split(), interface))]
    _, name, gateway = min(found, key=itemgetter(0), default=(0, "", ""))
    return name, _dotted(gateway)


def _default(fields: list[str], interface: str) -> tuple[int, str, str] | None:
    """Metric, interface and gateway of a line; None where it is no default route."""
    if len(fields) < _FIELDS or (interface and fields[0] != interface):
        return None
    name, destination, gateway, flags, _, _, metric, mask = fields[:_FIELDS]
    if not destination == mask == _ANYWHERE:
        return None
    try:
        usable = int(flags, 16) & (_UP | _REJECT) == _UP
        return (int(metric), name, gateway) if usable else None
    except ValueError:
        return None


def _dotted(text: str) -> str:
    """The kernel's hexadecimal word, in this machine's byte order; empty for none."""
    try:
        number = int(text, 16)
    except ValueError:
        return ""
    return socket.inet_ntoa(struct.pack("=I", number)) if 0 < number < 2**32 else ""


class NetworkCard:
    """A card by its name, or the default route's.

    Attributes:
        speed: Negotiated, bytes per second; None where it is unknown.
        gateway: IPv4 address of the router behind it; empty without one.
    """

    def __init__(self, name: str = "") -> None:
        found, self.gateway = default_route(name)
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
