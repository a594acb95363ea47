"""Numbers a facility set in place of a pack's: only those the pack leaves to it, for a while.

A tailored number is kept apart from the pack and told beside every result it touched. What the
law itself says cannot be tailored: the lint lets a binding row leave only our own numbers to a
facility, or the law's with the least and most it allows.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from tramgac_collector.rules.expression import Value, as_number
from tramgac_collector.rules.fixtures import value_of
from tramgac_collector.rules.library import Library
from tramgac_collector.rules.pack import Pack, Param, Rule
from tramgac_collector.store import schema

# Where a pack names no bounds: at most so many times more or less than its own number, so that
# no rule can be tailored into one that never finds anything.
_FACTOR = 4.0
_LITERAL = re.compile(r"\d{1,12}(?:\.\d{1,6})?(%|ms|s|m|h|d)?")


class Tailoring(NamedTuple):
    """One number one facility set for one rule."""

    id: int
    facility: str
    rule: str
    param: str
    value: str
    reason: str
    decided_by: str
    from_ms: int
    until_ms: int
    entered_ms: int
    entered_by: str
    revoked_ms: int | None

    def holds(self, at_ms: int, known_ms: int | None = None) -> bool:
        """Whether it counts at a moment, by what was known at a later one."""
        known = at_ms if known_ms is None else known_ms
        back = self.revoked_ms is not None and self.revoked_ms <= min(at_ms, known)
        return self.entered_ms <= known and self.from_ms <= at_ms < self.until_ms and not back


class Tailorings:
    """Every tailoring ever entered; of several for one number the one entered last counts."""

    def __init__(self, rows: Iterable[Tailoring] = ()) -> None:
        found: defaultdict[str, list[Tailoring]] = defaultdict(list)
        for one in rows:
            found[one.facility].append(one)
        self.by_facility = {facility: tuple(some) for facility, some in found.items()}

    @classmethod
    def read(cls, connection: Connection) -> "Tailorings":
        """From the store."""
        return cls(read_tailorings(connection))

    def at(self, library: Library, at_ms: int, known_ms: int | None = None) -> "Tailored":
        """What counts at a moment; what the pack in force does not allow does not."""
        held = {
            facility: {(one.rule, one.param): one for one in some if one.holds(at_ms, known_ms)}
            for facility, some in self.by_facility.items()
        }
        return Tailored(
            {
                facility: {
                    key: one
                    for key, one in some.items()
                    if not fault(library, one.rule, one.param, one.value)
                }
                for facility, some in held.items()
                if some
            }
        )


class Tailored:
    """What counts at one moment, by facility, then by rule and parameter."""

    def __init__(
        self, found: Mapping[str, Mapping[tuple[str, str], Tailoring]] | None = None
    ) -> None:
        self._found = found or {}

    def attributes(self, facility: str) -> Mapping[str, Value]:
        """As rules read them: ``param.RULE.NAME``."""
        return {
            f"param.{rule}.{param}": value_of(one.value)
            for (rule, param), one in self._found.get(facility, {}).items()
        }

    def of(self, facility: str, rule: str) -> tuple[Tailoring, ...]:
        """Those of one rule."""
        every = self._found.get(facility, {}).items()
        return tuple(one for (name, _), one in every if name == rule)


def read_tailorings(connection: Connection, facility: str = "") -> list[Tailoring]:
    """Every one ever entered, revoked or not, the oldest first."""
    table = schema.tailorings
    query = select(table).order_by(table.c.id)
    if facility:
        query = query.where(table.c.facility == facility)
    return [Tailoring(*row) for row in connection.execute(query)]


def fault(library: Library, rule_id: str, name: str, value: str) -> str:
    """Why a number cannot be set; empty if it can."""
    found = library.find(rule_id)
    param = found[1].params.get(name) if found and isinstance(found[1], Rule) else None
    if param is None:
        return f"no parameter `{name}` of a rule `{rule_id}`; `rules tailor known` names them"
    if not param.tailorable:
        return f"the pack does not leave `{name}` to facilities; it is the document's number"
    if param.source:
        return f"`{name}` is declared in the inventory, as {param.source}"
    return value_fault(param, value)


def value_fault(param: Param, value: str) -> str:
    """Why a literal does not fit; empty if it does."""
    default = param.value
    if not _LITERAL.fullmatch(value) or (number := as_number(value_of(value))) is None:
        return f"`{value}` is no number like {default}"
    if _kind(value) != _kind(default):
        return f"`{value}` is not of the kind of {default}"
    least, most = bounds(param)
    if not least <= number <= most:
        unit = "s" if _kind(default) == "duration" else ""
        return f"`{value}` lies outside {least:g}{unit} to {most:g}{unit}; the pack says {default}"
    return ""


def bounds(param: Param) -> tuple[float, float]:
    """Least and most a facility may set, as numbers of the expression language."""
    default = as_number(value_of(param.value)) or 0.0
    least = as_number(value_of(param.least)) if param.least else default / _FACTOR
    most = as_number(value_of(param.most)) if param.most else default * _FACTOR
    if _kind(param.value) == "share" and not param.most:
        most = min(most or 0.0, 1.0)
    return least or 0.0, most or 0.0


def _kind(text: str) -> str:
    if text.endswith("%"):
        return "share"
    return "duration" if text[-1:].isalpha() else "number"


def tailorable(library: Library) -> Iterable[tuple[Pack, Rule, str, Param]]:
    """Every number that packs leave to facilities."""
    return (
        (pack, rule, name, param)
        for pack in library.packs
        for rule in pack.rules
        for name, param in rule.params.items()
        if param.tailorable and not param.source
    )


def tailored_dict(one: Tailoring) -> dict[str, Any]:
    """As told beside a result."""
    return {
        "id": one.id,
        "param": one.param,
        "value": one.value,
        "by": one.decided_by[:60],
        "until_ms": one.until_ms,
    }
