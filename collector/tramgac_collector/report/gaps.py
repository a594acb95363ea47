"""What rules say at the end of a window, and what was opened or closed in it.

Judged again by what is known at the report's moment, without hysteresis. Where the evidence of
that time cannot be had any more, what was shown then is repeated.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from tramgac_collector.inventory.model import Facility
from tramgac_collector.report.model import Move, Standing
from tramgac_collector.report.spans import Window
from tramgac_collector.rules.engine import Rules, day_of, judge_facility
from tramgac_collector.rules.library import Library
from tramgac_collector.rules.overlays import Acceptance, Excuse, Overlay, Overlays
from tramgac_collector.rules.status import ORDER, Status
from tramgac_collector.rules.stored import Stored
from tramgac_collector.rules.vocabulary import is_paper
from tramgac_collector.rules.world import FactsWorld
from tramgac_collector.store.schema import rule_history

_GAPS = {Status.FAIL, Status.PARTIAL}
_TOLD = {Status.PASS_OBSERVED, Status.NOT_APPLICABLE}
_AHEAD_MS = 180 * 86_400_000
# Of texts somebody has compared or read; all others are advisory.
COMPARED = {"official", "seen_copy"}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one facility's rules say at the end.

    Attributes:
        unmeasured: Names that are asked for and not known, papers left out.
    """

    gaps: tuple[Standing, ...]
    deadlines: tuple[Standing, ...]
    counts: Mapping[str, int]
    unmeasured: tuple[str, ...]


def judged_again(
    rules: Rules, facility: Facility, world: FactsWorld, overlays: Overlays, window: Window
) -> list[Stored]:
    """Every row of a facility, judged by what the world knows."""
    until, found = window.until_ms, []
    for one in judge_facility(rules, facility, world, day_of(until)).values():
        result = one.result
        overlay = overlays.of(facility.id, one.row.row, until, window.known_ms)
        marks = (result.status, result.reason, result.advisory, result.coverage)
        detail = {
            "preview": result.preview,
            "due_ms": one.due_ms,
            "overlay": None if overlay is None else _overlay(overlay),
            "missing": list(dict.fromkeys(n for each in result.findings for n in each.missing)),
        }
        found.append(Stored(facility.id, result.rule, *marks, until, until, detail))
    return found


def _overlay(overlay: Overlay) -> tuple[str, int]:
    """What lies over a result, and until when."""
    if isinstance(overlay, Acceptance):
        return "accepted", overlay.expires_ms
    return "excused", overlay.until_ms if isinstance(overlay, Excuse) else overlay.over_ms


class History:
    """What was shown of the rules of one facility, change by change, up to a window's end."""

    def __init__(self, connection: Connection, facility: str, window: Window) -> None:
        table = rule_history.c
        known = min(window.until_ms, window.known_ms)
        query = select(table.rule, table.at_ms, table.status, table.reason)
        mine = query.where(table.facility == facility)
        newest = (
            select(func.max(table.id))
            .where(table.facility == facility, table.at_ms <= window.since_ms)
            .group_by(table.rule)
        )
        inside = mine.where(table.at_ms > window.since_ms, table.at_ms <= known)
        self.before = {
            row.rule: row for row in connection.execute(mine.where(table.id.in_(newest)))
        }
        self.last = dict(self.before)
        self.since: dict[str, int] = {}
        for rule, row in self.before.items():
            self.since[rule] = row.at_ms
        for row in connection.execute(inside.order_by(table.at_ms, table.id)):
            old = self.last.get(row.rule)
            if old is None or (old.status in _GAPS) is not (row.status in _GAPS):
                self.since[row.rule] = row.at_ms
            self.last[row.rule] = row

    def shown(self, facility: str, library: Library) -> list[Stored]:
        """As it stood at the end; coverage was not recorded then."""
        found = []
        for rule, row in self.last.items():
            known = library.find(rule)
            advisory = known is not None and known[0].text_status(known[1]) not in COMPARED
            marks = (Status(row.status), row.reason, advisory, -1.0)
            found.append(Stored(facility, rule, *marks, row.at_ms, row.at_ms))
        return found

    def moves(self, unasked: Iterable[str]) -> tuple[list[Move], list[Move], list[Move]]:
        """Gaps opened, closed and lost sight of; what nobody is asked for yet is left out."""
        opened: list[Move] = []
        closed: list[Move] = []
        lost: list[Move] = []
        hidden = set(unasked)
        for rule, row in sorted(self.last.items()):
            old = self.before.get(rule)
            was, now = (old is not None and old.status in _GAPS), row.status in _GAPS
            if was is now or rule in hidden:
                continue
            before = "" if old is None else old.status
            move = Move(rule=rule, at_ms=self.since[rule], before=before, after=row.status)
            # Evidence that is gone has mended nothing.
            (opened if now else closed if row.status in _TOLD else lost).append(move)
        return opened, closed, lost


def judgement(results: Sequence[Stored], history: History, until_ms: int) -> Judgement:
    """Gaps and deadlines, worst and nearest first."""
    ordered = sorted(results, key=lambda one: (ORDER.index(one.status), one.rule))
    gaps = [
        one
        for one in ordered
        if one.status in _GAPS and one.due_ms is None and not one.detail.get("preview")
    ]
    due = [one for one in ordered if _is_ahead(one, until_ms)]
    # What is not in force yet is neither a gap nor wanting.
    counted = Counter(one.status for one in ordered if not one.detail.get("preview"))
    names = {name for one in ordered for name in _missing(one) if not is_paper(name)}
    return Judgement(
        gaps=tuple(_standing(one, history) for one in gaps),
        deadlines=tuple(
            _standing(one, history) for one in sorted(due, key=lambda one: (one.due_ms, one.rule))
        ),
        counts={s.value: n for s, n in counted.items()},
        unmeasured=tuple(sorted(names)),
    )


def _is_ahead(one: Stored, until_ms: int) -> bool:
    if one.due_ms is None or one.status in {Status.NOT_APPLICABLE, Status.PASS_OBSERVED}:
        return False
    return one.due_ms <= until_ms + _AHEAD_MS


def _missing(one: Stored) -> list[str]:
    return list(one.detail.get("missing", ()))


def _standing(one: Stored, history: History) -> Standing:
    overlay, until = one.detail.get("overlay") or ("", None)
    last = history.last.get(one.rule)
    shown = last is not None and (last.status in _GAPS) is (one.status in _GAPS)
    return Standing(
        rule=one.rule,
        status=one.status.value,
        reason=one.reason,
        advisory=one.advisory,
        coverage=one.coverage if one.coverage >= 0 else None,
        since_ms=history.since[one.rule] if shown else None,
        overlay=overlay,
        overlay_ms=until,
        missing=tuple(name for name in _missing(one) if is_paper(name)),
        due_ms=one.due_ms,
    )
