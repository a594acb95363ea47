"""What the judge wrote, on the one page of metrics: read by the ingest process, which owns it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Engine, case, func, select

from tramgac_collector.live.state import LiveState
from tramgac_collector.model import Owner
from tramgac_collector.rules.status import CODES, Status
from tramgac_collector.store.engine import reading
from tramgac_collector.store.schema import rule_results

_STATUS = "tramgac_rule_status"
_DEADLINE = "tramgac_deadline_timestamp_seconds"
# A row may be committed so long after it was judged.
_OVERLAP_MS = 60_000
_VALID_MS = 2 * 3_600_000
# Lines of one step, about a millisecond.
_STEP_LINES = 25
Key = tuple[str, str]
_OPEN = ("due_soon", "open", "passed")


class _Detail(msgspec.Struct):
    """The part of a result's detail that is shown."""

    due_ms: int | None = None


class Line(NamedTuple):
    """What is shown of one rule of one facility.

    Attributes:
        due: Of an open deadline: the end of its last day, in seconds.
    """

    code: float | None
    due: float | None


class News(NamedTuple):
    """What is to be shown anew, and what no more."""

    lines: Mapping[Key, Line]
    gone: Sequence[Key]


class Published:
    """Keeps the series of rules in step with the table.

    Args:
        engine: For reading.
        live: Where they are shown.
    """

    def __init__(self, engine: Engine, live: LiveState) -> None:
        self._engine = engine
        self._live = live
        self._shown: dict[Key, Line] = {}
        self._seen_ms = 0

    def look(self, now_ms: int) -> News:
        """What changed since the last look; may run in any thread.

        Every rule is judged once an hour: what was not for two is not shown any more.
        """
        table = rule_results.c
        detail = case((table.reason.in_(_OPEN), table.detail), else_="")
        columns = (table.facility, table.rule, table.status, detail, table.evaluated_ms)
        least = now_ms - _VALID_MS
        # Where the clock was set back, what was judged since counts too.
        since = max(least, min(self._seen_ms, now_ms) - _OVERLAP_MS)
        query = select(*columns).where(table.evaluated_ms >= since)
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
            fresh = table.evaluated_ms >= least
            count = connection.scalar(select(func.count(table.rule)).where(fresh))
            lines = {(row[0], row[1]): _line(row[2], row[3]) for row in rows}
            gone: list[Key] = []
            if count != len(self._shown.keys() | lines.keys()):
                keys = connection.execute(select(table.facility, table.rule).where(fresh))
                gone = list(self._shown.keys() - {(row[0], row[1]) for row in keys})
        self._seen_ms = max((row[4] for row in rows), default=self._seen_ms)
        return News(
            {key: line for key, line in lines.items() if self._shown.get(key) != line}, gone
        )

    def show(self, news: News) -> Iterator[None]:
        """Show it step by step; others may work between two steps."""
        for key in news.gone:
            self._show(key, Line(None, None))
            del self._shown[key]
        for number, (key, line) in enumerate(news.lines.items()):
            self._show(key, line)
            self._shown[key] = line
            if number % _STEP_LINES == 0:
                yield

    @property
    def rules(self) -> set[str]:
        """Of which a verdict is shown."""
        return {rule for _, rule in self._shown}

    def _show(self, key: Key, line: Line) -> None:
        owner, labels = Owner("", key[0], "", ""), (("rule", key[1]),)
        self._live.derived(_STATUS, owner, labels, line.code)
        self._live.derived(_DEADLINE, owner, labels, line.due)


def _line(status: str, detail: str) -> Line:
    due = msgspec.json.decode(detail, type=_Detail).due_ms if detail else None
    return Line(float(CODES[Status(status)]), None if due is None else due / 1000)
