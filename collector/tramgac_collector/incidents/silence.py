"""Who has gone silent together: hosts, whole sites, what hangs on one line, or nearly everybody.

An agent is silent 110 s after its last good call. What is taken for one cut went silent within
120 s; who was silent long before is no witness of it, and who goes silent later does not end it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from tramgac_collector.incidents.model import Symptom
from tramgac_collector.incidents.tree import CENTRE, site_of
from tramgac_proto.limits import SILENT_AFTER_SECONDS

SILENT_MS = int(SILENT_AFTER_SECONDS * 1000)
_WINDOW_MS = 120_000


@dataclass(frozen=True, slots=True)
class Silence:
    """Everything silent now.

    Attributes:
        hosts: Of each host that ever called whether it is silent.
        sites: Of each site.
        links: Of each carrier's line.
        centre: Of all.
    """

    hosts: Mapping[str, Symptom]
    sites: Mapping[str, Symptom]
    links: Mapping[str, Symptom]
    centre: Symptom


def find_silence(calls: Mapping[str, int], link_of: Mapping[str, str], now_ms: int) -> Silence:
    """Judge who is silent.

    Args:
        calls: Last good call by ``facility/site/host``, of hosts that should call.
        link_of: Node of the one line that a site hangs on, by site.
        now_ms: Now.
    """
    sites: dict[str, dict[str, int]] = {}
    for place, called_ms in calls.items():
        sites.setdefault(site_of(place), {})[place] = called_ms
    hosts = {place: _host(place, ms, now_ms, sites) for place, ms in calls.items()}
    dark = {site: _site(site, inside, now_ms) for site, inside in sites.items()}
    links = _links(dark, link_of, now_ms)
    return Silence(hosts, dark, links, _centre(dark, links, now_ms))


def _is_silent(called_ms: int, now_ms: int) -> bool:
    return called_ms + SILENT_MS <= now_ms


def _host(
    place: str, called_ms: int, now_ms: int, sites: Mapping[str, Mapping[str, int]]
) -> Symptom:
    bad = _is_silent(called_ms, now_ms)
    others = sites[site_of(place)]
    heard = any(not _is_silent(ms, now_ms) for other, ms in others.items() if other != place)
    # Where others call, power and line of the site are good.
    cause = "server_or_agent" if heard else "power_link_or_server"
    return Symptom(place, "agent_silent", bad, called_ms, cause, lost={place: called_ms})


class _Cut(NamedTuple):
    """Who went silent together; empty where too few did.

    Attributes:
        since_ms: Newest last call of the first who did.
    """

    lost: dict[str, int]
    since_ms: int


class _Enough(NamedTuple):
    """How many must go silent together to be one cut.

    Attributes:
        least: So many,
        share: and this part of all who called until then,
        among: of whom there must be so many.
        last: Whether fewer are enough where they were all that still called.
    """

    least: int
    share: float
    among: int = 1
    last: bool = False

    def met(self, together: int, witnesses: int) -> bool:
        """Whether they are enough."""
        if self.last and together == witnesses:
            return True
        most = together >= self.least and together >= self.share * witnesses
        return most and witnesses >= self.among


_OF_SITE = _Enough(2, 0.6, last=True)
_OF_LINK = _Enough(2, 0.0)
# More than three in ten, not as much.
_OF_CENTRE = _Enough(1, 0.3 + 1e-9, among=4)


def _cut(silent: Mapping[str, int], callers: int, enough: _Enough) -> _Cut:
    """Find those who went silent within 120 s of each other, were they enough at that time.

    Args:
        silent: Last call of each.
        callers: How many still call.
        enough: How many it takes.
    """
    steps = sorted((ms, name) for name, ms in silent.items())
    times = [ms for ms, _ in steps]
    found: dict[str, int] = {}
    since: int | None = None
    for end, (ms, _) in enumerate(steps, 1):
        begin = bisect_left(times, ms - _WINDOW_MS)
        together, witnesses = end - begin, callers + len(steps) - begin
        if enough.met(together, witnesses):
            found.update((name, at) for at, name in steps[begin:end])
            if since is None:
                since = times[bisect_right(times, ms + _WINDOW_MS) - 1]
    return _Cut(found, since or 0)


def _site(site: str, calls: Mapping[str, int], now_ms: int) -> Symptom:
    silent = {place: ms for place, ms in calls.items() if _is_silent(ms, now_ms)}
    callers = len(calls) - len(silent)
    lost, since = _cut(silent, callers, _OF_SITE)
    cause = "part_of_site" if callers else "power_or_link"
    if not callers and len(lost) == 1:
        cause = "power_link_or_server"
    inside, bad = tuple(sorted(lost)), bool(lost)
    return Symptom(
        site, "site_unreachable", bad, since if bad else now_ms, cause, inside=inside, lost=lost
    )


def _links(
    sites: Mapping[str, Symptom], link_of: Mapping[str, str], now_ms: int
) -> dict[str, Symptom]:
    """Lines of which two sites or more went silent together."""
    found: dict[str, dict[str, Symptom]] = {}
    for site, one in sites.items():
        if site in link_of:
            found.setdefault(link_of[site], {})[site] = one
    return {link: _link(link, inside, now_ms) for link, inside in found.items()}


def _link(link: str, sites: Mapping[str, Symptom], now_ms: int) -> Symptom:
    dark = {site: one.since_ms for site, one in sites.items() if one.bad}
    cut, since = _cut(dark, len(sites) - len(dark), _OF_LINK)
    calls = {place: ms for site in cut for place, ms in sites[site].lost.items()}
    inside, bad = tuple(sorted(cut)), bool(cut)
    since = since if bad else now_ms
    return Symptom(link, "region_link_down", bad, since, "carrier", inside=inside, lost=calls)


def _centre(sites: Mapping[str, Symptom], links: Mapping[str, Symptom], now_ms: int) -> Symptom:
    """More than three in ten of at least four sites at once: rather our own line.

    Sites cut off with one line count as one, unless nobody calls at all.
    """
    dark = {site: one.since_ms for site, one in sites.items() if one.bad}
    callers = len(sites) - len(dark)
    units: dict[str, tuple[str, ...]] = {site: (site,) for site in dark}
    for link, one in links.items() if callers else ():
        if one.bad:
            units[link] = one.inside
            for site in one.inside:
                del units[site]
    times = {unit: max(dark[site] for site in inside) for unit, inside in units.items()}
    cut, since = _cut(times, callers, _OF_CENTRE)
    lost = tuple(sorted(site for unit in cut for site in units[unit]))
    cause = "many_sites_silent" if callers else "no_site_calls"
    return Symptom(
        CENTRE, "collector_uplink_suspected", bool(lost), since if lost else now_ms, cause,
        inside=lost,
    )  # fmt: skip


def providers(systems: Iterable[tuple[str, str, Symptom]]) -> dict[str, Symptom]:
    """Providers at which systems of two facilities or more are down.

    Args:
        systems: Provider's node, facility and finding of each system that is looked at there.
    """
    found: dict[str, list[tuple[str, Symptom]]] = {}
    for provider, facility, symptom in systems:
        found.setdefault(provider, []).append((facility, symptom))
    return {provider: _provider(provider, inside) for provider, inside in found.items()}


def _provider(provider: str, inside: list[tuple[str, Symptom]]) -> Symptom:
    first: dict[str, int] = {}
    for facility, one in inside:
        if one.bad:
            first[facility] = min(one.since_ms, first.get(facility, one.since_ms))
    down = tuple(sorted(one.node for _, one in inside if one.bad))
    bad = len(first) >= 2  # noqa: PLR2004 - one facility may have lost its own way there
    # It is the provider's since the second facility saw it.
    since = sorted(first.values())[1] if bad else max(one.since_ms for _, one in inside)
    return Symptom(provider, "provider_down", bad, since, inside=down)
