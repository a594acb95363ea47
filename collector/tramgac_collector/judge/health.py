"""Whether the judge does its work: when each part last did its step, and whether facts come in.

It is what the dead man's switch and Prometheus hang on: a process that runs is not one that works.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from sqlalchemy import Connection, delete

from tramgac_collector.facts.ledger import Fact
from tramgac_collector.facts.mapping import COVERAGE
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.store.bulk import upsert
from tramgac_collector.store.schema import judge_health

# A part that fails once is tried again in 5 s; one that fails so long does not work.
_FAILING_MS = 60_000
# Ingest notes coverage every minute and is at most 25 s late with it.
STALLED_MS = 85_000
# How often a healthy judge says so in the store.
_WRITE_MS = 15_000
_COLUMNS = ("part", "turn_ms", "done_ms", "seconds", "failures")

# Under this name, when ingest last wrote facts.
FACTS = "facts"


class Incomplete(Exception):  # noqa: N818 - all but a few facts were judged; those stay owed
    """Something could not be judged this turn and is tried again in the next."""


class Named(Protocol):
    """Current facts by facility and name."""

    def named(self, facility: str, name: str) -> Mapping[str, Fact]:
        """Every fact of one name in a facility, by subject."""
        ...


def noted_ms(facts: Named, inventory: Inventory) -> int | None:
    """When ingest last noted coverage; None where it never did."""
    noted = (
        fact.collected_ms
        for facility in inventory.facilities
        for fact in facts.named(facility.id, COVERAGE.name).values()
    )
    return max(noted, default=None)


@dataclass(frozen=True, slots=True)
class PartHealth:
    """One part of the judge.

    Attributes:
        turn_ms: When it last began a step.
        done_ms: When it last ended one without a fault; 0: never since the judge began.
        seconds: How long the last one took.
        failures: Steps that failed since the judge began.
    """

    turn_ms: int = 0
    done_ms: int = 0
    seconds: float = 0.0
    failures: int = 0


@dataclass(slots=True)
class Health:
    """Of every part, by name.

    Attributes:
        started_ms: When the judge began: nothing can have been done before.
    """

    started_ms: int
    parts: dict[str, PartHealth] = field(default_factory=dict)
    _written_ms: int = 0
    _told: Mapping[str, int] = field(default_factory=dict)

    def ran(self, part: str, now_ms: int, seconds: float, *, well: bool) -> None:
        """Note how a step ended."""
        known = self.parts.get(part, PartHealth())
        known = replace(known, turn_ms=now_ms, seconds=seconds)
        if well:
            self.parts[part] = replace(known, done_ms=now_ms)
        else:
            self.parts[part] = replace(known, failures=known.failures + 1)

    def came_in(self, noted: int | None, now_ms: int) -> None:
        """Note when ingest last wrote facts."""
        self.parts[FACTS] = PartHealth(now_ms, noted or 0)

    def failing(self, now_ms: int) -> list[str]:
        """Parts that have not done a step for a minute, and facts that do not come in."""
        return [
            name
            for name, one in self.parts.items()
            if now_ms - max(one.done_ms, self.started_ms)
            > (STALLED_MS if name == FACTS else _FAILING_MS)
        ]

    def due(self, now_ms: int) -> bool:
        """Whether the store should hear of it: after a fault else now and then."""
        told = {name: one.failures for name, one in self.parts.items()}
        return told != self._told or not 0 <= now_ms - self._written_ms < _WRITE_MS

    def store(self, connection: Connection, now_ms: int) -> None:
        """Write it: a handful of rows."""
        table = judge_health
        connection.execute(delete(table).where(table.c.part.not_in(self.parts)))
        rows = [
            (name, one.turn_ms, one.done_ms, one.seconds, one.failures)
            for name, one in self.parts.items()
        ]
        upsert(connection, table, _COLUMNS, rows)
        self._written_ms = now_ms
        self._told = {name: one.failures for name, one in self.parts.items()}
