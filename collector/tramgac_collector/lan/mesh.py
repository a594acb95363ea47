"""Which paths are tested: as many as there are hosts, not every host with every other.

Each host with the hub of its segment, each hub with the site's first, each site with the
collector. The hub of a segment is the first host there that is declared as a responder. A site
without any hub tests to the first hub of another site of its facility.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tramgac_collector.inventory.model import Facility, Host, Inventory, Placed, Site
from tramgac_collector.lan.segments import BYTES_PER_MEGABIT, COLLECTOR, Map, Refused
from tramgac_collector.model import Owner

# Only ever compared and shown: where a plan's collector answers is of no interest.
_SOMEWHERE = "collector:8445"


@dataclass(frozen=True, slots=True)
class Planned:
    """One path of the plan.

    Attributes:
        host: Who begins the test.
        target: As the initiator calls it; empty when there is none.
        kind: server_hub | hub_hub | site_site | site_collector
        expect_mbps: The lowest that is declared for any part of the way; None: nothing is.
        locks: What the test loads, see ``segments``.
        why_not: Why it cannot be tested; empty: it is.
            no_hub | no_expectation | line_unknown (no ``wan_mbps`` for a line outwards)
    """

    facility: str
    site: str
    host: str
    target: str
    kind: str
    expect_mbps: float | None = None
    locks: tuple[str, ...] = ()
    why_not: str = ""


def _answers(host: Host) -> bool:
    return host.responder and bool(host.address) and not host.probed_by


def hubs_of(site: Site) -> dict[str, Host]:
    """The hub of each segment that has one; key ``""`` for hosts without segment."""
    hubs: dict[str, Host] = {}
    for host in site.hosts:
        if _answers(host):
            hubs.setdefault(host.segment, host)
    order = [segment.id for segment in site.segments]
    return {key: hubs[key] for key in (*order, "") if key in hubs}


def _first(site: Site) -> Host | None:
    return next(iter(hubs_of(site).values()), None)


def plan(inventory: Inventory, facility: str = "") -> Iterator[Planned]:
    """The whole plan, in the inventory's order.

    Args:
        inventory: What is declared.
        facility: Only this one's.
    """
    ways = Map(inventory, _SOMEWHERE)
    for one in inventory.facilities:
        if facility in {"", one.id}:
            for site in one.sites:
                yield from _site(ways, one, site)


def plan_of(inventory: Inventory, placed: Placed) -> list[Planned]:
    """What one host has to test."""
    ways = Map(inventory, _SOMEWHERE)
    found = _site(ways, placed.facility, placed.site)
    return [one for one in found if one.host == placed.host.id and not one.why_not]


def _site(ways: Map, facility: Facility, site: Site) -> Iterator[Planned]:
    agents = [host for host in site.hosts if not host.probed_by]
    hubs, first = hubs_of(site), _first(site)
    for host in agents:
        hub = hubs.get(host.segment, first)
        if hub is None:
            continue
        if hub.id != host.id:
            yield _planned(ways, Placed(facility, site, host), hub.id, "server_hub")
        elif first is not None and first.id != host.id:
            yield _planned(ways, Placed(facility, site, host), first.id, "hub_hub")
    if not agents:
        return
    speaker = Placed(facility, site, first or agents[0])
    if first is None:
        yield from _peer(ways, speaker)
    yield _planned(ways, speaker, COLLECTOR, "site_collector")


def _peer(ways: Map, speaker: Placed) -> Iterator[Planned]:
    """A site where nobody answers: its first agent tests to another site, if there is one."""
    facility, site = speaker.facility, speaker.site
    others = ((one, hub) for one in facility.sites if one.id != site.id and (hub := _first(one)))
    for other, hub in others:
        if other.wan_mbps is None:
            yield _unplanned(speaker, hub.id, "site_site", "line_unknown")
        else:
            yield _planned(ways, speaker, hub.id, "site_site")
        return
    yield _unplanned(speaker, "", "site_site", "no_hub")


def _unplanned(placed: Placed, target: str, kind: str, why_not: str) -> Planned:
    place = (placed.facility.id, placed.site.id, placed.host.id)
    return Planned(*place, target, kind, why_not=why_not)


def _planned(ways: Map, placed: Placed, target: str, kind: str) -> Planned:
    place = (placed.facility.id, placed.site.id, placed.host.id)
    if kind.startswith("site_") and placed.site.wan_mbps is None:
        # Else a fast server would load a slow line with what its own card carries.
        return _unplanned(placed, target, kind, "line_unknown")
    try:
        route = ways.route(Owner("", *place), target)
    except Refused as refused:
        return _unplanned(placed, target, kind, refused.code)
    rate = route.expect / BYTES_PER_MEGABIT
    return Planned(*place, target, kind, rate, tuple(sorted(route.locks)))
