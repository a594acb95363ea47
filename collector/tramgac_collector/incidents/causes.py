"""Why it was silent, once whoever was silent tells: a new boot is power, the same is the line.

What devices told says more: a power supply on battery is power at once, a switch that started
anew is no line.
"""

from collections.abc import Callable, Collection, Mapping
from enum import StrEnum

from tramgac_collector.facts.devices import ON_BATTERY, UPTIME
from tramgac_collector.facts.ledger import Fact
from tramgac_collector.incidents.board import Board
from tramgac_collector.incidents.codes import DAY, MINUTE
from tramgac_collector.incidents.symptoms import service_node
from tramgac_collector.incidents.tree import Tree, site_of
from tramgac_collector.incidents.trend import value_at

Get = Callable[[str, str], Fact | None]

# Boot times are derived from a clock that synchronisation moves.
_BOOT_FUZZ_MS = 60_000
# A power supply is asked every minute; what it said later is another story.
_AFTER_MS = 3 * MINUTE
_HEARD_MS = 15 * MINUTE


class Fate(StrEnum):
    """What became of one host while it was silent."""

    RAN = "ran"
    AGENT_RESTARTED = "agent_restarted"
    RESTARTED = "restarted"
    FELL = "fell"


def fate(get: Get, place: str, called_ms: int) -> Fate | None:
    """What became of a host since its last call; None while nothing newer is known."""
    boot = get("host.boot", place)
    if boot is None or boot.value is None or boot.collected_ms <= called_ms:
        return None
    booted_ms = round(boot.value * 1000)
    if booted_ms > called_ms - _BOOT_FUZZ_MS:
        stop = get("host.stop", place)
        orderly = stop is not None and stop.collected_ms >= booted_ms and stop.value == 1
        return Fate.RESTARTED if orderly else Fate.FELL
    note = get("host.outage", place)
    restarted = note is not None and note.text == "start" and note.collected_ms > called_ms
    return Fate.AGENT_RESTARTED if restarted else Fate.RAN


_ONE_HOST = {
    Fate.AGENT_RESTARTED: "agent_stopped",
    Fate.RESTARTED: "server_restarted",
    Fate.FELL: "power_or_server",
}


def cause_of(code: str, fates: Mapping[str, Fate | None]) -> str:
    """Cause of a silence by what became of its hosts; empty while that is open."""
    known = [one for one in fates.values() if one is not None]
    if not known or len(known) < len(fates) / 2:
        return ""
    if len(fates) == 1:
        # The site's own line where nobody else is there, else the host's.
        line = "link" if code == "site_unreachable" else "host_link"
        return _ONE_HOST.get(known[0], line)
    ran = [one in {Fate.RAN, Fate.AGENT_RESTARTED} for one in known]
    if all(ran):
        return "carrier" if code == "region_link_down" else "link"
    if any(ran):
        return "unclear"
    return "orderly_stop" if set(known) == {Fate.RESTARTED} else "power"


def lost_mains(
    board: Board, tree: Tree, nodes: Collection[str], since_ms: int, until_ms: int
) -> bool:
    """Whether a power supply declared to feed one of them was on battery when they fell silent.

    Args:
        board: For what the power supplies said, the backlog included.
        tree: Says what feeds what; what nobody declared is no evidence.
        nodes: Hosts and sites.
        since_ms: Their last call.
        until_ms: When they called again, or now.
    """
    for place in tree.feeding(nodes):
        last = board.get(ON_BATTERY.name, place)
        if last is None or last.collected_ms < since_ms - _HEARD_MS:
            continue
        past = board.past(ON_BATTERY.name, place, since_ms - 30 * DAY)
        # The backlog comes from its newer end: its first line may lie late in what it tells of.
        after = next((on for at_ms, on in past if since_ms < at_ms < until_ms), 0)
        if after or value_at(past, since_ms + _AFTER_MS):
            return True
    return False


def network_restarted(board: Board, tree: Tree, site: str, since_ms: int, until_ms: int) -> bool:
    """Whether a switch, router or firewall of the site started anew in that time."""
    for place in tree.network_of(site):
        fact = board.get(UPTIME.name, place)
        if fact is None or fact.value is None:
            continue
        started_ms = fact.collected_ms - round(fact.value * 1000)
        if since_ms - _BOOT_FUZZ_MS < started_ms <= until_ms:
            return True
    return False


def by_devices(
    board: Board, tree: Tree, node: str, lost: Mapping[str, int], found: tuple[str, int]
) -> str:
    """The cause that devices tell, else what was found.

    Args:
        board: What is known.
        tree: What feeds and carries what.
        node: A silent host or site.
        lost: Last call of each host.
        found: Cause so far, and the end of the silence, ms.
    """
    cause, until_ms = found
    since_ms = max(lost.values())
    if lost_mains(board, tree, {node, *lost}, since_ms, until_ms):
        return "power"
    on_the_way = cause in {"link", "host_link"}
    if on_the_way and network_restarted(board, tree, site_of(node), since_ms, until_ms):
        return "network_restarted"
    return cause


def down_inside(board: Board, lost: Mapping[str, int], until_ms: int) -> tuple[str, ...]:
    """Hosts that fell and systems that were down while nobody could see it."""
    found: dict[str, None] = {}
    for place, called_ms in lost.items():
        if fate(board.get, place, called_ms) in {Fate.FELL, Fate.RESTARTED}:
            found[place] = None
        for subject in board.services_seen_from(place):
            past = board.past("svc.up", subject, called_ms)
            if any(called_ms < at_ms <= until_ms and not up for at_ms, up in past):
                found[service_node(subject)[0]] = None
    return tuple(found)
