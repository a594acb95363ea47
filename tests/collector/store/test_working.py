"""When the collector was at work: a night off is a hole, a late turn is none."""

from sqlalchemy import Engine

from tramgac_collector.store.engine import reading
from tramgac_collector.store.working import note_at_work, worked

MINUTE = 60_000


def test_a_night_off_is_a_hole(engine: Engine) -> None:
    """Minutes grow together; what is missing between them is never filled; clocks may jump."""
    for minute in (0, 1, 2, 4, 600, 601, 599):
        with engine.begin() as connection:
            note_at_work(connection, minute * MINUTE)
    with reading(engine) as connection:
        found = worked(connection, 0, 10**9)
        cut = worked(connection, 2 * MINUTE, 3 * MINUTE)

    assert found == [(0, 4 * MINUTE), (600 * MINUTE, 601 * MINUTE)]
    assert cut == [(2 * MINUTE, 3 * MINUTE)]
