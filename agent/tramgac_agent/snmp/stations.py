"""Who is behind which port, by the addresses a switch has learned (RFC 4188, RFC 4363).

Addresses stay in this process: only counts leave it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from tramgac_agent.host.netdev import parse_link, read_attributes
from tramgac_agent.snmp.values import Oid, Walk, oid

BRIDGE_PORT = oid("1.3.6.1.2.1.17.1.4.1.2")  # bridge port -> ifIndex
LEARNED = oid("1.3.6.1.2.1.17.4.3.1.2")  # address -> bridge port
LEARNED_VLAN = oid("1.3.6.1.2.1.17.7.1.2.2.1.2")  # VLAN and address -> bridge port
COLUMNS = (BRIDGE_PORT, LEARNED, LEARNED_VLAN)

# With more stations than that behind it, a port leads to another switch or an access point.
MOST_ON_ACCESS_PORT = 8

_ADDRESS_PARTS = 6
_BYTE = 255
NET = Path("/sys/class/net")

Address = tuple[int, ...]


def address(text: str) -> Address:
    """``00:1a:2b:3c:4d:5e`` as a tuple.

    Raises:
        ValueError: It is no hardware address.
    """
    parts = tuple(int(part, 16) for part in text.replace("-", ":").split(":"))
    if not _is_address(parts):
        raise ValueError(f"`{text}` is no hardware address")
    return parts


def learned(walk: Walk) -> dict[int, set[Address]]:
    """Station addresses by ``ifIndex``.

    The table by VLAN is taken where there is one: many switches keep the other empty.
    """
    places = walk.numbers(BRIDGE_PORT)
    table = walk.numbers(LEARNED_VLAN) or walk.numbers(LEARNED)
    found: dict[int, set[Address]] = {}
    for index, port in table.items():
        station = index[-_ADDRESS_PARTS:]
        place = places.get((port,))
        # Port 0 is "not known"; group addresses (lowest bit of the first byte) are nobody's.
        if place is not None and port > 0 and _is_address(station) and not station[0] & 1:
            found.setdefault(place, set()).add(station)
    return found


def _is_address(parts: Oid) -> bool:
    return len(parts) == _ADDRESS_PARTS and all(0 <= part <= _BYTE for part in parts)


def own_cards(net: Path = NET) -> Mapping[Address, bool]:
    """Address and duplex (True is full) of this host's cards, where the driver knows it."""
    return dict(_cards(net)) if net.is_dir() else {}


def _cards(net: Path) -> Iterator[tuple[Address, bool]]:
    for path in net.iterdir():
        link = parse_link(read_attributes(path))
        try:
            station = address((path / "address").read_text(encoding="ascii").strip())
        except (OSError, ValueError):
            continue
        if link.full_duplex is not None and any(station):
            yield station, link.full_duplex
