"""What depends on what: centre, facility, site, host and its parts, crossed by providers.

Nodes are named by the subjects of facts: ``facility``, ``facility/site``, ``facility/site/host``,
``facility/site/host/PART``, where a device stands like a host; beside them
``system:facility/system``, ``backup:SERIES``, ``provider:id``, ``portal:id``, ``link:id`` and
``centre``.
"""

from collections.abc import Collection
from functools import lru_cache

from tramgac_collector.inventory.devices import NETWORK_KINDS, Device
from tramgac_collector.inventory.model import Inventory, System
from tramgac_collector.inventory.shared import Provider

CENTRE = "centre"
_SYSTEM, _BACKUP, _PROVIDER, _LINK = "system:", "backup:", "provider:", "link:"
_PORTAL = "portal:"
# Depth of a host, or a device, in a place's path.
_HOST = 2


def system_node(facility: str, system: str) -> str:
    """Node of a system."""
    return f"{_SYSTEM}{facility}/{system}"


def backup_node(series: str) -> str:
    """Node of a backup series."""
    return f"{_BACKUP}{series}"


def provider_node(provider: str) -> str:
    """Node of a provider."""
    return f"{_PROVIDER}{provider}"


def link_node(link: str) -> str:
    """Node of a carrier's line."""
    return f"{_LINK}{link}"


def portal_node(portal: str) -> str:
    """Node of a place outside that many sites need."""
    return f"{_PORTAL}{portal}"


def is_part(node: str) -> bool:
    """Whether it is a part of a host or a device: the inventory does not name these."""
    return ":" not in node.partition("/")[0] and node.count("/") > _HOST


def site_of(place: str) -> str:
    """``facility/site`` of a host or a part of one."""
    return "/".join(place.split("/", 2)[:2])


def host_of(subject: str) -> str:
    """``facility/site/host`` of a part of a host."""
    return "/".join(subject.split("/", 3)[:3])


class Tree:
    """The inventory as what takes what down with it."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self._systems = {
            system_node(facility.id, system.id): (facility, system)
            for facility in inventory.facilities
            for system in facility.systems
        }
        self._sites = {f"{f.id}/{site.id}" for f in inventory.facilities for site in f.sites}
        # What a host, or a device by its kind, is.
        self._things: dict[str, str] = {
            f"{f.id}/{site.id}/{thing.id}": getattr(thing, "kind", "host")
            for f in inventory.facilities
            for site in f.sites
            for thing in (*site.hosts, *site.devices)
        }
        self._devices: dict[str, Device] = {
            f"{f.id}/{site.id}/{device.id}": device
            for f in inventory.facilities
            for site in f.sites
            for device in site.devices
        }
        self._network: dict[str, list[str]] = {}
        for place, one in self._devices.items():
            if one.kind in NETWORK_KINDS:
                self._network.setdefault(site_of(place), []).append(place)
        self._series = {backup_node(series.id) for series in inventory.all_series()}
        self._shared = {provider_node(one.id): one for one in inventory.providers}
        self._portals = {portal_node(one.id): one for one in inventory.portals}
        self._links = {link_node(one.id): one for one in inventory.links}
        self.link_of = {site: link_node(one.id) for site, one in inventory.link_of.items()}
        self.ancestors = lru_cache(maxsize=20_000)(self._ancestors)

    def system(self, node: str) -> System | None:
        """A declared system."""
        found = self._systems.get(node)
        return None if found is None else found[1]

    def systems_on(self, place: str) -> list[str]:
        """Declared systems that run on a host."""
        return [
            node
            for node, (facility, system) in self._systems.items()
            if system.host and self._place(facility.id, system.host) == place
        ]

    def feeding(self, nodes: Collection[str]) -> list[str]:
        """Power supplies declared to feed any of these hosts, devices, or sites."""
        found = []
        for place, one in self._devices.items():
            site = site_of(place)
            fed = {site if power == site.partition("/")[2] else f"{site}/{power}"
                   for power in one.powers}  # fmt: skip
            # What a site's own network gear hangs on takes the site with it.
            gear = any(self.kind(each) in NETWORK_KINDS for each in fed)
            if not fed.isdisjoint(nodes) or (gear and site in nodes):
                found.append(place)
        return found

    def network_of(self, site: str) -> list[str]:
        """Switches, routers and firewalls of a site."""
        return self._network.get(site, [])

    def provider_of(self, node: str) -> str:
        """Node of the provider a system or portal is at; empty where there is none."""
        found = self.system(node) or self._portals.get(node)
        return provider_node(found.provider) if found is not None and found.provider else ""

    def carrier_of(self, node: str) -> Provider | None:
        """Who mends it: of a portal its provider, of a link its carrier, or the provider itself."""
        link = self._links.get(node)
        if node in self._portals:
            node = self.provider_of(node)
        return self._shared.get(node if link is None else provider_node(link.carrier))

    def knows(self, node: str) -> bool:
        """Whether the inventory still has it; of a part, what it is a part of."""
        if ":" in node.partition("/")[0]:
            return any(node in found for found in (self._systems, self._series, self._shared)) or (
                node in self._links or node in self._portals
            )
        depth = node.count("/")
        if depth == 0:
            return node == CENTRE or self.inventory.facility(node) is not None
        return node in self._sites if depth == 1 else host_of(node) in self._things

    def kind(self, node: str) -> str:
        """What a node is: its prefix, ``centre``, ``facility``, ``site``, ``host`` or ``part``.

        A device is named by its kind: ``switch``, ``ups``, ``printer``...; empty where unknown.
        """
        prefix, colon, _ = node.partition("/")[0].partition(":")
        if colon or node == CENTRE:
            return prefix
        if is_part(node):
            return "part"
        return self._things.get(node, "") or ("facility", "site", "")[min(node.count("/"), _HOST)]

    def where(self, node: str) -> tuple[str, str, str]:
        """Facility, site and host a node belongs to; empty where it belongs to none."""
        if node == CENTRE or node.startswith((_PROVIDER, _PORTAL, _LINK)):
            return "", "", ""
        if node.startswith((_SYSTEM, _BACKUP)):
            places = (up for up in self.ancestors(node) if up.count("/") == _HOST)
            facility, site, host = (*next(places, "").split("/"), "", "")[:3]
            return facility or node.partition(":")[2].partition("/")[0], site, host
        facility, site, host = (*node.split("/", 3), "", "", "")[:3]
        return facility, site, host

    def _ancestors(self, node: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        waiting = list(self._parents(node))
        while waiting:
            parent = waiting.pop(0)
            if parent not in found:
                found[parent] = None
                waiting += self._parents(parent)
        return tuple(found)

    def _parents(self, node: str) -> tuple[str, ...]:
        if node == CENTRE or node.startswith((_PROVIDER, _LINK)):
            return ()
        if node.startswith((_SYSTEM, _PORTAL)):
            return self._of_system(node)
        if node.startswith(_BACKUP):
            facility, host, *_ = node.removeprefix(_BACKUP).split("/", 2)
            return (self._place(facility, host) or facility,)
        depth = node.count("/")
        if depth == 0:
            return (CENTRE,)
        if depth == 1:
            link = self.link_of.get(node)
            return (node.partition("/")[0], *((link,) if link else ()))
        # A part's own name may have slashes.
        above = node.rpartition("/")[0] if depth == _HOST else host_of(node)
        return (above, *self._prober(node))

    def _prober(self, node: str) -> tuple[str, ...]:
        """The host that asks a device: nothing else knows of it."""
        device = self._devices.get(node)
        asked_by = "" if device is None else device.probed_by
        place = self._place(node.partition("/")[0], asked_by) if asked_by else ""
        return (place,) if place else ()

    def _of_system(self, node: str) -> tuple[str, ...]:
        """What it runs on, and from where it is looked at; a portal is looked at from all over."""
        if node in self._portals:
            return tuple(filter(None, (self.provider_of(node),)))
        facility = node.removeprefix(_SYSTEM).partition("/")[0]
        system = self.system(node)
        if system is None:
            return (facility,)
        places = (self._place(facility, one) for one in (system.host, system.prober) if one)
        provider = self.provider_of(node)
        found = [one for one in (provider, *places) if one]
        return tuple(dict.fromkeys(found)) or (facility,)

    def _place(self, facility: str, host: str) -> str:
        placed = self.inventory.place_of(facility, host)
        return "" if placed is None else f"{facility}/{placed.site.id}/{host}"
