"""Papers people handed in, as evidence: who said what, when, until when."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time
from typing import NamedTuple

from sqlalchemy import Connection, select

from tramgac_collector.rules.evaluate import Evidence
from tramgac_collector.rules.expression import Value
from tramgac_collector.store import schema
from tramgac_collector.web.words import VIETNAM

NEVER_MS = 2**62
_TRUTH = {"true": True, "false": False}


class Given(NamedTuple):
    """One paper.

    Attributes:
        subject: ``kind/id``; empty for the whole facility.
        value: ``true``, ``false``, a number or a text.
        expires_ms: None: until it is replaced.
    """

    id: int
    facility: str
    subject: str
    name: str
    value: str
    issued_on: date
    expires_ms: int | None
    given_by: str
    statement: str
    evidence_sha256: str
    entered_ms: int
    entered_by: str
    revoked_ms: int | None
    revoked_by: str

    def evidence(self) -> Evidence:
        """What it shows."""
        expires = NEVER_MS if self.expires_ms is None else self.expires_ms
        kind = "document" if self.name.startswith("doc:") else "attested"
        origin = f"{kind}:{self.given_by}#{self.id}"
        return Evidence(value_of(self.value), begin_ms(self.issued_on), expires, origin)


def value_of(text: str) -> Value:
    """What a paper says: yes, no, a number, or words."""
    if text in _TRUTH:
        return _TRUTH[text]
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def begin_ms(day: date) -> int:
    """When a day begins in Viet Nam."""
    return round(datetime.combine(day, time(), VIETNAM).timestamp() * 1000)


def read_given(connection: Connection, facility: str = "") -> list[Given]:
    """Every paper ever entered, taken back or not, the oldest first."""
    table = schema.papers
    query = select(table).order_by(table.c.issued_on, table.c.id)
    if facility:
        query = query.where(table.c.facility == facility)
    return [Given(*row) for row in connection.execute(query)]


class Papers:
    """Papers as known at one moment; of several of one name the one issued last counts.

    Args:
        given: All of them, the oldest first.
        now_ms: The day that is judged: what was issued later is not there yet.
        known_ms: When it is judged: what was entered later is not known.
    """

    def __init__(self, given: Iterable[Given], now_ms: int, known_ms: int | None = None) -> None:
        known = now_ms if known_ms is None else known_ms
        self._found: dict[tuple[str, str, str], Given] = {}
        for one in given:
            revoked = one.revoked_ms is not None and one.revoked_ms <= known
            if one.entered_ms <= known and begin_ms(one.issued_on) <= now_ms and not revoked:
                self._found[one.facility, one.subject, one.name] = one

    def get(self, facility: str, subject: str, name: str) -> Given | None:
        """Of the subject, else of its facility."""
        return self._found.get((facility, subject, name)) or self._found.get((facility, "", name))


def by_facility(given: Iterable[Given]) -> Mapping[str, tuple[Given, ...]]:
    """Sorted out, so that it can be seen whose changed."""
    found: defaultdict[str, list[Given]] = defaultdict(list)
    for one in given:
        found[one.facility].append(one)
    return {facility: tuple(some) for facility, some in found.items()}
