"""What can be said of a rule: missing evidence is never a pass and never a silent skip."""

from collections.abc import Iterable
from enum import StrEnum


class Status(StrEnum):
    """Outcome of one rule for one facility or subject, after XCCDF's result set."""

    PASS_OBSERVED = "pass_observed"  # noqa: S105 - an outcome
    """No gap observed in the evidence named. Never "compliant"."""
    FAIL = "fail"
    PARTIAL = "partial"
    UNKNOWN = "unknown"
    STALE = "stale"
    """There was evidence; it has expired."""
    NOT_APPLICABLE = "not_applicable"
    NOT_EVALUATED = "not_evaluated"
    """Nobody has compared its text with the source yet."""
    OUT_OF_REACH = "out_of_reach"
    """This product cannot tell; a person must."""


# Worst first; what is not known is worse than what is known to be good.
ORDER = (
    Status.FAIL,
    Status.PARTIAL,
    Status.STALE,
    Status.UNKNOWN,
    Status.PASS_OBSERVED,
    Status.OUT_OF_REACH,
    Status.NOT_EVALUATED,
    Status.NOT_APPLICABLE,
)
# As exported: a small integer a rule
CODES = {status: number for number, status in enumerate(Status)}


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of several; of none, unknown."""
    return min(statuses, key=ORDER.index, default=Status.UNKNOWN)


# Somebody must act on such a deadline, though nothing is known to be wrong.
_OPEN_DEADLINE = frozenset({"due_soon", "passed"})


def is_gap(status: str, reason: str) -> bool:
    """Whether somebody must act on it: a gap, or a day that comes or has gone by unanswered."""
    return status in {Status.FAIL, Status.PARTIAL} or reason in _OPEN_DEADLINE
