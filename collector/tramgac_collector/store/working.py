"""When the collector was at work: without it the last value before a night off looks like news."""

from sqlalchemy import Connection, insert, select, update

from tramgac_collector.store.report_schema import at_work

# Told once a minute; a turn may come late.
HOLE_MS = 150_000


def note_at_work(connection: Connection, now_ms: int) -> None:
    """Say that the collector receives now; pass this to ``Writer.execute`` once a minute."""
    newest = connection.execute(
        select(at_work.c.id, at_work.c.until_ms).order_by(at_work.c.until_ms.desc()).limit(1)
    ).one_or_none()
    if newest is None or now_ms - newest.until_ms > HOLE_MS:
        connection.execute(insert(at_work).values(from_ms=now_ms, until_ms=now_ms))
    elif now_ms > newest.until_ms:
        row = at_work.c.id == newest.id
        connection.execute(update(at_work).where(row).values(until_ms=now_ms))


def worked(connection: Connection, since_ms: int, until_ms: int) -> list[tuple[int, int]]:
    """Spans in which it was at work, cut to a window, the oldest first."""
    query = (
        select(at_work.c.from_ms, at_work.c.until_ms)
        .where(at_work.c.until_ms >= since_ms, at_work.c.from_ms < until_ms)
        .order_by(at_work.c.from_ms)
    )
    cut = ((max(a, since_ms), min(b, until_ms)) for a, b in connection.execute(query))
    return [(begin, end) for begin, end in cut if begin < end]
