"""The outbox: durable appends, draining, bytes; beside SQLite alone on the same disk."""

import os
import sqlite3
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from helpers.fleet import TABLE, quantile, values_of

from bench.common import Figure, fact
from tramgac_agent.checks.base import Observation, Sample
from tramgac_agent.clock import SYSTEM_CLOCK
from tramgac_agent.outbox import Outbox, OutboxLimits

_WIDE = OutboxLimits(max_free_share=1.0)
_AREA = "outbox"


def _observations(number: int) -> list[tuple[str, Observation]]:
    """The four records of one report of the fleet's shape."""
    values = iter(values_of(1, number))
    return [
        (
            check,
            Observation(
                tuple(
                    Sample(one.name, next(values), {x.name: x.value for x in one.labels})
                    for one in series
                )
            ),
        )
        for check, _, series in TABLE
    ]


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _append(box: Outbox, reports: int) -> list[float]:
    seconds = []
    for number in range(reports):
        for check, one in _observations(number):
            seconds.append(_timed(lambda c=check, o=one: box.append(c, [o], valid_seconds=180)))  # type: ignore[misc]
    return seconds


def _drain(box: Outbox) -> int:
    """Read in batches, mark them sent, settle them: the uplink without the wire."""
    epoch, done = box.epoch, 0
    while records := box.read(done):
        done = records[-1].seq
        box.mark_sent(done)
        box.settle(done, epoch=epoch, highest=done)
    return done


def _floor(path: Path, payload: bytes, rows: int) -> list[float]:
    """One INSERT a transaction in WAL with synchronous=FULL."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE records (seq INTEGER PRIMARY KEY, payload BLOB)")
    insert = "INSERT INTO records (payload) VALUES (?)"
    seconds = [_timed(lambda: connection.execute(insert, (payload,))) for _ in range(rows)]
    connection.close()
    return seconds


def _flush(path: Path, writes: int) -> list[float]:
    """A 4 KiB append and fdatasync: what this disk itself takes."""
    seconds = []
    with path.open("wb", buffering=0) as file:
        for _ in range(writes):
            file.write(bytes(4096))
            seconds.append(_timed(lambda: os.fdatasync(file.fileno())))
    return seconds


def measure(folder: Path, *, reports: int = 500) -> list[Figure]:
    """Append ``reports`` reports of four records, then drain them."""
    box = Outbox.open(folder / "outbox.db", limits=_WIDE, clock=SYSTEM_CLOCK)
    appended = _append(box, reports)
    stats = box.stats()
    size = stats.bytes / stats.records
    cpu = time.process_time()
    drained = _timed(lambda: _drain(box))
    cpu = time.process_time() - cpu
    box.close()
    plain = _floor(folder / "plain.db", bytes(int(size)), len(appended))
    disk = _flush(folder / "flush", 200)
    return [
        fact(_AREA, "append p50", quantile(appended, 0.5) * 1000, "ms", note="25 samples, FULL"),
        fact(_AREA, "append p99", quantile(appended, 0.99) * 1000, "ms"),
        fact(_AREA, "sqlite alone p50", quantile(plain, 0.5) * 1000, "ms", note="floor"),
        fact(_AREA, "sqlite alone p99", quantile(plain, 0.99) * 1000, "ms", note="as many bytes"),
        fact(_AREA, "fdatasync p50", statistics.median(disk) * 1000, "ms", note="this disk"),
        fact(_AREA, "drain", stats.records / drained, "records/s", note="read, mark, settle"),
        fact(_AREA, "drain CPU", cpu / stats.records * 1e6, "us/record"),
        fact(_AREA, "size", size, "B/record"),
    ]
