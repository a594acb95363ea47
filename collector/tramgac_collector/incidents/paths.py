"""Findings on paths: places that are not reached, and paths that are bad in one direction.

That a portal is down is told apart from a line that is down by asking all who try it: where another
site reaches it, it is the line; where nobody does, it is the portal, one incident for all of them.
Pure detectors of the registry.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from tramgac_collector.facts.ledger import Fact
from tramgac_collector.facts.mapping import AGENT_SEEN
from tramgac_collector.incidents.codes import MINUTE
from tramgac_collector.incidents.model import Symptom
from tramgac_collector.incidents.silence import SILENT_MS
from tramgac_collector.incidents.symptoms import OF_HOSTS, Detector, Look, expiring
from tramgac_collector.incidents.tree import host_of, portal_node, site_of, system_node
from tramgac_collector.inventory.bounds import GATEWAY
from tramgac_proto.pathmetrics import DIRECTIONS

REACH, STAGE, ENDS = "net.path.reach", "net.path.stage", "net.path.tls"
LOST, QUEUE = "net.path.lost", "net.path.queue"
CODE = "path_down"
# The store shows what was only confirmed, and who called, so much later.
_LAG_MS = 6 * MINUTE
_CALL_LAG_MS = 30_000
# One direction is to blame where the other has less than this share of it.
_OTHER = 0.25
_LEAST_LOST = 0.02
_LEAST_QUEUE_SECONDS = 0.005


def target_of(subject: str) -> str:
    """The target of a fact about a host's way to it."""
    return subject[len(host_of(subject)) + 1 :]


class _Views(NamedTuple):
    """Who reaches a place and who does not: since when each host sees it so, ms."""

    up: dict[str, int]
    down: dict[str, int]

    @property
    def down_sites(self) -> list[str]:
        """Sites from which it is not reached."""
        return sorted({site_of(host) for host in self.down})


def _facts(look: Look, facility: str) -> Iterator[Fact]:
    """What hosts of a facility that call say of their places now."""
    for subject, fact in look.named(facility, REACH).items():
        call = look.get(AGENT_SEEN.name, host_of(subject))
        calls = call is not None and call.collected_ms + SILENT_MS + _CALL_LAG_MS > look.now_ms
        if calls and fact.value is not None and fact.expires_ms + _LAG_MS > look.now_ms:
            yield fact


def _views(target: str, facility: str, look: Look) -> _Views:
    """How a portal is seen from everywhere, any other place from its facility."""
    inventory = look.tree.inventory
    shared = inventory.portal(target) is not None
    places = [one.id for one in inventory.facilities] if shared else [facility]
    views = _Views({}, {})
    for place in places:
        for fact in _facts(look, place):
            if target_of(fact.subject) == target:
                side = views.up if fact.value else views.down
                side[host_of(fact.subject)] = fact.collected_ms
    return views


def _portals_from(site: str, look: Look) -> dict[str, bool]:
    """Portals tried from a site, and whether any host of it reaches each."""
    found: dict[str, bool] = {}
    for fact in _facts(look, site.partition("/")[0]):
        target = target_of(fact.subject)
        if site_of(fact.subject) == site and look.tree.inventory.portal(target) is not None:
            found[target] = found.get(target, False) or bool(fact.value)
    return found


def _own_line(site: str, look: Look) -> bool:
    """Whether a site that nobody can be compared with reaches none of several portals."""
    portals = _portals_from(site, look)
    return len(portals) > 1 and not any(portals.values())


def _gateway_down(host: str, look: Look) -> bool:
    """Whether its gateway is missed now; one past which it reaches something is only shy."""
    gateway = look.get(REACH, f"{host}/{GATEWAY}")
    if gateway is None or gateway.value != 0 or gateway.expires_ms + _LAG_MS <= look.now_ms:
        return False
    return not any(_portals_from(site_of(host), look).values())


def _far_end(fact: Fact, _value: float, _before: bool, look: Look) -> Symptom:  # noqa: FBT001 - a detector
    """Of the place itself: nobody reaches it, and it is nobody's own line."""
    target, facility = target_of(fact.subject), fact.subject.partition("/")[0]
    views = _views(target, facility, look)
    since = min(views.down.values(), default=fact.collected_ms)
    sites = tuple(views.down_sites)
    if look.tree.inventory.portal(target) is not None:
        bad, cause = _portal(views, look)
        return Symptom(
            portal_node(target), CODE, bad, since, cause, inside=sites if bad else (),
        )  # fmt: skip
    node = system_node(facility, target)
    if look.tree.system(node) is None:
        node = fact.subject
    alone = bool(views.down) and not views.up and target != GATEWAY
    bad = alone and not _service_down(facility, target, look)
    return Symptom(node, CODE, bad, since, "far_end" if len(views.down) > 1 else "line_or_far_end")


def _portal(views: _Views, look: Look) -> tuple[bool, str]:
    sites = {site_of(host) for host in views.down if not _gateway_down(host, look)}
    if views.up or not sites:
        return False, ""
    if len(sites) > 1:
        return True, "far_end"
    (only,) = sites
    if _own_line(only, look):
        return False, ""
    reaches_another = any(_portals_from(only, look).values())
    return True, "far_end" if reaches_another else "line_or_far_end"


def _service_down(facility: str, system: str, look: Look) -> bool:
    """Whether a system is known to be down: then that is told, not the way to it."""
    for subject, fact in look.named(facility, "svc.up").items():
        if target_of(subject).rpartition(":")[0] == system and fact.value == 0:
            return True
    return False


def _near_end(fact: Fact, _value: float, _before: bool, look: Look) -> Symptom:  # noqa: FBT001
    """Of a site's own line or network: what others reach, it does not."""
    site = site_of(fact.subject)
    causes: set[str] = set()
    lost: dict[str, int] = {}
    for one in _facts(look, site.partition("/")[0]):
        target = target_of(one.subject)
        if site_of(one.subject) != site or one.value or target == GATEWAY:
            continue
        cause = _blame(one, target, look)
        if cause:
            causes.add(cause)
            lost[target] = min(one.collected_ms, lost.get(target, one.collected_ms))
    cause = next(
        (one for one in ("gateway", "line", "line_likely", "segment") if one in causes), ""
    )
    since = min(lost.values(), default=fact.collected_ms)
    named = tuple(_node(site, target, look) for target in sorted(lost))
    text = " ".join(sorted(lost))
    return Symptom(site, CODE, bool(lost), since, cause, detail=text, inside=named)


def _node(site: str, target: str, look: Look) -> str:
    """What people know a place by."""
    if look.tree.inventory.portal(target) is not None:
        return portal_node(target)
    return system_node(site.partition("/")[0], target)


def _blame(fact: Fact, target: str, look: Look) -> str:
    """What of the site keeps a host from a place; empty where it is not the site's."""
    host = host_of(fact.subject)
    portal = look.tree.inventory.portal(target) is not None
    views = _views(target, fact.subject.partition("/")[0], look)
    if not portal:
        return "segment" if views.up else ""
    if any(site_of(other) == site_of(host) for other in views.up):
        return "segment"
    if _gateway_down(host, look):
        return "gateway"
    if views.up:
        return "line"
    alone = len(views.down_sites) == 1 and _own_line(site_of(host), look)
    return "line_likely" if alone else ""


def _ends(fact: Fact, value: float, _before: bool, look: Look) -> Symptom:  # noqa: FBT001
    """A portal's certificate that nobody has renewed, whoever sees it."""
    target = target_of(fact.subject)
    shared = look.tree.inventory.portal(target) is not None
    node = portal_node(target) if shared else fact.subject
    return expiring(node, round(value * 1000), fact.collected_ms, look.now_ms)


def _sides(fact: Fact, name: str, look: Look) -> dict[str, float]:
    """What a reflector says of the two directions of the path of ``fact``."""
    target = target_of(fact.subject).rpartition(":")[0]
    found = {}
    for way in DIRECTIONS:
        side = look.get(name, f"{host_of(fact.subject)}/{target}:{way}")
        if side is None or side.value is None or side.expires_ms + _LAG_MS <= look.now_ms:
            return {}
        found[way] = side.value
    return found


def _one_sided(sides: Mapping[str, float], least: float) -> str:
    """The direction that is to blame; empty where it is both, or not known."""
    if not sides:
        return ""
    worse = max(sides, key=lambda way: sides[way])
    other = min(sides.values())
    return worse if sides[worse] >= least and other <= _OTHER * sides[worse] else ""


def _loss(fact: Fact, value: float, before: bool, look: Look) -> Symptom:  # noqa: FBT001
    """Loss, and whether it is one direction's."""
    found = OF_HOSTS["net.path.loss"](fact, value, before, look)
    way = _one_sided(_sides(fact, LOST, look), _LEAST_LOST) if found.bad else ""
    return replace(found, code="path_one_way", cause=f"loss_{way}") if way else found


def _slow(fact: Fact, value: float, before: bool, look: Look) -> Symptom:  # noqa: FBT001
    """Latency, and whether packets wait in one direction only."""
    found = OF_HOSTS["net.path.rtt"](fact, value, before, look)
    way = _one_sided(_sides(fact, QUEUE, look), _LEAST_QUEUE_SECONDS) if found.bad else ""
    return replace(found, cause=f"queue_{way}") if way else found


OF_PATHS: Mapping[str, Detector] = {
    REACH: _far_end,
    STAGE: _near_end,
    ENDS: _ends,
    "net.path.loss": _loss,
    "net.path.rtt": _slow,
}
