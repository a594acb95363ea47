"""Days by which something must be done: which comes next, and whether it is done."""

from datetime import date, timedelta
from typing import NamedTuple

from tramgac_collector.rules.evaluate import Result, World, evaluate
from tramgac_collector.rules.given import begin_ms
from tramgac_collector.rules.pack import Deadline, Pack, Rule
from tramgac_collector.rules.status import Status

# Product parameters: a yearly duty is shown as missed for so long, then the next one counts;
# what was handed in earlier than half a year before belongs to another year.
_MISSED_DAYS = 90
_TERM_DAYS = 183
_TOLD = {Status.NOT_APPLICABLE, Status.NOT_EVALUATED, Status.OUT_OF_REACH}


class Due(NamedTuple):
    """One deadline of one facility.

    Attributes:
        on: The day the document names.
        last_day: On which it can still be done.
    """

    result: Result
    on: date
    last_day: date

    @property
    def due_ms(self) -> int:
        """The end of the last good day."""
        return begin_ms(self.last_day + timedelta(days=1))


def judge_deadline(
    pack: Pack, deadline: Deadline, facility: str, world: World, day: date
) -> Due | None:
    """Say how a deadline stands; None for one without a day."""
    on = _occurrence(deadline, day)
    if on is None:
        return None
    due = _judged(pack, deadline, facility, world, (day, on))
    past = deadline.yearly and due.last_day < day
    if past and due.result.reason != "passed":
        due = _judged(pack, deadline, facility, world, (day, _next_year(on)))
    return due


def _judged(
    pack: Pack, deadline: Deadline, facility: str, world: World, days: tuple[date, date]
) -> Due:
    day, on = days
    last_day = on - timedelta(days=int(deadline.before))
    result = evaluate(pack, _as_rule(deadline, day, on), facility, world, day)
    status, reason = _standing(deadline, result, (last_day - day).days)
    shown = Result(
        deadline.id,
        facility,
        status,
        reason,
        result.findings,
        result.coverage,
        result.advisory,
        result.preview,
    )
    return Due(shown, on, last_day)


def _occurrence(deadline: Deadline, day: date) -> date | None:
    """The day itself, or of a yearly one the next, or the last while it may have been missed."""
    if deadline.on is not None:
        return deadline.on
    if not deadline.yearly:
        return None
    month, number = map(int, deadline.yearly.split("-"))
    this = date(day.year, month, number)
    for one in (this.replace(year=day.year - 1), this):
        if one < day and (day - one).days <= _MISSED_DAYS:
            return one
    return this if this >= day else this.replace(year=day.year + 1)


def _next_year(on: date) -> date:
    return on.replace(year=on.year + 1)


def _as_rule(deadline: Deadline, day: date, on: date) -> Rule:
    """What would show that it is done."""
    validity = ""
    if deadline.yearly:
        validity = f"{max(0, (day - on).days + _TERM_DAYS)}d"
    return Rule(
        id=deadline.id,
        cite=deadline.cite,
        text=deadline.text,
        next=deadline.next,
        each=deadline.each,
        applies_if=deadline.applies_if,
        needs=deadline.done_by,
        validity=validity,
        evidence="document",
        text_status=deadline.text_status,
    )


def _standing(deadline: Deadline, result: Result, left: int) -> tuple[Status, str]:
    if result.status in _TOLD or result.reason == "applicability_unknown":
        return result.status, result.reason
    # Where no paper could show it, nothing ever shows that it is done.
    if deadline.done_by and result.status is Status.PASS_OBSERVED:
        return Status.PASS_OBSERVED, "done"
    if left < 0 and not deadline.done_by:
        # A day to know of; no paper is asked for.
        return Status.NOT_APPLICABLE, "over"
    if left < 0:
        # What nobody showed may have been done all the same; a "no" was said by somebody.
        return (Status.FAIL if result.status is Status.FAIL else Status.UNKNOWN), "passed"
    soon = left <= max(deadline.lead_days, default=0)
    return Status.UNKNOWN, "due_soon" if soon else "open"
