"""Who has gone silent together: hosts, whole sites, or nearly everybody.

An agent is silent 110 s after its last good call. What is taken for one cut went silent within
120 s; who was silent long before is no witness of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tramgac_collector.incidents.model import Symptom
from tramgac_collector.incidents.tree import CENTRE, site_of
from tramgac_proto.limits import SILENT_AFTER_SECONDS

SILENT_MS = int(SILENT_AFTER_SECONDS * 1000)
_WINDOW_MS = 120_000
_SITE_SHARE = 0.6
_SITE_LEAST = 2
_CENTRE_SHARE = 0.3
_CENTRE_LEAST = 4


@dataclass(frozen=True, slots=True)
class Silence:
    """Everything silent now.

    Attributes:
        hosts: Of each host that ever called whether it is silent.
        sites: Of each site.
        centre: Of all.
    """

    hosts: Mapping[str, Symptom]
    sites: Mapping[str, Symptom]
    centre: Symptom


def find_silence(calls: Mapping[str, int], now_ms: int) -> Silence:
    """Judge who is silent.

    Args:
        calls: Last good call by ``facility/site/host``, of hosts that should call.
        now_ms: Now.
    """
    sites: dict[str, dict[str, int]] = {}
    for place, called_ms in calls.items():
        sites.setdefault(site_of(place), {})[place] = called_ms
    hosts = {place: _host(place, ms, now_ms, sites) for place, ms in calls.items()}
    dark = {site: _site(site, inside, now_ms) for site, inside in sites.items()}
    return Silence(hosts, dark, _centre(dark, now_ms))


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


def _together(silent: Mapping[str, int]) -> dict[str, int]:
    newest = max(silent.values(), default=0)
    return {place: ms for place, ms in silent.items() if ms >= newest - _WINDOW_MS}


def _site(site: str, calls: Mapping[str, int], now_ms: int) -> Symptom:
    silent = {place: ms for place, ms in calls.items() if _is_silent(ms, now_ms)}
    lost = _together(silent)
    witnesses = len(calls) - len(silent) + len(lost)
    most = len(lost) >= _SITE_LEAST and len(lost) >= _SITE_SHARE * witnesses
    whole = bool(lost) and len(lost) == witnesses
    cause = "part_of_site" if not whole else "power_or_link"
    if whole and len(lost) == 1:
        cause = "power_link_or_server"
    since = max(lost.values(), default=now_ms)
    inside = tuple(sorted(lost))
    return Symptom(site, "site_unreachable", whole or most, since, cause, inside=inside, lost=lost)


def _centre(sites: Mapping[str, Symptom], now_ms: int) -> Symptom:
    """More than three in ten of at least four sites at once: rather our own line."""
    dark = {site: one.since_ms for site, one in sites.items() if one.bad}
    lost = _together(dark)
    witnesses = len(sites) - len(dark) + len(lost)
    bad = witnesses >= _CENTRE_LEAST and len(lost) > _CENTRE_SHARE * witnesses
    since = max(lost.values(), default=now_ms)
    inside = tuple(sorted(lost)) if bad else ()
    cause = "no_site_calls" if len(lost) == witnesses else "many_sites_silent"
    return Symptom(CENTRE, "collector_uplink_suspected", bad, since, cause, inside=inside)


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
