"""What an agent's configuration holds: beyond it the agent would refuse what is exported."""

from collections import Counter
from collections.abc import Iterator

from tramgac_collector.inventory.model import Facility
from tramgac_collector.lan.segments import COLLECTOR

MOST_MACS, MOST_DEVICES, MOST_PROBES = 1024, 512, 32
# What agents call their site's router, whatever the inventory calls it.
GATEWAY = "gateway"


def bound_problems(facility: Facility) -> Iterator[tuple[str, str]]:
    """What no agent of the facility could take: the key, and what to do."""
    for number, system in enumerate(facility.systems):
        if system.id == GATEWAY:
            text = f"agents call their site's router `{GATEWAY}`; take another id"
            yield f"systems[{number}].id", text
    for number, site in enumerate(facility.sites):
        for at, host in enumerate(site.hosts):
            if host.id == COLLECTOR and host.responder:
                text = f"a test to `{COLLECTOR}` goes to the centre; take another id"
                yield f"sites[{number}].hosts[{at}].id", text
    yield from _too_many(facility)


def _too_many(facility: Facility) -> Iterator[tuple[str, str]]:
    devices = [one for site in facility.sites for one in site.devices]
    macs = {mac.lower().replace("-", ":") for one in devices for mac in one.macs}
    if len(macs) > MOST_MACS:
        text = f"{len(macs)} `macs` are more than the {MOST_MACS} an agent takes; name fewer"
        yield "sites", text
    asked = Counter(one.probed_by for one in devices if one.snmp is not None)
    tried = Counter(one.prober for one in facility.systems for _ in one.probes)
    for counted, what, most in ((asked, "devices", MOST_DEVICES), (tried, "probes", MOST_PROBES)):
        for host, count in counted.items():
            if count > most:
                yield (
                    "sites",
                    f"`{host}` asks {count} {what}, an agent {most}; let another ask some",
                )
