"""What a test between two ends loads: segments, the uplinks between, the lines outwards.

Names of what is loaded: ``segment:facility/site[/segment]``, ``uplink:facility/site/uplink``,
``wan:facility/site``, ``link:carrier's line``, ``collector``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from tramgac_collector.inventory.lan import Uplink
from tramgac_collector.inventory.model import Inventory, Placed, Site
from tramgac_collector.model import Owner

COLLECTOR = "collector"
BYTES_PER_MEGABIT = 125_000


class Refused(Exception):  # noqa: N818 - an outcome that is answered, not a fault
    """No lease.

    Args:
        code: Stable; docs/formats/lease.md lists them.
        retry_ms: How long to wait before asking again; 0: as long as is usual.
    """

    def __init__(self, code: str, retry_ms: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.retry_ms = retry_ms


@dataclass(frozen=True, slots=True)
class Route:
    """A test's way, as the inventory declares it.

    Attributes:
        responder: Name of the answering end.
        address: Where it answers.
        locks: Everything the test loads.
        sites: ``facility/site`` of both ends; they pay for it.
        expect: Bytes per second: the lowest that is declared for any part of the way.
        ends: The hosts at the ends; one, if the other is the collector.
    """

    responder: str
    address: str
    locks: frozenset[str]
    sites: frozenset[str]
    expect: float
    ends: tuple[Placed, ...]


def site_key(facility: str, site: str) -> str:
    """``facility/site``."""
    return f"{facility}/{site}"


def _site_of(placed: Placed) -> str:
    return site_key(placed.facility.id, placed.site.id)


def segments_of(placed: Placed) -> frozenset[str]:
    """The segment a host is in; every segment of the site where nobody has said which."""
    site = _site_of(placed)
    if not placed.site.segments:
        return frozenset({f"segment:{site}"})
    names = [placed.host.segment] if placed.host.segment else [s.id for s in placed.site.segments]
    return frozenset(f"segment:{site}/{name}" for name in names)


def _uplinks(placed: Placed) -> Iterable[Uplink]:
    """Shared lines between a host and the other segments; all of them where it is not known."""
    segment = placed.host.segment
    return [one for one in placed.site.uplinks if not segment or segment in one.segments]


def _uplink_locks(placed: Placed) -> frozenset[str]:
    return frozenset(f"uplink:{_site_of(placed)}/{one.id}" for one in _uplinks(placed))


def _lowest(ends: Iterable[Placed], *, away: bool, outwards: bool) -> float:
    declared: list[float | None] = []
    for end in ends:
        declared.append(end.host.expect_mbps)
        if away:
            declared += [one.mbps for one in _uplinks(end)]
        if outwards:
            declared.append(end.site.wan_mbps)
    if all(end.host.expect_mbps is None for end in ends):
        raise Refused("no_expectation")
    return min(one for one in declared if one is not None) * BYTES_PER_MEGABIT


def address_of(placed: Placed) -> str:
    """``host:port`` of a host's responder."""
    host, port = placed.host.address, placed.host.responder_port
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Map:
    """Routes through one inventory.

    Args:
        inventory: What is declared.
        own_address: Where the collector's own responder answers; empty: it has none.
    """

    def __init__(self, inventory: Inventory, own_address: str) -> None:
        self.inventory = inventory
        self._own_address = own_address

    @cached_property
    def _links(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for link in self.inventory.links:
            for site in link.sites:
                found.setdefault(site, set()).add(f"link:{link.id}")
        return {site: frozenset(names) for site, names in found.items()}

    def _outwards(self, placed: Placed) -> frozenset[str]:
        site = _site_of(placed)
        return _uplink_locks(placed) | {f"wan:{site}"} | self._links.get(site, frozenset())

    def route(self, owner: Owner, target: str) -> Route:
        """Both ends must be declared, and the initiator only reaches its own facility.

        Raises:
            Refused: With the reason.
        """
        near = self.inventory.place_of(owner.facility, owner.host)
        if near is None or near.site.id != owner.site:
            raise Refused("unknown_initiator")
        if target == COLLECTOR:
            return self._to_collector(near)
        far = self.inventory.place_of(owner.facility, target)
        if far is None or target == owner.host:
            raise Refused("unknown_target")
        if not (far.host.responder and far.host.address):
            raise Refused("no_responder")
        return self._between(near, far)

    def _to_collector(self, near: Placed) -> Route:
        if not self._own_address:
            raise Refused("no_responder")
        locks = segments_of(near) | self._outwards(near) | {COLLECTOR}
        expect = _lowest([near], away=True, outwards=True)
        return Route(
            COLLECTOR, self._own_address, locks, frozenset({_site_of(near)}), expect, (near,)
        )

    def _between(self, near: Placed, far: Placed) -> Route:
        """Other segments are reached over the uplinks of both, since routing is above them."""
        ends = (near, far)
        locks = segments_of(near) | segments_of(far)
        outwards = near.site.id != far.site.id
        away = outwards or len(locks) > 1
        for end in ends:
            if outwards:
                locks |= self._outwards(end)
            elif away:
                locks |= _uplink_locks(end)
        return Route(
            f"{_site_of(far)}/{far.host.id}",
            address_of(far),
            locks,
            frozenset(_site_of(end) for end in ends),
            _lowest(ends, away=away, outwards=outwards),
            ends,
        )


def undeclared(site: Site) -> list[str]:
    """Hosts of which nobody has said in which of the site's segments they are."""
    return [one.id for one in site.hosts if site.segments and not one.segment]
