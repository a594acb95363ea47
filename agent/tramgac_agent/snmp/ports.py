"""One port of a switch: what is wrong with it, held against its own past.

Every question has three answers: bad, well, and nothing to be said. Only the first two count
towards opening and closing a finding, so a quiet port neither gets one nor loses one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from tramgac_agent.snmp.counters import Counters, Growth, growth, share, utilization

DAY_SECONDS = 86_400
# A port is compared with the best it had in so long.
BEST_SECONDS = 30 * DAY_SECONDS
# So long after its last trouble a port is still told of, well or not.
TOLD_SECONDS = 7 * DAY_SECONDS

# Less traffic proves nothing: a share of few frames is chance.
LEAST_PACKETS = 1_000
# A computer that sleeps waits for its wake-up call at 10 or 100 Mbit/s, and sends next to nothing.
AWAKE_OCTETS = 100_000
BAD_ERRORS, GOOD_ERRORS = 1e-4, 1e-5
LEAST_ERRORS = 10
BAD_DISCARDS, GOOD_DISCARDS = 1e-3, 1e-4
BAD_USE, GOOD_USE = 0.85, 0.70


@dataclass(frozen=True, slots=True)
class Port:
    """A port now; None is not told.

    Attributes:
        name: ``ifName``: it stays when ``ifIndex`` is given out anew.
        enabled: Somebody wants it to work.
        mbps: Negotiated, while it is up.
        changed: ``ifLastChange``, ticks.
        expect_mbps: Declared; None: its own best counts.
        peer_full_duplex: What the card at its other end says of itself.
    """

    name: str
    up: bool
    enabled: bool
    mbps: float | None
    full_duplex: bool | None
    counters: Counters
    changed: int | None = None
    expect_mbps: float | None = None
    peer_full_duplex: bool | None = None


class Trouble(msgspec.Struct, array_like=True):
    """One finding of one port.

    Attributes:
        streak: How often running it was bad, or, below zero, well.
        since: When it opened, unix seconds; 0 while it is closed.
        last: When it was last open; 0 means never.
    """

    streak: int = 0
    since: int = 0
    last: int = 0


class PortMemory(msgspec.Struct, omit_defaults=True):
    """What is kept of a port.

    Attributes:
        best: Highest speed it held for two looks in 30 days, Mbit/s; ``best_at`` when last.
        was: Speed at the last look.
        seen: When it was last in an answer, unix seconds; ``up_at``: when it had a carrier.
    """

    counters: Counters | None = None
    best: float = 0.0
    best_at: int = 0
    was: float = 0.0
    changed: int | None = None
    seen: int = 0
    up_at: int = 0
    troubles: dict[str, Trouble] = {}


class Seen(NamedTuple):
    """A port, how its counters grew, and what it should carry, Mbit/s."""

    port: Port
    grown: Growth | None
    expected: float | None
    changed: bool | None


Answer = bool | None


def _half_duplex(seen: Seen) -> Answer:
    full = seen.port.full_duplex
    return None if full is None or not seen.port.up else not full


def _slowed(seen: Seen) -> Answer:
    mbps, expected, grown = seen.port.mbps, seen.expected, seen.grown
    if not mbps or expected is None:
        return None
    if mbps >= expected:
        return False
    awake = grown is not None and (grown.octets_in or 0) >= AWAKE_OCTETS
    return True if awake else None


def _errors(seen: Seen) -> Answer:
    grown = seen.grown
    if grown is None or grown.errors is None:
        return None
    part = share(grown.errors, grown.packets_in)
    if part is None or grown.errors + (grown.packets_in or 0) < LEAST_PACKETS:
        return None
    if grown.errors >= LEAST_ERRORS and part >= BAD_ERRORS:
        return True
    return False if part < GOOD_ERRORS else None


def _late_collisions(seen: Seen) -> Answer:
    grown = seen.grown
    if grown is None or grown.late is None:
        return None
    return grown.late > 0 or (None if (grown.packets_out or 0) < LEAST_PACKETS else False)


def _duplex_mismatch(seen: Seen) -> Answer:
    """The half side sees late collisions, the full side frames with a bad checksum."""
    full, peer = seen.port.full_duplex, seen.port.peer_full_duplex
    if full is None or not seen.port.up:
        return None
    if peer is not None:
        return full != peer
    late = _late_collisions(seen)
    return late if not full else False


def _discards(seen: Seen) -> Answer:
    grown = seen.grown
    part = None if grown is None else share(grown.discards, grown.packets_out)
    if grown is None or part is None or (grown.packets_out or 0) < LEAST_PACKETS:
        return None
    return True if part >= BAD_DISCARDS else False if part < GOOD_DISCARDS else None


def _overloaded(seen: Seen) -> Answer:
    used = [one for one in used_shares(seen) if one is not None]
    if not used:
        return None
    return True if max(used) >= BAD_USE else False if max(used) < GOOD_USE else None


def _flapping(seen: Seen) -> Answer:
    return seen.changed


class _Finding(NamedTuple):
    """How a finding is asked for, and after how many answers running it opens and closes."""

    ask: Callable[[Seen], Answer]
    opens: int
    closes: int


FINDINGS: dict[str, _Finding] = {
    "half_duplex": _Finding(_half_duplex, 2, 1),
    "slowed": _Finding(_slowed, 2, 1),
    "errors": _Finding(_errors, 2, 3),
    "late_collisions": _Finding(_late_collisions, 2, 3),
    "duplex_mismatch": _Finding(_duplex_mismatch, 2, 2),
    "discards": _Finding(_discards, 2, 3),
    "overloaded": _Finding(_overloaded, 3, 3),
    "flapping": _Finding(_flapping, 3, 6),
}


def used_shares(seen: Seen) -> tuple[float | None, float | None]:
    """Share of the speed in use, in and out."""
    port, grown = seen.port, seen.grown
    if grown is None:
        return None, None
    into = utilization(grown.octets_in, grown.seconds, port.mbps)
    return into, utilization(grown.octets_out, grown.seconds, port.mbps)


def look(port: Port, memory: PortMemory, now: int) -> Seen:
    """Hold a port against its past, and note it.

    Args:
        port: As it answered.
        memory: Of this port; changed.
        now: Unix seconds.
    """
    grown = _growth(port, memory, now)
    known = memory.changed is not None and port.changed is not None
    changed = port.changed != memory.changed if known else None
    _learn(port, memory, now)
    expected = port.expect_mbps or memory.best or None
    seen = Seen(port, grown, expected, changed)
    memory.counters, memory.changed, memory.seen = port.counters, port.changed, now
    if port.up or not memory.up_at:
        memory.up_at = now
    # What nobody uses any more is nobody's trouble.
    if not port.enabled or now - memory.up_at > TOLD_SECONDS:
        memory.troubles.clear()
    else:
        for code, finding in FINDINGS.items():
            _note(memory.troubles, code, finding, finding.ask(seen), now)
    return seen


def _growth(port: Port, memory: PortMemory, now: int) -> Growth | None:
    return growth(memory.counters, port.counters, now - memory.seen) if port.up else None


def _learn(port: Port, memory: PortMemory, now: int) -> None:
    """A speed counts once it was held for two looks; a best nobody saw for 30 days is history."""
    if not port.mbps:
        return
    held = port.mbps == memory.was
    if held and (port.mbps >= memory.best or now - memory.best_at > BEST_SECONDS):
        memory.best, memory.best_at = port.mbps, now
    memory.was = port.mbps


def _note(
    troubles: dict[str, Trouble], code: str, finding: _Finding, answer: Answer, now: int
) -> None:
    trouble = troubles.get(code)
    if trouble is None:
        if not answer:
            return  # what never was bad needs no memory
        trouble = troubles[code] = Trouble()
    if answer is not None:
        running = trouble.streak if (trouble.streak > 0) == answer else 0
        trouble.streak = running + (1 if answer else -1)
    if not trouble.since and trouble.streak >= finding.opens:
        trouble.since = now
    elif trouble.since and -trouble.streak >= finding.closes:
        trouble.since = 0
    if trouble.since:
        trouble.last = now
    elif now - trouble.last > TOLD_SECONDS and trouble.streak <= 0:
        del troubles[code]


def open_findings(memory: PortMemory) -> list[str]:
    """Codes of what is wrong now."""
    return [code for code, one in memory.troubles.items() if one.since]


def told_findings(memory: PortMemory) -> Iterator[tuple[str, bool]]:
    """What is or lately was wrong, and whether it still is."""
    for code, one in memory.troubles.items():
        if one.last:
            yield code, bool(one.since)
