"""Why it was silent, once whoever was silent tells: a new boot is power, the same is the line."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from tramgac_collector.facts.ledger import Fact
from tramgac_collector.incidents.board import Board
from tramgac_collector.incidents.symptoms import service_node

Get = Callable[[str, str], Fact | None]

# Boot times are derived from a clock that synchronisation moves.
_BOOT_FUZZ_MS = 60_000


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
