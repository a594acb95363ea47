"""The facts as the judge sees them: read once, then followed by what was written since."""

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, Row, select

from tramgac_collector.facts.kinds import FactKey
from tramgac_collector.facts.ledger import Fact
from tramgac_collector.facts.mapping import AGENT_SEEN, KINDS
from tramgac_collector.facts.recent import Past, Recent
from tramgac_collector.store import schema

# A row may be committed so long after it was stamped: the writer queues, the store waits.
_OVERLAP_MS = 30_000

Changed = dict[str, set[str]]
"""By facility, the names of facts whose value, text or freshness changed."""


class FactsFeed:
    """Current facts of everything; ``Facts`` of the backup judge among others."""

    def __init__(self) -> None:
        self._facts: dict[FactKey, Fact] = {}
        self._named: defaultdict[str, defaultdict[str, dict[str, Fact]]] = defaultdict(
            lambda: defaultdict(dict)
        )
        self._recent = Recent()
        self._places: dict[str, str] = {}
        self._expiring: list[tuple[int, FactKey]] = []
        self._awaited: set[FactKey] = set()
        self._seen_ms = -1
        # What a look that failed half-way had found; the next one hands it on.
        self._news: Changed = defaultdict(set)
        self._unread: dict[FactKey, int] = {}

    @classmethod
    def of(cls, facts: Iterable[Fact]) -> "FactsFeed":
        """What is given, and nothing more to come."""
        feed = cls()
        for fact in facts:
            feed.put(fact)
        return feed

    def look(self, connection: Connection, now_ms: int) -> Changed:
        """Take over what was written since the last look, and what has expired since.

        A look that fails loses nothing: what it had found comes with the next one.

        Args:
            connection: For reading.
            now_ms: Now.
        """
        columns = schema.facts
        query = select(columns)
        first = self._seen_ms < 0
        if first:
            self._recent.load(connection, dict(KINDS))
        else:
            # The centre's clock may have been set back.
            since = min(self._seen_ms, now_ms) - _OVERLAP_MS
            query = query.where(columns.c.written_ms >= since)
        rows = connection.execute(query).all()
        for row in rows:
            kind = KINDS.get(row.name)
            if self._take(row, now_ms) and not first and kind is not None and kind.recent:
                self._unread[row.name, row.subject] = kind.recent
        for key, count in list(self._unread.items()):
            self._read_recent(connection, key, count)
            del self._unread[key]
        self._seen_ms = max((row.written_ms for row in rows), default=max(self._seen_ms, 0))
        return self.take_news(now_ms)

    def take_news(self, now_ms: int) -> Changed:
        """What changed since this was last asked, what has expired by now among it."""
        self._expire(now_ms)
        changed, self._news = self._news, defaultdict(set)
        return changed

    def _take(self, row: "Row[tuple[object, ...]]", now_ms: int) -> bool:
        """Whether the row is news: a value, a text, or life after an expiry."""
        old = self._facts.get((row.name, row.subject))
        if old is not None and old.written_ms == row.written_ms:
            return False
        fact = Fact(**row._mapping)  # noqa: SLF001 - its public name
        self.put(fact)
        same = old is not None and (old.value, old.text) == (fact.value, fact.text)
        # A mere confirmation changes something only where it was not known any more.
        if same and old is not None and (old.expires_ms > now_ms or fact.expires_ms <= now_ms):
            return False
        self._news[facility_of(fact.subject)].add(fact.name)
        return True

    def put(self, fact: Fact) -> None:
        """Make this the current fact."""
        key = (fact.name, fact.subject)
        self._facts[key] = fact
        self._named[facility_of(fact.subject)][fact.name][fact.subject] = fact
        if fact.name == AGENT_SEEN.name:
            self._places[fact.agent_id] = fact.subject
        if key not in self._awaited:
            self._awaited.add(key)
            heapq.heappush(self._expiring, (fact.expires_ms, key))

    def recall(self, key: FactKey, past: Past) -> None:
        """Note an earlier value of a fact that keeps some."""
        self._recent.take(KINDS[key[0]], key, past)

    def _read_recent(self, connection: Connection, key: FactKey, count: int) -> None:
        """Several may have come between two looks; the table of facts has only the last."""
        history = schema.fact_history
        query = (
            select(history.c.collected_ms, history.c.text, history.c.value)
            .where(history.c.name == key[0], history.c.subject == key[1])
            .order_by(history.c.collected_ms.desc())
            .limit(count)
        )
        fact = self._facts[key]
        pasts = [Past(*row) for row in connection.execute(query)]
        for past in (*reversed(pasts), Past(fact.collected_ms, fact.text, fact.value)):
            self.recall(key, past)

    def _expire(self, now_ms: int) -> None:
        while self._expiring and self._expiring[0][0] <= now_ms:
            _, key = heapq.heappop(self._expiring)
            fact = self._facts[key]
            if fact.expires_ms > now_ms:
                heapq.heappush(self._expiring, (fact.expires_ms, key))
            else:
                self._awaited.discard(key)
                self._news[facility_of(fact.subject)].add(fact.name)

    def get(self, name: str, subject: str) -> Fact | None:
        """A fact, expired or not."""
        return self._facts.get((name, subject))

    def recent(self, name: str, subject: str) -> tuple[Past, ...]:
        """The newest values of a fact that keeps some, oldest first."""
        return self._recent.get((name, subject))

    def heard(self, agent_id: str) -> Fact | None:
        """When an agent last called."""
        return self._facts.get((AGENT_SEEN.name, self._places.get(agent_id, "")))

    def named(self, facility: str, name: str) -> Mapping[str, Fact]:
        """Every fact of one name in a facility, by subject."""
        return self._named[facility][name] if facility in self._named else {}


def facility_of(subject: str) -> str:
    """Of what a fact is about: its first part."""
    return subject.partition("/")[0]
