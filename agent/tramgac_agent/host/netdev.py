"""Network interfaces from ``/sys/class/net`` (Documentation/ABI/testing/sysfs-class-net)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_ATTRIBUTES = ("carrier", "speed", "duplex", "carrier_changes")
# Catalogue name, direction and sysfs counter.
COUNTERS = (
    ("bytes", "receive", "rx_bytes"),
    ("bytes", "transmit", "tx_bytes"),
    ("errors", "receive", "rx_errors"),
    ("errors", "transmit", "tx_errors"),
    ("drops", "receive", "rx_dropped"),
    ("drops", "transmit", "tx_dropped"),
    ("crc_errors", "", "rx_crc_errors"),
    ("collisions", "", "collisions"),
)
_BYTES_PER_MEGABIT = 125_000
# SPEED_UNKNOWN (-1) as drivers that store it unsigned show it.
_UNKNOWN_SPEEDS = frozenset({0xFFFF, 0xFFFFFFFF})
_ETHERNET, _INFINIBAND = "1", "32"


@dataclass(frozen=True, slots=True)
class Link:
    """What the driver tells.

    Attributes:
        speed: Negotiated, bytes per second; None where the driver does not know.
        full_duplex: None where the driver does not know.
        counters: By sysfs name, those the driver has.
    """

    up: bool
    speed: int | None
    full_duplex: bool | None
    counters: Mapping[str, int] = field(default_factory=dict)


def parse_link(attributes: Mapping[str, str]) -> Link:
    """Judge the attributes of one interface.

    Args:
        attributes: Content by path below the interface's folder. What could not be read is
            left out: the kernel answers EINVAL for the carrier of an interface that is
            switched off, and for a speed nobody knows.
    """
    up = attributes.get("carrier") == "1"
    # Without a carrier some drivers repeat the last speed and veth makes one up; a driver
    # that leaves its answer zeroed seems to say "half".
    speed = _speed(attributes.get("speed", "")) if up else None
    duplex = {"full": True, "half": False}.get(attributes.get("duplex", ""))
    counters = {name.rpartition("/")[2]: text for name, text in attributes.items()}
    return Link(
        up=up,
        speed=speed,
        full_duplex=None if speed is None else duplex,
        counters={
            name: int(counters[name])
            for name in ("carrier_changes", *(source for _, _, source in COUNTERS))
            if counters.get(name, "").isdecimal()
        },
    )


def _speed(text: str) -> int | None:
    if not text.isdecimal() or int(text) in {0, *_UNKNOWN_SPEEDS}:
        return None
    return int(text) * _BYTES_PER_MEGABIT


def read_attributes(interface: Path) -> dict[str, str]:
    """Read what ``parse_link`` wants, leaving out what the driver refuses."""
    names = [*_ATTRIBUTES, *(f"statistics/{source}" for _, _, source in COUNTERS)]
    found = {name: _read(interface / name) for name in names}
    return {name: text for name, text in found.items() if text is not None}


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


def is_physical(interface: Path) -> bool:
    """Whether a cable or a hypervisor's virtual one ends here.

    Physical and paravirtual cards have a ``device``; a bond stands for its cards. Bridges,
    veth, tunnels, loopback and the virtual functions of a shared card are left out.
    """
    if (interface / "bonding").is_dir():
        return True
    if not (interface / "device").exists() or (interface / "device/physfn").exists():
        return False
    return _read(interface / "type") in {_ETHERNET, _INFINIBAND}
