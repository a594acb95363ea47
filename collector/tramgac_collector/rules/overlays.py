"""What lies over a result without changing it: an accepted gap, or an excuse the law gives."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, select

from tramgac_collector.rules.pack import Deadline, Rule
from tramgac_collector.rules.storm import Storm, read_storms
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

    def holds(self, at_ms: int, known_ms: int | None = None) -> bool:
        """Whether it lies over the result at a moment; its end opens the gap again."""
        return self.from_ms <= at_ms < self.expires_ms and _stands(self, at_ms, known_ms)


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

    def holds(self, at_ms: int, known_ms: int | None = None) -> bool:
        """Whether it lies over the result at a moment."""
        return self.from_ms <= at_ms < self.until_ms and _stands(self, at_ms, known_ms)


def _stands(one: Acceptance | Excuse, at_ms: int, known_ms: int | None) -> bool:
    """Entered, and not taken back, by what was known at a later moment."""
    known = at_ms if known_ms is None else known_ms
    back = one.revoked_ms is not None and one.revoked_ms <= min(at_ms, known)
    return one.entered_ms <= known and not back


Overlay = Acceptance | Excuse | Storm


class Overlays:
    """Everything that was entered, by facility and rule."""

    def __init__(
        self,
        acceptances: Iterable[Acceptance] = (),
        excuses: Iterable[Excuse] = (),
        storms: Iterable[Storm] = (),
    ) -> None:
        self.acceptances = tuple(acceptances)
        self.excuses = tuple(excuses)
        self.storms = tuple(storms)
        self._by_facility = self.by_facility()

    @classmethod
    def read(cls, connection: Connection) -> "Overlays":
        """From the store."""
        return cls(
            (Acceptance(*row) for row in connection.execute(select(schema.acceptances))),
            (Excuse(*row) for row in connection.execute(select(schema.excuses))),
            read_storms(connection),
        )

    def by_facility(self) -> Mapping[str, tuple[Overlay, ...]]:
        """Sorted out, so that it can be seen whose changed."""
        found: defaultdict[str, list[Overlay]] = defaultdict(list)
        for excuse in self.excuses:
            found[excuse.facility].append(excuse)
        for storm in self.storms:
            for facility in storm.facilities:
                found[facility].append(storm)
        for acceptance in self.acceptances:
            found[acceptance.facility].append(acceptance)
        return {facility: tuple(some) for facility, some in found.items()}

    def of(
        self, facility: str, row: Rule | Deadline, at_ms: int, known_ms: int | None = None
    ) -> Overlay | None:
        """What lies over a result at a moment; an excuse before an acceptance.

        A storm excuses only where the rule names the law that does.
        """
        for one in self._by_facility.get(facility, ()):
            if isinstance(one, Storm):
                fits = isinstance(row, Rule) and row.excuse is not None
            else:
                fits = one.rule == row.id
            if fits and one.holds(at_ms, known_ms):
                return one
        return None
