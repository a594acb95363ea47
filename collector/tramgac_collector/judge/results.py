"""Results of rules in the store: what was shown last, and what changes."""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, and_, delete, insert, or_, select

from tramgac_collector.rules.hysteresis import KEPT_MS, Seen
from tramgac_collector.rules.status import Status
from tramgac_collector.store import schema
from tramgac_collector.store.bulk import Row, upsert

RESULT = tuple(schema.rule_results.columns.keys())
HISTORY = tuple(schema.rule_history.columns.keys())[1:]
# Rows of one transaction, some 10 ms.
_STEP_ROWS = 100
# Between two of them: who waits for SQLite's lock looks for it every 25 ms at first, and ingest
# must get it before the agents notice. A lower priority would not help: it holds the lock longer.
_PAUSE_SECONDS = 0.03
# Far above what the judge itself may change of one rule in the time hysteresis looks at.
_MOST_SEEN = 500

Key = tuple[str, str]


@dataclass(slots=True)
class Shown:
    """What is shown of one rule of one facility.

    Attributes:
        told: What the stored row says beside its times.
        written_ms: When it was stored last.
        seen: What the evidence alone said, the oldest first.
        gap: What stood before it was not known any more, as ``hysteresis.Shown`` has it.
        version: Of its pack.
    """

    status: Status
    since_ms: int
    told: tuple[object, ...] = ()
    written_ms: int = 0
    seen: list[Seen] = field(default_factory=list)
    gap: Status | None = None
    version: str = ""

    def see(self, raw: Status, now_ms: int) -> bool:
        """Note what the evidence alone says; whether that is news."""
        if self.seen and self.seen[-1].status is raw:
            return False
        self.seen.append(Seen(now_ms, raw))
        # The one before the oldest that counts says how it was until then.
        while len(self.seen) > 1 and (
            self.seen[1].at_ms < now_ms - KEPT_MS or len(self.seen) > _MOST_SEEN
        ):
            del self.seen[0]
        return True


def load(connection: Connection, now_ms: int) -> dict[Key, Shown]:
    """What an earlier process showed, and what it saw."""
    table = schema.rule_results
    columns = table.c
    told = (columns.facility, columns.rule, columns.status, columns.since_ms, columns.pack_version)
    shown = {
        (row.facility, row.rule): Shown(
            Status(row.status), row.since_ms, version=row.pack_version, gap=_bad(row.status)
        )
        for row in connection.execute(select(*told))
    }
    hidden = select(columns.facility, columns.rule, columns.detail)
    for facility, rule, detail in connection.execute(
        hidden.where(columns.detail.contains('"gap":'))
    ):
        gap = json.loads(detail).get("gap")
        shown[facility, rule].gap = None if gap is None else _bad(str(gap))
    history = schema.rule_history.c
    query = (
        select(history.facility, history.rule, history.at_ms, history.raw_status)
        .where(history.at_ms >= now_ms - KEPT_MS)
        .order_by(history.at_ms)
    )
    for row in connection.execute(query):
        known = shown.get((row.facility, row.rule))
        if known is not None:
            known.see(Status(row.raw_status), row.at_ms)
    return shown


def _bad(status: str) -> Status | None:
    return Status(status) if status in {Status.FAIL, Status.PARTIAL} else None


@dataclass(slots=True)
class Writes:
    """Rows of one turn."""

    results: list[Row] = field(default_factory=list)
    history: list[Row] = field(default_factory=list)
    gone: list[Key] = field(default_factory=list)

    def store(self, engine: Engine) -> None:
        """Write them in short transactions, each of which leaves the tables sound."""
        for at in range(0, max(len(self.results), len(self.history)), _STEP_ROWS):
            _pause(at)
            end = at + _STEP_ROWS
            with engine.begin() as connection:
                _write(connection, self.results[at:end], self.history[at:end])
        for at in range(0, len(self.gone), _STEP_ROWS):
            _pause(at)
            with engine.begin() as connection:
                _delete(connection, self.gone[at : at + _STEP_ROWS])


def _pause(at: int) -> None:
    if at:
        time.sleep(_PAUSE_SECONDS)


def _write(connection: Connection, results: Sequence[Row], history: Sequence[Row]) -> None:
    if results:
        upsert(connection, schema.rule_results, RESULT, results)
    if history:
        rows = [dict(zip(HISTORY, row, strict=True)) for row in history]
        connection.execute(insert(schema.rule_history), rows)


def _delete(connection: Connection, keys: Iterable[Key]) -> None:
    table = schema.rule_results
    match = or_(
        *(and_(table.c.facility == facility, table.c.rule == rule) for facility, rule in keys)
    )
    connection.execute(delete(table).where(match))


def mean_cover(connection: Connection, facility: str, since_ms: int, now_ms: int) -> float | None:
    """Mean share of hosts that reported, weighted by time; None where nothing is known."""
    table = schema.fact_history.c
    mine = and_(table.name == "mon.cover", table.subject == facility)
    query = select(table.collected_ms, table.value)
    inside = connection.execute(
        query.where(mine, table.collected_ms > since_ms).order_by(table.collected_ms)
    ).all()
    before = connection.execute(
        query.where(mine, table.collected_ms <= since_ms)
        .order_by(table.collected_ms.desc())
        .limit(1)
    ).all()
    steps = [(max(row.collected_ms, since_ms), row.value or 0.0) for row in (*before, *inside)]
    if not steps or now_ms <= steps[0][0]:
        return None
    ends = [*(at for at, _ in steps[1:]), now_ms]
    weights = [(end - at, value) for (at, value), end in zip(steps, ends, strict=True)]
    total = sum(length * value for length, value in weights)
    return float(total / (now_ms - steps[0][0]))


def by_facility(keys: Iterable[Key]) -> dict[str, set[str]]:
    """Rules of each facility."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for facility, rule in keys:
        found[facility].add(rule)
    return found
