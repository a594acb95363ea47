"""How much of the time hosts were heard; a night in which the centre was off counts as dark."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, select

from tramgac_collector.facts.mapping import COVERAGE
from tramgac_collector.report.model import Cover
from tramgac_collector.report.spans import Span, Window, common, total
from tramgac_collector.store.schema import fact_history

# Below it nothing can be said of the whole: product parameter `product.mon.cover`.
LEAST = 0.95
_ALL = 0.9995


def cover_of(
    connection: Connection, facility: str, window: Window, work: Sequence[Span], *, hosts: int
) -> Cover:
    """Cover of one facility.

    Args:
        connection: For reading.
        facility: Its id.
        window: Of the report.
        work: When the centre was at work.
        hosts: How many should report.
    """
    full = part = 0
    weighed = 0.0
    for span, share in _steps(connection, facility, window):
        lasted = total(common([span], work))
        weighed += lasted * share
        if share >= _ALL:
            full += lasted
        elif share > 0:
            part += lasted
    ratio = weighed / window.length_ms if hosts and window.length_ms else None
    return Cover(ratio=ratio, full_ms=full, part_ms=part, dark_ms=window.length_ms - full - part)


def _steps(connection: Connection, facility: str, window: Window) -> Iterator[tuple[Span, float]]:
    """The share of hosts heard, from change to change."""
    table = fact_history.c
    query = (
        select(table.collected_ms, table.value)
        .where(table.name == COVERAGE.name, table.subject == facility)
        .where(table.collected_ms < window.until_ms, table.received_ms <= window.known_ms)
    )
    before = query.where(table.collected_ms <= window.since_ms)
    inside = query.where(table.collected_ms > window.since_ms)
    rows = [
        *connection.execute(before.order_by(table.collected_ms.desc()).limit(1)),
        *connection.execute(inside.order_by(table.collected_ms)),
    ]
    ends = [*(row.collected_ms for row in rows[1:]), window.until_ms]
    for row, end in zip(rows, ends, strict=False):
        span = (max(row.collected_ms, window.since_ms), end)
        yield span, min(max(row.value or 0.0, 0.0), 1.0)
