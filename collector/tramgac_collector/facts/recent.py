"""The newest values of a few facts: what a run's size is judged by, which starts are open."""

from bisect import insort
from typing import NamedTuple

from sqlalchemy import Connection, func, select, true

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
        history = schema.fact_history.c
        inside = history.subject.startswith(f"{facility}/", autoescape=True) if facility else true()
        for kind in kinds.values():
            if not kind.recent:
                continue
            place = func.row_number().over(
                partition_by=history.subject, order_by=history.collected_ms.desc()
            )
            newest = (
                select(
                    history.subject,
                    history.collected_ms,
                    history.text,
                    history.value,
                    place.label("place"),
                )
                .where(history.name == kind.name, inside)
                .subquery()
            )
            wanted = select(newest).where(newest.c.place <= kind.recent)
            for row in connection.execute(wanted):
                past = Past(row.collected_ms, row.text, row.value)
                self.take(kind, (kind.name, row.subject), past)
