"""What one agent-day costs the centre's store, hot and after retention.

Four days of a simulated agent go through a real outbox and the real ingest process; the last
three are weighed, so that what an agent costs once (series, ledger) does not count. The days are
over when they arrive, as after an outage.
"""

import asyncio
import sqlite3
import time
from pathlib import Path

from bench import day
from bench.common import Figure, at_most, fact
from bench.ingest import Centre, centre
from tramgac_agent.outbox import Outbox, OutboxLimits
from tramgac_collector.config import RetentionSection
from tramgac_collector.store.engine import open_engine
from tramgac_collector.store.retention import Retention

_HOT_MB, _KEPT_KB = 1.5, 30
_DAYS = 3
_LATER_MS = 5 * day.DAY_SECONDS * 1000
_WIDE = OutboxLimits(max_age_days=3650, max_free_share=1.0, ballast_bytes=0)


async def drain(box: Outbox, clock: day.DayClock, place: Centre) -> int:
    """Send all that waits as agent 0 of ``place``; returns the number of records."""
    clock.passed_ms = clock.end_ms
    agent = place.agents[0]
    agent.epoch, agent.series_known = box.epoch, True
    sent = 0
    while batch := box.read(agent.contiguous):
        request = agent.request([one.message for one in batch])
        request.status.sent_boottime_ms = clock.boottime_ms()
        request.series.extend(box.series(dict.fromkeys(n for one in batch for n in one.series_ids)))
        response = await agent.send(request)
        if response.refusals:
            raise RuntimeError(f"refused: {response.refusals[0]}")
        sent += len(batch)
    return sent


def live_bytes(path: Path) -> int:
    """Bytes of the database in use, freed pages not counted."""
    with sqlite3.connect(path, timeout=10) as connection:
        pages, free, size = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
    connection.close()
    return int((pages - free) * size)


def compact(path: Path) -> None:
    """Apply retention as it will be some days from now."""
    engine = open_engine(f"sqlite:///{path}")
    later = time.time_ns() // 1_000_000 + _LATER_MS
    retention = Retention(engine, RetentionSection(), now_ms=lambda: later)
    for epoch in retention.epochs():
        for step in retention.record_steps(epoch):
            with engine.begin() as connection:
                step.apply(connection)
    engine.dispose()


async def _weigh(folder: Path, place: Centre) -> tuple[int, int, int, int]:
    """Hot bytes, kept bytes, records and samples of the second day."""
    place.connect()
    clock = day.DayClock(2)
    box = Outbox.open(folder / "outbox.db", limits=_WIDE, clock=clock)
    templates = day.templates_of(folder / "here")
    path = place.folder / "state" / "store.db"
    day.live_a_day(box, clock, templates, 0)
    await drain(box, clock, place)
    compact(path)
    before = live_bytes(path)
    samples = sum(
        day.live_a_day(box, clock, templates, number * day.DAY_SECONDS)
        for number in range(1, 1 + _DAYS)
    )
    records = await drain(box, clock, place)
    hot = live_bytes(path)
    compact(path)
    kept = live_bytes(path)
    box.close()
    await place.agents[0].close()
    return hot - before, kept - before, records, samples


def measure(folder: Path) -> list[Figure]:
    """Weigh three agent-days."""
    with centre(folder, 1) as place:
        hot, kept, records, samples = asyncio.run(_weigh(folder, place))
    area = "store, agent-day"
    return [
        at_most(
            area, "hot", hot / _DAYS / 1e6, "MB", _HOT_MB, note=f"{hot / records:.0f} B a record"
        ),
        at_most(area, "kept after retention", kept / _DAYS / 1e3, "kB", _KEPT_KB),
        fact(area, "records", records / _DAYS, "records", note="4 systems, 4 paths, 1 repository"),
        fact(area, "samples", samples / _DAYS, "samples"),
    ]
