"""How many copies of a dataset would survive: those that share nothing count apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from tramgac_collector.backups.declared import Declared
from tramgac_collector.backups.evidence import Evidence
from tramgac_collector.backups.findings import BackupState
from tramgac_collector.backups.verdict import Verdict
from tramgac_collector.facts import backups as bk
from tramgac_collector.facts.kinds import FactKind

_HOUR_MS = 3_600_000
_NO_COPY = {BackupState.FAILED, BackupState.BLOCKED, BackupState.LATE, BackupState.BLIND}
_NEAR = {"same_device", "same_machine"}
_CARRIED_AWAY = {"blind_unreachable", "silent"}
_AWAY = {"offsite", "cloud", "removable"}


@dataclass(frozen=True, slots=True)
class Copies:
    """Fresh copies of one dataset.

    Attributes:
        count: Failure domains a fresh copy lies in; the data's own disk is none.
        required: What the inventory asks for.
        offsite: How many of them are away from the facility, or can be carried away.
        groups: Destinations that count as one, each group sorted.
    """

    count: int
    required: int
    offsite: int
    groups: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Judged:
    """A series with all that was used to judge it."""

    series: str
    declared: Declared | None
    evidence: Evidence
    verdict: Verdict


def count(group: Sequence[Judged], now_ms: int) -> Copies:
    """Count the copies of one dataset.

    Args:
        group: Its series, all declared.
        now_ms: Now.
    """
    fresh = [one for one in group if _is_copy(one, now_ms)]
    parent = list(range(len(fresh)))

    def root(place: int) -> int:
        while parent[place] != place:
            place = parent[place]
        return place

    for left, right in combinations(range(len(fresh)), 2):
        if _share(fresh[left], fresh[right]):
            parent[root(right)] = root(left)
    found: dict[int, list[Declared]] = {}
    for place, one in enumerate(fresh):
        if one.declared is not None:
            found.setdefault(root(place), []).append(one.declared)
    required = max((one.declared.dataset.copies for one in group if one.declared), default=0)
    return Copies(
        count=len(found),
        required=required,
        offsite=sum(any(_is_away(one) for one in members) for members in found.values()),
        groups=tuple(tuple(sorted(one.destination.id for one in m)) for m in found.values()),
    )


def _is_copy(one: Judged, now_ms: int) -> bool:
    """Good, within its RPO, and not on the disk it is to save; a removable one may be away."""
    point, state = one.verdict.point_ms, one.verdict.state
    if one.declared is None or point is None:
        return False
    if state in _NO_COPY and not (state is BackupState.BLIND and _is_carried_away(one)):
        return False
    within = now_ms - point <= one.declared.dataset.rpo_hours * _HOUR_MS
    return within and _said(one, bk.MEDIUM) != "same_device"


def _is_carried_away(one: Judged) -> bool:
    """A disk in a safe cannot be looked at, and is as good as when it went."""
    kind = "" if one.declared is None else one.declared.destination.kind
    blind = {one.reason for one in one.verdict.findings if one.state is BackupState.BLIND}
    return kind == "removable" and blind <= _CARRIED_AWAY


def _said(one: Judged, kind: FactKind) -> str:
    fact = one.evidence.of(kind)
    return "" if fact is None else fact.text


def _is_away(declared: Declared) -> bool:
    return declared.destination.kind in _AWAY or bool(declared.destination.provider)


def _share(one: Judged, other: Judged) -> bool:
    """Whether something would take both down."""
    if _said(one, bk.PLACE) and _said(one, bk.PLACE) == _said(other, bk.PLACE):
        return True
    if _said(one, bk.MEDIUM) in _NEAR and _said(other, bk.MEDIUM) in _NEAR:
        return True
    mine, theirs = _domain(one), _domain(other)
    if any(word and word == theirs[key] for key, word in mine.items() if key != "building"):
        return True
    # One house may hold two machines; where neither names its own, it is all we know.
    named = mine["host"] or mine["array"] or theirs["host"] or theirs["array"]
    return bool(not named and mine["building"] and mine["building"] == theirs["building"])


def _domain(one: Judged) -> dict[str, str]:
    if one.declared is None:
        return dict.fromkeys(("host", "array", "building", "credentials", "provider"), "")
    destination, domain = one.declared.destination, one.declared.destination.domain
    here = one.declared.dataset.host if destination.kind == "local" else ""
    return {
        "host": domain.host or here,
        "array": domain.array,
        "building": domain.building,
        "credentials": domain.credentials,
        "provider": destination.provider,
    }
