"""Storm mode: the centre declares it for named facilities and a while. Pure but for the reading.

It quiets pages and, where a rule's own law gives an excuse, lays it over the result. It never
changes a result: a missed backup stays missed, on the board and in the digest.
"""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Row, select

from tramgac_collector.store import schema

DAY_MS = 86_400_000
# Longer needs a new declaration, so that nobody forgets one.
MOST_MS = 14 * DAY_MS
MOST_FACILITIES = 500
# What a storm does not explain away still wakes people.
_PASSES = "critical"


class Storm(NamedTuple):
    """One declaration.

    Attributes:
        ended_ms: When it was ended before its time.
    """

    id: int
    facilities: frozenset[str]
    reason: str
    decided_by: str
    citation: str
    from_ms: int
    until_ms: int
    entered_ms: int
    entered_by: str
    ended_ms: int | None

    @property
    def over_ms(self) -> int:
        """When it is or was over."""
        return self.until_ms if self.ended_ms is None else min(self.ended_ms, self.until_ms)

    def holds(self, at_ms: int, known_ms: int | None = None) -> bool:
        """Whether it lies over its facilities at a moment, by what was known at a later one."""
        known = at_ms if known_ms is None else known_ms
        ended = self.until_ms if self.ended_ms is None or self.ended_ms > known else self.over_ms
        return self.entered_ms <= known and self.from_ms <= at_ms < ended


class Quiet(NamedTuple):
    """Why a page rests, and until when at the latest."""

    storm: int
    until_ms: int


def quiets(storms: Iterable[Storm], facility: str, severity: str, now_ms: int) -> Quiet | None:
    """Whether a page of this facility rests now; what is ``critical`` never does.

    Args:
        storms: As ``read_storms`` gives them.
        facility: Its id; empty for what is of the province, which never rests.
        severity: Of the incident.
        now_ms: Now.
    """
    if severity == _PASSES or not facility:
        return None
    held = [one for one in storms if facility in one.facilities and one.holds(now_ms)]
    last = max(held, key=lambda one: one.over_ms, default=None)
    return None if last is None else Quiet(last.id, last.over_ms)


def read_storms(connection: Connection, since_ms: int | None = None) -> list[Storm]:
    """Every storm, or those not over by ``since_ms``; the oldest first."""
    table = schema.storms
    query = select(table).order_by(table.c.id)
    if since_ms is not None:
        query = query.where(table.c.until_ms > since_ms)
    return [_storm(row) for row in connection.execute(query)]


def _storm(row: "Row[tuple[object, ...]]") -> Storm:
    told = row._mapping  # noqa: SLF001 - its public name
    return Storm(**{**told, "facilities": frozenset(json.loads(row.facilities))})


def box_fault(from_ms: int, until_ms: int, now_ms: int) -> str:
    """What is wrong with a time box; empty for nothing."""
    if until_ms <= max(from_ms, now_ms):
        return "--to must lie ahead, and after --from"
    if until_ms - from_ms > MOST_MS:
        return "14 days at most; declare a new one when they are over"
    return "" if now_ms - from_ms <= MOST_MS else "--from lies more than 14 days back"


def spelled(facilities: Sequence[str]) -> str:
    """As kept in the store."""
    return json.dumps(sorted(set(facilities)))
