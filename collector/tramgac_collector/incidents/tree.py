"""What depends on what: centre, facility, site, host and its parts, crossed by providers.

Nodes are named by the subjects of facts: ``facility``, ``facility/site``, ``facility/site/host``,
``facility/site/host/PART``; beside them ``system:facility/system``, ``backup:SERIES``,
``provider:id`` and ``centre``.
"""

from functools import lru_cache

from tramgac_collector.inventory.model import Facility, Inventory, System

CENTRE = "centre"
_SYSTEM, _BACKUP, _PROVIDER = "system:", "backup:", "provider:"


def system_node(facility: str, system: str) -> str:
    """Node of a system."""
    return f"{_SYSTEM}{facility}/{system}"


def backup_node(series: str) -> str:
    """Node of a backup series."""
    return f"{_BACKUP}{series}"


def provider_node(provider: str) -> str:
    """Node of a provider."""
    return f"{_PROVIDER}{provider}"


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
        self._things = {
            f"{f.id}/{site.id}/{thing.id}"
            for f in inventory.facilities
            for site in f.sites
            for thing in (*site.hosts, *site.devices)
        }
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

    def provider_of(self, node: str) -> str:
        """Node of the provider a system runs at; empty where there is none."""
        system = self.system(node)
        return provider_node(system.provider) if system is not None and system.provider else ""

    def knows(self, node: str) -> bool:
        """Whether the inventory still has it."""
        if node == CENTRE:
            return True
        if node.startswith(_PROVIDER):
            return any(provider_node(one.id) == node for one in self.inventory.providers)
        if node.startswith((_SYSTEM, _BACKUP)):
            return self._facility(node) is not None
        return self._knows_place(node)

    def _knows_place(self, node: str) -> bool:
        depth = node.count("/")
        if depth == 0:
            return self.inventory.facility(node) is not None
        return node in self._sites if depth == 1 else host_of(node) in self._things

    def where(self, node: str) -> tuple[str, str, str]:
        """Facility, site and host a node belongs to; empty where it belongs to none."""
        if node == CENTRE or node.startswith(_PROVIDER):
            return "", "", ""
        if node.startswith((_SYSTEM, _BACKUP)):
            places = (up for up in self.ancestors(node) if up.count("/") == 2)  # noqa: PLR2004 - of a host
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
        if node == CENTRE or node.startswith(_PROVIDER):
            return ()
        if node.startswith(_SYSTEM):
            return self._of_system(node)
        if node.startswith(_BACKUP):
            facility, host, *_ = node.removeprefix(_BACKUP).split("/", 2)
            return (self._place(facility, host) or facility,)
        depth = node.count("/")
        if depth == 0:
            return (CENTRE,)
        # A part's own name may have slashes.
        return (node.rpartition("/")[0] if depth <= 2 else host_of(node),)  # noqa: PLR2004 - a host has two

    def _of_system(self, node: str) -> tuple[str, ...]:
        """What it runs on, and from where it is looked at."""
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

    def _facility(self, node: str) -> Facility | None:
        return self.inventory.facility(node.partition(":")[2].partition("/")[0])
