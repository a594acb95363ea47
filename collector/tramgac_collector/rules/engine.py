"""From packs and a world to results; and from a changed fact to the rules that read it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache

from tramgac_collector.facts.backups import BACKUP_KINDS
from tramgac_collector.inventory.model import Facility, Inventory
from tramgac_collector.rules import datasets
from tramgac_collector.rules.deadlines import judge_deadline
from tramgac_collector.rules.evaluate import Result, World, evaluate
from tramgac_collector.rules.expression import names_in, parse
from tramgac_collector.rules.library import Library
from tramgac_collector.rules.pack import Deadline, Pack, Rule
from tramgac_collector.rules.vocabulary import VOCABULARY
from tramgac_collector.rules.world import SOURCES
from tramgac_collector.web.words import VIETNAM

_BACKUP_TERMS = frozenset({*datasets.TERMS, "bk.cover"})
_BACKUP_FACTS = frozenset(kind.name for kind in BACKUP_KINDS)


@dataclass(frozen=True, slots=True)
class Row:
    """A rule or deadline with its pack.

    Attributes:
        names: Every name that may change its result.
        aging: Whether time alone may: it reads an age.
    """

    pack: Pack
    row: Rule | Deadline
    names: frozenset[str]
    aging: bool

    @property
    def version(self) -> str:
        """Pack and version, as kept with each result."""
        return f"{self.pack.pack.id} {self.pack.pack.version}"


@dataclass(frozen=True, slots=True)
class Judged:
    """A result with what it came from.

    Attributes:
        due_ms: Of a deadline: the end of its last day.
    """

    row: Row
    result: Result
    due_ms: int | None = None


class Rules:
    """The rows each facility is judged by.

    Args:
        library: The packs.
        inventory: Which facilities there are, and which optional packs they want.
    """

    def __init__(self, library: Library, inventory: Inventory) -> None:
        self._rows = {id(pack): tuple(_rows(pack)) for pack in library.packs}
        self._library = library
        self._inventory = inventory

    def of(self, facility: Facility) -> Iterator[Row]:
        """Every row of one facility."""
        for pack in self._library.asked_of(facility, self._inventory):
            yield from self._rows[id(pack)]

    def reading(self, facility: Facility, facts: Collection[str]) -> Iterator[Row]:
        """Rows that read one of these facts."""
        terms = frozenset(term for fact in facts for term in terms_of(fact))
        return (row for row in self.of(facility) if row.names & terms)


def _rows(pack: Pack) -> Iterator[Row]:
    everywhere = [pack.pack.applies_if] if pack.pack.applies_if else []
    for rule in pack.rules:
        texts = (rule.applies_if, rule.where, rule.refute, rule.decide, rule.unknown_if)
        names = set(rule.needs).union(
            *(names_in(parse(text)) for text in (*texts, *everywhere) if text)
        )
        yield Row(pack, rule, frozenset(names), _ages(names))
    for one in pack.deadlines:
        asked = [text for text in (one.applies_if, *everywhere) if text]
        names = set(one.done_by).union(*(names_in(parse(text)) for text in asked))
        yield Row(pack, one, frozenset(names), aging=False)


def _ages(names: Collection[str]) -> bool:
    return any(
        name in VOCABULARY
        and VOCABULARY[name].unit == "seconds"
        and VOCABULARY[name].kind != "attribute"
        for name in names
    )


@cache
def terms_of(fact: str) -> frozenset[str]:
    """The names of rules that a fact of the fact layer may change."""
    if fact in _BACKUP_FACTS:
        return _BACKUP_TERMS
    return frozenset(term for term, source in SOURCES.items() if source == fact)


def day_of(now_ms: int) -> date:
    """The day it is in Viet Nam."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(VIETNAM).date()


def judge(row: Row, facility: str, world: World, day: date) -> Judged | None:
    """Judge one row for one facility; None for a deadline that has no day."""
    if isinstance(row.row, Rule):
        return Judged(row, evaluate(row.pack, row.row, facility, world, day))
    due = judge_deadline(row.pack, row.row, facility, world, day)
    return None if due is None else Judged(row, due.result, due.due_ms)


def judge_facility(
    rules: Rules, facility: Facility, world: World, day: date
) -> Mapping[str, Judged]:
    """Every row of a facility, by its id."""
    found = (judge(row, facility.id, world, day) for row in rules.of(facility))
    return {one.row.row.id: one for one in found if one is not None}
