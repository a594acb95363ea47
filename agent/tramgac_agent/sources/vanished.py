"""Backups of the last look that are gone though nothing may let them go yet.

A source that remembers nothing, or lost what it remembered, notices nothing: it never invents
a loss.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass

# (start in Unix ms, identity that survives a rewriting) by backup id.
Seen = dict[str, tuple[int, str]]

DEFAULT_KEEP_DAYS = 7
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup as the product lists it.

    Attributes:
        origin: The first backup this one was rewritten from; its own id when there is none.
    """

    id: str
    start_ms: int
    origin: str


def gone(
    seen: Mapping[str, tuple[int, str]], present: Container[str], keep_days: int, now_ms: int
) -> Seen:
    """Which of ``seen`` are gone and still younger than ``keep_days``.

    ``present`` holds ids and origins of everything that is there, of whatever series.
    """
    oldest_ms = now_ms - keep_days * _DAY_MS
    return {
        identity: (start_ms, origin)
        for identity, (start_ms, origin) in seen.items()
        if start_ms > oldest_ms and identity not in present and origin not in present
    }


def remembered(backups: Iterable[Backup], keep_days: int, now_ms: int, limit: int) -> Seen:
    """What to compare with next time: the newest ``limit`` of those that may not go yet.

    One dated in the future is left out: its age is not known.
    """
    oldest_ms = now_ms - keep_days * _DAY_MS
    young = [one for one in backups if one.id and oldest_ms < one.start_ms <= now_ms]
    young.sort(key=lambda one: (one.start_ms, one.id))
    kept = young[-limit:] if limit > 0 else []
    return {one.id: (one.start_ms, one.origin) for one in kept}
