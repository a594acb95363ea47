"""What a person must decide, worst first, and how a facility stands as a whole.

A facility is as its worst part; nothing is averaged.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tramgac_collector.backups.findings import BackupState
from tramgac_collector.incidents.codes import Severity
from tramgac_collector.report.coverage import LEAST
from tramgac_collector.report.gaps import COMPARED
from tramgac_collector.report.model import Decision, Place, RuleWords, Standing, Trouble

# Worst first.
STATES = ("act", "unknown", "advisory", "none_observed")
KINDS = (
    *("no_good_copy", "rpo_open", "drill_failed", "outage_open", "dark"),
    *("deadline", "gap", "overlay_ending", "advisory"),
)
_SOON_MS = 30 * 86_400_000
_GRAVE = {Severity.CRITICAL.value, Severity.HIGH.value}
_BAD = {BackupState.FAILED.value, BackupState.BLOCKED.value, BackupState.LATE.value}
_LAW = {"binding", "binding_via"}
_NOT_KNOWN = ("unknown", "stale")

_Line = tuple[str, str, int | None]


def state_of(place: Place) -> str:
    """Its worst: to act on, not enough known, advisory gaps, or no gap observed."""
    grave = any(one.until_ms is None and one.severity in _GRAVE for one in place.troubles)
    copies = any(one.open or one.state in _BAD for one in place.datasets)
    gaps = [one for one in place.gaps if not one.overlay]
    due = any(one.reason == "passed" and not one.advisory for one in place.deadlines)
    if grave or copies or due or any(not one.advisory for one in gaps):
        return "act"
    dark = place.cover.ratio is None or place.cover.ratio < LEAST
    unseen = any(one.passed is None or one.good_ms is None for one in place.datasets)
    if dark or unseen or any(place.counts.get(one) for one in _NOT_KNOWN):
        return "unknown"
    return "advisory" if gaps else "none_observed"


def decisions_of(
    places: Sequence[Place],
    shared: Iterable[Trouble],
    rules: Mapping[str, RuleWords],
    until_ms: int,
) -> tuple[Decision, ...]:
    """One line for one cause, however many facilities."""
    found: defaultdict[tuple[str, str], list[tuple[str, int | None]]] = defaultdict(list)
    for one in shared:
        if one.until_ms is None:
            found["outage_open", one.code].append(("", one.since_ms))
    for place in places:
        for kind, code, when in _of_place(place, rules, until_ms):
            found[kind, code].append((place.id, when))
    made = [
        Decision(
            kind=kind,
            code=code,
            facilities=tuple(dict.fromkeys(facility for facility, _ in some if facility)),
            when_ms=min((when for _, when in some if when is not None), default=None),
            advisory=kind == "deadline" and rules[code].text_status not in COMPARED,
        )
        for (kind, code), some in found.items()
    ]
    return tuple(sorted(made, key=_order))


def _order(one: Decision) -> tuple[int, bool, int, str]:
    return KINDS.index(one.kind), one.advisory, -len(one.facilities), one.code


def _of_place(place: Place, rules: Mapping[str, RuleWords], until_ms: int) -> Iterator[_Line]:
    for data in place.datasets:
        if data.good_ms is None:
            yield "no_good_copy", data.reason or "never_ran", None
        elif data.open:
            yield "rpo_open", data.reason or "rpo_passed", data.good_ms
        if data.drills and data.drills[-1].result == "failed":
            yield "drill_failed", "drill_failed", data.drills[-1].ended_ms
    for one in place.troubles:
        if one.until_ms is None and one.severity in _GRAVE:
            yield "outage_open", one.code, one.since_ms
    if place.cover.ratio is None or place.cover.ratio < LEAST:
        yield "dark", "", None
    for due in place.deadlines:
        if due.due_ms is not None and due.due_ms <= until_ms + _SOON_MS:
            yield "deadline", due.rule, due.due_ms
    yield from _of_gaps(place.gaps, rules, until_ms)


def _of_gaps(
    gaps: Iterable[Standing], rules: Mapping[str, RuleWords], until_ms: int
) -> Iterator[_Line]:
    for one in gaps:
        if one.overlay:
            if one.overlay_ms is not None and one.overlay_ms <= until_ms + _SOON_MS:
                yield "overlay_ending", one.rule, one.overlay_ms
        elif one.advisory or rules[one.rule].force not in _LAW:
            yield "advisory", "", None
        else:
            yield "gap", one.rule, one.since_ms
