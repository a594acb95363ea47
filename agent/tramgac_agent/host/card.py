"""The network card a path begins at: how fast it is, how busy it is."""

import time
from pathlib import Path

from tramgac_agent.host.netdev import Link, parse_link, read_attributes

_LOAD_SECONDS = 1.0
_NET = Path("/sys/class/net")
_ROUTES = Path("/proc/net/route")


def default_interface(routes: str) -> str:
    """Name of the default route's interface in ``/proc/net/route``; empty without one."""
    for line in routes.splitlines()[1:]:
        name, destination, *rest = line.split() or ("", "")
        # Iface Destination Gateway Flags RefCnt Use Metric Mask ...
        if destination == "00000000" and rest[5:6] == ["00000000"]:
            return name
    return ""


def _default_interface() -> str:
    try:
        return default_interface(_ROUTES.read_text(encoding="ascii"))
    except OSError:
        return ""


class NetworkCard:
    """A card by its name, or the default route's.

    Attributes:
        speed: Negotiated, bytes per second; None where it is unknown.
    """

    def __init__(self, name: str = "") -> None:
        name = name or _default_interface()
        self._path = _NET / name if name else None
        self.speed = self._link().speed

    def _link(self) -> Link:
        return parse_link(read_attributes(self._path) if self._path else {})

    def load(self) -> float:
        """Share of the speed in use during a second; 0 where the speed is unknown."""
        if self.speed is None:
            return 0.0
        before = self._link().counters
        time.sleep(_LOAD_SECONDS)
        after = self._link().counters
        moved = max(after.get(one, 0) - before.get(one, 0) for one in ("rx_bytes", "tx_bytes"))
        return moved / _LOAD_SECONDS / self.speed
