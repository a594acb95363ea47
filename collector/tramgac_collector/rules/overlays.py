"""What lies over a result without changing it: an accepted gap, or an excuse the law gives."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, select

from tramgac_collector.store import schema

MOST_DAYS = 366
# So long before its end the owner is reminded.
REMIND_MS = 30 * 86_400_000


class Acceptance(NamedTuple):
    """A gap its owner accepts for a while, with a way out of it."""

    id: int
    facility: str
    rule: str
    reason: str
    accepted_by: str
    compensation: str
    due_on: date
    from_ms: int
    expires_ms: int
    entered_ms: int
    entered_by: str
    revoked_ms: int | None

    def holds(self, now_ms: int) -> bool:
        """Whether it lies over the result now; its end opens the gap again."""
        return self.from_ms <= now_ms < self.expires_ms and self.revoked_ms is None


class Excuse(NamedTuple):
    """A window in which a law itself excuses, with what proves it and who was told."""

    id: int
    facility: str
    rule: str
    citation: str
    from_ms: int
    until_ms: int
    proof: str
    notified: str
    entered_ms: int
    entered_by: str
    revoked_ms: int | None

    def holds(self, now_ms: int) -> bool:
        """Whether it lies over the result now."""
        return self.from_ms <= now_ms < self.until_ms and self.revoked_ms is None


class Overlays:
    """Everything that was entered, by facility and rule."""

    def __init__(
        self, acceptances: Iterable[Acceptance] = (), excuses: Iterable[Excuse] = ()
    ) -> None:
        self.acceptances = tuple(acceptances)
        self.excuses = tuple(excuses)
        self._by_facility = self.by_facility()

    @classmethod
    def read(cls, connection: Connection) -> "Overlays":
        """From the store."""
        return cls(
            (Acceptance(*row) for row in connection.execute(select(schema.acceptances))),
            (Excuse(*row) for row in connection.execute(select(schema.excuses))),
        )

    def by_facility(self) -> Mapping[str, tuple[Acceptance | Excuse, ...]]:
        """Sorted out, so that it can be seen whose changed."""
        found: defaultdict[str, list[Acceptance | Excuse]] = defaultdict(list)
        every: list[Acceptance | Excuse] = [*self.excuses, *self.acceptances]
        for one in every:
            found[one.facility].append(one)
        return {facility: tuple(some) for facility, some in found.items()}

    def of(self, facility: str, rule: str, now_ms: int) -> Acceptance | Excuse | None:
        """What lies over a result now; an excuse before an acceptance."""
        for one in self._by_facility.get(facility, ()):
            if one.rule == rule and one.holds(now_ms):
                return one
        return None
