"""Making room: fewer points, oldest first, never the beginning, and every loss on record.

Points of one stream are reduced to one in 5 minutes, then one an hour, then one a day, then
none. Events go only when nothing else is left. Gap records are never given up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tramgac_agent.outbox import database
from tramgac_agent.outbox.gaps import Loss, merge
from tramgac_agent.outbox.model import Kind
from tramgac_agent.outbox.store import Store

_MINUTE_MS = 60_000
BUCKETS_MS = (5 * _MINUTE_MS, 60 * _MINUTE_MS, 1440 * _MINUTE_MS)
HOUR_MS = 60 * _MINUTE_MS
_ROWS = 2000

_POINTS = f"kind IN ({int(Kind.POINT)}, {int(Kind.FAILED_POINT)})"

# All but the first of each bucket of each stream; the newest of a stream is the state the
# centre wants to see first and stays as well.
_CROWDED = f"""
SELECT seq, wall_ms FROM (
  SELECT seq, wall_ms,
    row_number() OVER (PARTITION BY stream, kind, wall_ms / :bucket ORDER BY seq) AS place,
    max(seq) OVER (PARTITION BY stream) AS newest
  FROM records WHERE {_POINTS} AND wall_ms < :before)
WHERE place > 1 AND seq != newest ORDER BY seq LIMIT :rows
"""  # noqa: S608 - only our own constants are put in

_ANY = "SELECT seq, wall_ms FROM records WHERE {} ORDER BY seq LIMIT :rows"

_FAR_MS = 1 << 62


@dataclass(frozen=True, slots=True)
class Step:
    """One way to find records that can be spared."""

    query: str
    bucket_ms: int
    reason: str


SPARSER_STEPS = tuple(Step(_CROWDED, bucket, "thinned") for bucket in BUCKETS_MS)
POINT_STEPS = (
    *SPARSER_STEPS,
    Step(_ANY.format(_POINTS), 1, "thinned"),
)
EVENT_STEP = Step(_ANY.format(f"kind = {int(Kind.EVENT)}"), 1, "dropped")


def thin(store: Store, target_bytes: int, steps: Sequence[Step]) -> dict[str, int]:
    """Give up records until the file's live bytes are within ``target_bytes``.

    Returns:
        Measurements lost, by reason.
    """
    lost: dict[str, int] = {}
    for step in steps:
        while rows := _rows_over(store, target_bytes):
            gone = _drop(store, step, _FAR_MS, rows)
            if not gone:
                break
            lost[step.reason] = lost.get(step.reason, 0) + gone
    if lost:
        store.shrink()
    return lost


def _rows_over(store: Store, target_bytes: int) -> int:
    """About how many records must go, at most a transaction's worth; 0 when none."""
    live = database.live_bytes(store.connection)
    if live <= target_bytes:
        return 0
    each = max(1, live // max(1, store.count()))
    return min(_ROWS, (live - target_bytes) // each + 1)


def thin_older(store: Store, before_ms: int) -> int:
    """Reduce points written before ``before_ms`` to one an hour; returns how many went."""
    total = 0
    while gone := _drop(store, POINT_STEPS[1], before_ms, _ROWS):
        total += gone
    if total:
        store.shrink()
    return total


def _drop(store: Store, step: Step, before_ms: int, count: int) -> int:
    """One transaction: some records out, the gap record that says so in."""
    found = {"bucket": step.bucket_ms, "before": before_ms, "rows": count}
    rows = store.connection.execute(step.query, found).fetchall()
    if not rows:
        return 0
    walls = [wall for _, wall in rows]
    ranges = merge((seq, seq) for seq, _ in rows)
    with database.transaction(store.connection):
        store.connection.executemany(
            "DELETE FROM records WHERE seq = ?", [(seq,) for seq, _ in rows]
        )
        store.insert_gap(Loss(step.reason, len(rows), ranges, min(walls), max(walls)))
    return len(rows)
