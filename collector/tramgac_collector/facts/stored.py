"""Facts of backups as the store has them: for the command line and the page."""

from collections.abc import Iterable
from typing import Protocol

from sqlalchemy import Connection, select

from tramgac_collector.facts.backups import BACKUP_KINDS, COPIES, DECLARED
from tramgac_collector.facts.ledger import Fact
from tramgac_collector.facts.mapping import AGENT_SEEN
from tramgac_collector.facts.recent import Past, Recent, bounds, within
from tramgac_collector.store import schema

_NAMES = (*(kind.name for kind in BACKUP_KINDS), AGENT_SEEN.name)
# What the centre notes of a series is no evidence of it.
_OWN = {DECLARED.name, COPIES.name}


class Facts(Protocol):
    """What a verdict reads: the ledger of the ingest process, or a snapshot of the store."""

    def get(self, name: str, subject: str) -> Fact | None:
        """A fact, expired or not."""
        ...

    def recent(self, name: str, subject: str) -> tuple[Past, ...]:
        """The newest values of a fact that keeps some, oldest first."""
        ...

    def heard(self, agent_id: str) -> Fact | None:
        """When an agent last called."""
        ...


class StoredFacts:
    """A snapshot of the tables ``facts`` and ``fact_history``.

    It may lag behind the running collector by a few seconds where a value changed, and by five
    minutes where it was only confirmed.
    """

    def __init__(self, facts: Iterable[Fact], recent: Recent) -> None:
        self._facts = {(one.name, one.subject): one for one in facts}
        self._recent = recent
        self._heard = {
            fact.agent_id: fact
            for (name, _), fact in self._facts.items()
            if name == AGENT_SEEN.name
        }

    @classmethod
    def load(cls, connection: Connection, facility: str = "") -> "StoredFacts":
        """Read them, of one facility or of all."""
        dialect, facts = connection.dialect.name, schema.facts
        wanted = select(facts).where(facts.c.name.in_(_NAMES))
        if facility:
            wanted = wanted.where(within(facts.c.subject, dialect))
        recent = Recent()
        recent.load(connection, {kind.name: kind for kind in BACKUP_KINDS}, facility)
        rows = connection.execute(wanted, bounds(facility, dialect))
        return cls((Fact(**row._mapping) for row in rows), recent)  # noqa: SLF001 - its public name

    def get(self, name: str, subject: str) -> Fact | None:
        """A fact, expired or not."""
        return self._facts.get((name, subject))

    def recent(self, name: str, subject: str) -> tuple[Past, ...]:
        """The newest values of a fact that keeps some, oldest first."""
        return self._recent.get((name, subject))

    def heard(self, agent_id: str) -> Fact | None:
        """When an agent last called."""
        return self._heard.get(agent_id)

    def series(self) -> set[str]:
        """Every series somebody told something of, declared or not."""
        return {
            subject for name, subject in self._facts if name.startswith("bk.") and name not in _OWN
        }
