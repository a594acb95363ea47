"""What each host asks beside its speed tests: latency to its hub, and the places that matter.

As many as there are hosts, not every host with every other: see ``mesh``. Portals are tried by one
host of each site, systems by the hub of each segment.
"""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from tramgac_collector.inventory.bounds import GATEWAY
from tramgac_collector.inventory.devices import NETWORK_KINDS
from tramgac_collector.inventory.model import Host, Inventory, Placed, Site, System
from tramgac_collector.lan.mesh import hubs_of, plan
from tramgac_collector.lan.segments import COLLECTOR

Table = dict[str, str | float | bool | list[str]]


def latency_targets(inventory: Inventory, placed: Placed) -> list[Table]:
    """The host's hubs, where systems run, and what the site's traffic passes through.

    What matters most comes first: an agent takes no more than its bound.
    """
    found: dict[str, Table] = {}
    for host in _asked_by(inventory, placed):
        found[host.id] = {"name": host.id, "address": host.address}
        if host.responder:
            found[host.id]["reflector_port"] = host.responder_port
    for one in placed.site.devices:
        if one.kind in NETWORK_KINDS and one.address:
            found[one.id] = {"name": one.id, "address": one.address}
    return list(found.values())


def _asked_by(inventory: Inventory, placed: Placed) -> Iterator[Host]:
    """Its hubs, hosts that systems run on, and hosts without agent that it reports for."""
    facility, me = placed.facility, placed.host.id
    mesh = [one.target for one in plan(inventory, facility.id) if one.host == me]
    systems = [system.host for system in facility.systems]
    silent = [host.id for site in facility.sites for host in site.hosts if host.probed_by == me]
    for name in dict.fromkeys((*mesh, *systems, *silent)):
        there = inventory.place_of(facility.id, name) if name not in {"", me, COLLECTOR} else None
        if there is not None and there.host.address:
            yield there.host


def reflect_to(inventory: Inventory, placed: Placed) -> list[str]:
    """IP addresses of the hosts that measure their latency to this one, however many."""
    facility, me = placed.facility, placed.host
    if not me.address:
        return []
    planned = {one.host for one in plan(inventory, facility.id) if one.target == me.id}
    everybody = any(system.host == me.id for system in facility.systems)
    agents = (host for site in facility.sites for host in site.hosts if not host.probed_by)
    found = [
        ip
        for host in agents
        if host.id != me.id and (everybody or host.id in planned or host.id == me.probed_by)
        for ip in _ip(host.address)
    ]
    return list(dict.fromkeys(found))


def _ip(address: str) -> list[str]:
    try:
        return [str(ipaddress.ip_address(address))]
    except ValueError:
        return []  # a name: who asks under it cannot be told from an address


def path_targets(inventory: Inventory, placed: Placed) -> list[Table]:
    """Places that this host tries to reach; its gateway with them, to tell whose fault it is."""
    found = [*_portals(inventory, placed), *_systems(placed)]
    own: list[Table] = [{"name": GATEWAY, "kind": "gateway"}] if found else []
    return [*own, *found]


def _portals(inventory: Inventory, placed: Placed) -> Iterator[Table]:
    if _speaker(placed.site) != placed.host.id:
        return
    here = f"{placed.facility.id}/{placed.site.id}"
    for portal in inventory.portals:
        if portal.sites and here not in portal.sites:
            continue
        table: Table = {"name": portal.id, "address": portal.address}
        table["kind"] = "tls" if portal.tls else "tcp"
        if portal.tls and portal.ca_file:
            table["ca_file"] = portal.ca_file
        yield table


def _speaker(site: Site) -> str:
    """Who asks for the whole site: its first hub, else its first agent."""
    agents = (host.id for host in site.hosts if not host.probed_by)
    hubs = (host.id for host in hubs_of(site).values())
    return next(hubs, next(agents, ""))


def _systems(placed: Placed) -> Iterator[Table]:
    """Systems that people behind this hub work with; who runs or asks one anyway need not."""
    me = placed.host.id
    if all(hub.id != me for hub in hubs_of(placed.site).values()):
        return
    for system in placed.facility.systems:
        address = _address_of(system)
        if address and me not in {system.host, system.prober}:
            yield {"name": system.id, "address": address}


def _address_of(system: System) -> str:
    """``host:port`` of the first probe that has one; empty where there is none."""
    for probe in system.probes:
        if probe.tcp:
            return probe.tcp
        if probe.url:
            parts = urlsplit(probe.url)
            host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
            return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    return ""
