"""What the inventory calls things, for the page of metrics."""

from collections.abc import Iterator

from tramgac_collector.inventory.base import Named
from tramgac_collector.inventory.devices import Device
from tramgac_collector.inventory.model import Facility, Host, Inventory
from tramgac_collector.live.kept import place
from tramgac_collector.live.names import Info

_FACILITY = "tramgac_facility_info"
_SITE = "tramgac_site_info"
_HOST = "tramgac_host_info"
_SYSTEM = "tramgac_system_info"


def inventory_infos(inventory: Inventory) -> Iterator[Info]:
    """A line for every facility, site, host, device and system."""
    for facility in inventory.facilities:
        here = place(facility.id)
        yield Info(_FACILITY, here, (("code", facility.code), *_names(facility)))
        yield from _of_sites(facility)
        for system in facility.systems:
            what = (("system", system.id), ("kind", system.kind), ("provider", system.provider))
            yield Info(_SYSTEM, here, (*what, *_names(system)))


def _of_sites(facility: Facility) -> Iterator[Info]:
    for site in facility.sites:
        yield Info(_SITE, place(facility.id, site.id), tuple(_names(site)))
        things: tuple[Host | Device, ...] = (*site.hosts, *site.devices)
        for one in things:
            where = place(facility.id, site.id, one.id)
            yield Info(_HOST, where, (("role", role_of(one)), *_names(one)))


def role_of(thing: Host | Device) -> str:
    """``server``, ``probe``, ``agentless`` for a host without agent, or the kind of a device.

    A NAS is a ``storage``: what people look for is where the data lie.
    """
    if isinstance(thing, Host):
        return "agentless" if thing.probed_by else thing.role
    return "storage" if thing.kind == "nas" else thing.kind


def _names(named: Named) -> Iterator[tuple[str, str]]:
    for language in ("vi", "en"):
        yield f"name_{language}", named.title(language)
