"""Whether the judge does its turns and its messages leave: for the doctor, read from the store."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from tramgac_collector.judge.health import FACTS, STALLED_MS
from tramgac_collector.store.schema import judge_health, notifications

# It writes how it fares every 15 s; a turn takes seconds.
_SILENT_MS = 60_000
_DAY_MS = 86_400_000
# A message waits for its next try at most so much longer than it was told to.
_OVERDUE_MS = 600_000
_MOST = 5


@dataclass(frozen=True, slots=True)
class Complaint:
    """One thing that is wrong.

    Attributes:
        fix: What to do.
    """

    text: str
    fix: str


def judging(connection: Connection, now_ms: int) -> Iterator[Complaint]:
    """What is wrong with a judge that should be running now."""
    rows = connection.execute(select(judge_health).order_by(judge_health.c.part)).all()
    fix = "look into the collector's log; until it is mended nobody is told of anything new"
    last_ms = max((row.turn_ms for row in rows), default=0)
    if now_ms - last_ms > _SILENT_MS:
        said = f"its last turn was {(now_ms - last_ms) // 1000} s ago" if rows else "no turn yet"
        yield Complaint(f"the judge does not work: {said}", fix)
        return
    for row in rows:
        late_ms = row.turn_ms - row.done_ms
        if row.part == FACTS and late_ms > STALLED_MS:
            yield Complaint("ingest writes no facts: what is judged is old", fix)
        elif row.part != FACTS and late_ms > _SILENT_MS:
            yield Complaint(f"{row.part} fails each turn, {row.failures} times so far", fix)


def slowest(connection: Connection) -> str:
    """Which part of the last turn took longest; empty before the first."""
    query = select(judge_health).order_by(judge_health.c.seconds.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return "" if row is None else f"slowest part: {row.part}, {row.seconds:.1f} s"


def deliveries(connection: Connection, now_ms: int) -> Iterator[Complaint]:
    """Messages of the last day that were not delivered, by channel."""
    table = notifications.c
    lately = table.made_ms > now_ms - _DAY_MS
    query = (
        select(table.channel, func.count(table.id))
        .where(lately, table.state == "failed")
        .group_by(table.channel)
        .order_by(func.count(table.id).desc())
        .limit(_MOST)
    )
    for channel, count in connection.execute(query):
        fix = "run `tramgac-collector notify test` and see what the channel answers"
        yield Complaint(f"{count} messages by {channel} failed within a day", fix)
    late = select(func.count(table.id)).where(
        table.state == "waiting", table.next_ms < now_ms - _OVERDUE_MS
    )
    if overdue := connection.scalar(late) or 0:
        yield Complaint(
            f"{overdue} messages wait though their time has come", "see that `serve` runs"
        )
