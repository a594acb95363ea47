"""What must hold between the parts of an inventory: ids once, references that lead somewhere."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tramgac_collector.backups import schedule
from tramgac_collector.inventory.base import Named
from tramgac_collector.inventory.bounds import bound_problems
from tramgac_collector.inventory.devices import device_problems
from tramgac_collector.inventory.lan import Clinic, clinic_problems
from tramgac_collector.inventory.model import (
    Dataset,
    Destination,
    Facility,
    Inventory,
    Probe,
    Site,
    System,
)

_PORTS = 65_536
_DOMAIN_WORD = re.compile(r"[A-Za-z0-9._-]{0,63}")


class Problem(NamedTuple):
    """One thing that is wrong.

    Attributes:
        path: Where, e.g. ``facilities[0].sites[1].hosts[2].id``.
        text: What, and how to mend it.
    """

    path: str
    text: str


class Known(NamedTuple):
    """Ids that references inside one facility may name."""

    hosts: set[str]
    agents: set[str]
    providers: set[str]


def find_problems(inventory: Inventory) -> list[Problem]:
    """Everything that is wrong, in the file's order."""
    providers = {provider.id for provider in inventory.providers}
    found = list(_repeated("providers", inventory.providers))
    found += _repeated("facilities", inventory.facilities)
    found += _repeated_codes(inventory)
    found += _links(inventory, providers)
    found += _portals(inventory, providers)
    found += _clinic("clinic", inventory.clinic)
    for number, facility in enumerate(inventory.facilities):
        hosts = [host for site in facility.sites for host in site.hosts]
        agents = {host.id for host in hosts if not host.probed_by}
        known = Known({host.id for host in hosts}, agents, providers)
        found += _facility(f"facilities[{number}]", facility, known)
    return found


def _repeated(path: str, items: Iterable[Named]) -> Iterator[Problem]:
    seen: set[str] = set()
    for number, item in enumerate(items):
        if item.id in seen:
            yield Problem(f"{path}[{number}].id", f"`{item.id}` is taken; give it another id")
        seen.add(item.id)


def _repeated_codes(inventory: Inventory) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for number, facility in enumerate(inventory.facilities):
        other = seen.setdefault(facility.code, facility.id)
        if other != facility.id:
            text = f"`{facility.code}` is the code of `{other}`; every facility has its own"
            yield Problem(f"facilities[{number}].code", text)


def _links(inventory: Inventory, providers: set[str]) -> Iterator[Problem]:
    yield from _repeated("links", inventory.links)
    for number, link in enumerate(inventory.links):
        path = f"links[{number}]"
        yield from _reference(f"{path}.carrier", link.carrier, providers, "provider")
        yield from _sites(path, link.sites, inventory)


def _sites(path: str, named: Iterable[str], inventory: Inventory) -> Iterator[Problem]:
    sites = {f"{f.id}/{site.id}" for f in inventory.facilities for site in f.sites}
    seen: set[str] = set()
    for at, site in enumerate(named):
        if site not in sites:
            yield Problem(f"{path}.sites[{at}]", f"no site `{site}`; write FACILITY/SITE")
        elif site in seen:
            yield Problem(f"{path}.sites[{at}]", f"`{site}` is named twice; once is enough")
        seen.add(site)


def _portals(inventory: Inventory, providers: set[str]) -> Iterator[Problem]:
    yield from _repeated("portals", inventory.portals)
    taken = {system.id for one in inventory.facilities for system in one.systems} | {"gateway"}
    for number, portal in enumerate(inventory.portals):
        path = f"portals[{number}]"
        yield from _reference(f"{path}.provider", portal.provider, providers, "provider")
        yield from _sites(path, portal.sites, inventory)
        if portal.id in taken:
            text = f"`{portal.id}` is a system's id or `gateway`; reports name either: take another"
            yield Problem(f"{path}.id", text)
        if not 0 < int(portal.address.rpartition(":")[2]) < _PORTS:
            yield Problem(f"{path}.address", "a port is a number from 1 to 65535")


def _clinic(path: str, clinic: Clinic | None) -> Iterator[Problem]:
    for key, text in clinic_problems(clinic) if clinic is not None else ():
        yield Problem(f"{path}.{key}", text)


def _facility(path: str, facility: Facility, known: Known) -> Iterator[Problem]:
    yield from _repeated(f"{path}.sites", facility.sites)
    yield from _repeated(f"{path}.datasets", facility.datasets)
    yield from _one_name_one_thing(path, facility)
    yield from _clinic(f"{path}.clinic", facility.clinic)
    for key, text in bound_problems(facility):
        yield Problem(f"{path}.{key}", text)
    for number, site in enumerate(facility.sites):
        yield from _site(f"{path}.sites[{number}]", site, known)
    for number, system in enumerate(facility.systems):
        yield from _system(f"{path}.systems[{number}]", system, known)
    for number, dataset in enumerate(facility.datasets):
        inside = f"{path}.datasets[{number}]"
        yield from _dataset(inside, dataset, known)
        systems = {system.id for system in facility.systems}
        yield from _reference(f"{inside}.of", dataset.of, systems, "system in this facility")


def _one_name_one_thing(path: str, facility: Facility) -> Iterator[Problem]:
    """Hosts, devices and systems share one set of ids, since reports name any of them."""
    seen: set[str] = set()
    things: list[tuple[str, Named]] = []
    for number, site in enumerate(facility.sites):
        inside = f"{path}.sites[{number}]"
        things += [(f"{inside}.hosts[{n}].id", host) for n, host in enumerate(site.hosts)]
        things += [(f"{inside}.devices[{n}].id", one) for n, one in enumerate(site.devices)]
    things += [(f"{path}.systems[{n}].id", one) for n, one in enumerate(facility.systems)]
    for where, thing in things:
        if thing.id in seen:
            text = (
                f"`{thing.id}` is taken in this facility; hosts, devices and systems need ids"
                f" of their own, e.g. `{thing.id}-2`"
            )
            yield Problem(where, text)
        seen.add(thing.id)


def _reference(path: str, name: str, among: set[str], what: str) -> Iterator[Problem]:
    if name and name not in among:
        near = f"; known: {', '.join(sorted(among))}" if among else "; there is none"
        yield Problem(path, f"no {what} `{name}`{near}")


def _site(path: str, site: Site, known: Known) -> Iterator[Problem]:
    yield from _repeated(f"{path}.segments", site.segments)
    yield from _repeated(f"{path}.uplinks", site.uplinks)
    yield from _clinic(f"{path}.clinic", site.clinic)
    segments = {segment.id for segment in site.segments}
    for number, uplink in enumerate(site.uplinks):
        for at, name in enumerate(uplink.segments):
            inside = f"{path}.uplinks[{number}].segments[{at}]"
            yield from _reference(inside, name, segments, "segment of this site")
    agent = "host with an agent in this facility"
    for number, host in enumerate(site.hosts):
        inside = f"{path}.hosts[{number}]"
        yield from _reference(f"{inside}.segment", host.segment, segments, "segment of this site")
        yield from _reference(f"{inside}.probed_by", host.probed_by, known.agents, agent)
        if host.responder and not host.address:
            yield Problem(f"{inside}.responder", "others cannot find it; give the host an address")
        if host.responder and host.probed_by:
            yield Problem(f"{inside}.responder", "only a host with an agent can answer tests")
    things = {one.id for one in (*site.hosts, *site.devices)}
    for number, device in enumerate(site.devices):
        inside = f"{path}.devices[{number}]"
        for key, text in device_problems(device, site.id, things):
            yield Problem(f"{inside}.{key}", text)
        yield from _reference(f"{inside}.segment", device.segment, segments, "segment of this site")
        yield from _reference(f"{inside}.probed_by", device.probed_by, known.agents, agent)


def _system(path: str, system: System, known: Known) -> Iterator[Problem]:
    agent = "host with an agent in this facility"
    yield from _reference(f"{path}.host", system.host, known.hosts, "host in this facility")
    yield from _reference(f"{path}.provider", system.provider, known.providers, "provider")
    yield from _reference(f"{path}.probed_by", system.probed_by, known.agents, agent)
    if bool(system.host) == bool(system.provider):
        yield Problem(path, "say where it runs: either `host` or `provider`")
    level = system.level
    if level is not None and level.decision and (level.number is None or level.date is None):
        yield Problem(
            f"{path}.level", "a decision has a number, a date and a level; give all three"
        )
    if system.probes and system.prober not in known.agents:
        yield Problem(f"{path}.probes", "nobody can ask it; name a host in `probed_by`")
    methods: set[str] = set()
    for number, probe in enumerate(system.probes):
        inside = f"{path}.probes[{number}]"
        yield from _probe(inside, probe, system)
        if probe.method in methods:
            yield Problem(inside, f"a second probe by {probe.method}; one of each is enough")
        methods.add(probe.method)


def _probe(path: str, probe: Probe, system: System) -> Iterator[Problem]:
    if sum(map(bool, (probe.unit, probe.tcp, probe.url))) != 1:
        yield Problem(path, "say how to ask: one of `unit`, `tcp` or `url`")
    if probe.expect_text and not probe.url:
        yield Problem(f"{path}.expect_text", "only a page has text; use `url` or leave it out")
    if probe.unit and system.prober != system.host:
        yield Problem(f"{path}.unit", "a unit is seen only by the agent on the system's own host")


def _dataset(path: str, dataset: Dataset, known: Known) -> Iterator[Problem]:
    yield from _reference(f"{path}.host", dataset.host, known.hosts, "host in this facility")
    yield from _repeated(f"{path}.destinations", dataset.destinations)
    for number, destination in enumerate(dataset.destinations):
        inside = f"{path}.destinations[{number}]"
        yield from _reference(
            f"{inside}.provider", destination.provider, known.providers, "provider"
        )
        yield from _domain(f"{inside}.domain", destination, dataset)
    if dataset.schedule is not None:
        wrong = schedule.check(dataset.schedule)
        if wrong:
            yield Problem(f"{path}.schedule", wrong)
    if dataset.copies > len(dataset.destinations):
        text = f"{dataset.copies} copies cannot lie in {len(dataset.destinations)} destinations"
        yield Problem(f"{path}.copies", f"{text}; declare more destinations or ask for fewer")
    keep, days = dataset.retention.keep_days, dataset.retention.days
    if days and keep > days:
        text = f"{keep:g} days are longer than `days`, {days:g}; nothing is kept so long"
        yield Problem(f"{path}.retention.keep_days", text)


def _domain(path: str, destination: Destination, dataset: Dataset) -> Iterator[Problem]:
    """Words that decide whether two copies are one must be words, and must not lie."""
    domain = destination.domain
    for key in ("host", "array", "building", "credentials"):
        word = getattr(domain, key)
        if not _DOMAIN_WORD.fullmatch(word):
            text = f"`{word[:60]}`: at most 63 letters, digits, `.`, `_` and `-`, no blanks"
            yield Problem(f"{path}.{key}", text)
    away = destination.kind in {"offsite", "cloud"}
    if away and domain.host and domain.host == dataset.host:
        text = f"`{destination.id}` is {destination.kind} and yet on the host the data are on"
        yield Problem(f"{path}.host", f"{text}; mend one of them")
