"""The newest values of a few facts: what a run's size is judged by, which starts are open."""

from bisect import insort
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, select, true

from tramgac_collector.facts.kinds import FactKey, FactKind
from tramgac_collector.store import schema


class Past(NamedTuple):
    """One earlier value, ordered by when it was so."""

    collected_ms: int
    text: str
    value: float | None


class Recent:
    """Per fact, the newest ``FactKind.recent`` values by event time, late ones included."""

    def __init__(self) -> None:
        self._kept: dict[FactKey, list[Past]] = {}

    def take(self, kind: FactKind, key: FactKey, past: Past) -> None:
        """Add one value; one that was known already changes nothing.

        The text names what it is of: the size of one snapshot, told every hour, is one value.
        """
        if not kind.recent:
            return
        kept = self._kept.setdefault(key, [])
        known = any(one.text == past.text and one.value == past.value for one in kept)
        if not known:
            insort(kept, past, key=lambda one: one[:2])
            del kept[: -kind.recent]

    def get(self, key: FactKey) -> tuple[Past, ...]:
        """Oldest first."""
        return tuple(self._kept.get(key, ()))

    def load(
        self, connection: Connection, kinds: "dict[str, FactKind]", facility: str = ""
    ) -> None:
        """Read from the store what an earlier process was told, of one facility or of all."""
        dialect = connection.dialect.name
        for kind in kinds.values():
            if not kind.recent:
                continue
            found: dict[str, list[Past]] = {}
            query = _newest(kind, dialect, one=bool(facility))
            rows = connection.execute(query, bounds(facility, dialect))
            for subject, *past in rows:
                if subject is not None:
                    found.setdefault(subject, []).append(Past(*past))
            for subject, pasts in found.items():
                # As ``take`` would have it; one by one thousands of series take seconds.
                known: dict[tuple[str, float | None], Past] = {}
                for one in sorted(pasts, key=lambda one: one[:2]):
                    known.setdefault((one.text, one.value), one)
                self._kept[kind.name, subject] = list(known.values())[-kind.recent :]


def within(subject: ColumnElement[str], dialect: str) -> ColumnElement[bool]:
    """Whether a subject lies in the facility of ``bounds``; on SQLite found by key alone."""
    if dialect == "sqlite":
        return and_(subject >= bindparam("low"), subject < bindparam("high"))
    return subject.like(bindparam("inside"))


def bounds(facility: str, dialect: str) -> dict[str, str]:
    """Parameters of ``within``; an id has no character that means anything to ``LIKE``."""
    if not facility:
        return {}
    if dialect == "sqlite":
        return {"low": f"{facility}/", "high": f"{facility}0"}  # "0" follows "/"
    return {"inside": f"{facility}/%"}


# Built once: a page asks for many facilities one by one, and building takes longer than asking.
@cache
def _newest(kind: FactKind, dialect: str, *, one: bool) -> "Select[Any]":
    """The newest values of each subject, found by key: years of history are not read."""
    facts = schema.facts.c
    subjects = select(facts.subject).where(facts.name == kind.name)
    if one:
        subjects = subjects.where(within(facts.subject, dialect))
    return (_by_key if dialect == "sqlite" else _by_lateral)(kind, subjects)


def _by_lateral(kind: FactKind, subjects: "Select[Any]") -> "Select[Any]":
    """As PostgreSQL does it well: with anything else its planner reads all of history."""
    wanted, history = subjects.subquery(), schema.fact_history.c
    newest = (
        select(history.subject, history.collected_ms, history.text, history.value)
        .where(history.name == kind.name, history.subject == wanted.c.subject)
        .order_by(history.collected_ms.desc())
        .limit(kind.recent)
        .lateral()
    )
    return select(newest).select_from(wanted.join(newest, true()))


def _by_key(kind: FactKind, subjects: "Select[Any]") -> "Select[Any]":
    """For SQLite, which knows no lateral join; without a value the row's subject is empty."""
    older, history = schema.fact_history.alias("older").c, schema.fact_history
    least = (
        select(older.collected_ms)
        .where(older.name == kind.name, older.subject == schema.facts.c.subject)
        .order_by(older.collected_ms.desc())
        .limit(1)
        .offset(kind.recent - 1)
        .scalar_subquery()
    )
    wanted = subjects.add_columns(func.coalesce(least, 0).label("least")).subquery()
    value = history.c
    # An outer join, so that SQLite begins with the subjects and not with all of history.
    joined = wanted.outerjoin(
        history,
        and_(
            value.name == kind.name,
            value.subject == wanted.c.subject,
            value.collected_ms >= wanted.c.least,
        ),
    )
    return select(value.subject, value.collected_ms, value.text, value.value).select_from(joined)
