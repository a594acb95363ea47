"""The newest values of a few facts: what a run's size is judged by, which starts are open."""

from bisect import insort
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, and_, func, select

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
        for kind in kinds.values():
            if not kind.recent:
                continue
            for row in connection.execute(_newest(kind, facility)):
                if row.subject is None:
                    continue
                past = Past(row.collected_ms, row.text, row.value)
                self.take(kind, (kind.name, row.subject), past)


def _newest(kind: FactKind, facility: str) -> "Select[Any]":
    """The newest values of each subject, found by key: years of history are not read."""
    facts, history, older = schema.facts.c, schema.fact_history, schema.fact_history.alias("older")
    least = (
        select(older.c.collected_ms)
        .where(older.c.name == kind.name, older.c.subject == facts.subject)
        .order_by(older.c.collected_ms.desc())
        .limit(1)
        .offset(kind.recent - 1)
        .scalar_subquery()
    )
    subjects = select(facts.subject, func.coalesce(least, 0).label("least"))
    subjects = subjects.where(facts.name == kind.name)
    if facility:
        subjects = subjects.where(facts.subject.startswith(f"{facility}/", autoescape=True))
    wanted = subjects.subquery()
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
