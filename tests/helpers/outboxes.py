"""Outboxes for tests: a clock moved by hand, observations, and the sum that must be right."""

from collections.abc import Set as AbstractSet
from pathlib import Path

from tramgac_agent.checks.base import Observation, Sample
from tramgac_agent.clock import Clock
from tramgac_agent.outbox import Outbox, OutboxLimits, StoredRecord
from tramgac_proto.v1 import fleet_pb2

START_MS = 1_800_000_000_000
# Bounds that nothing in a small test can reach.
WIDE = OutboxLimits(max_age_days=3650, max_free_share=1.0, ballast_bytes=0)


class HandClock(Clock):
    """Stands still until moved."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def wall_ms(self) -> int:
        return self.now_ms

    def boottime_ms(self) -> int:
        return self.now_ms - START_MS + 86_400_000

    def boot_id(self) -> bytes:
        return bytes(range(16))


def point(number: float = 1.0, *, check: str = "disk", width: int = 1) -> Observation:
    """A measurement of ``width`` samples."""
    name = "tramgac_check_duration_seconds"
    return Observation(
        tuple(Sample(name, number, {"check": f"{check}{place}"}) for place in range(width)),
        stream=check,
    )


def event(number: int = 1) -> Observation:
    """A state change, kept to the end."""
    return Observation(
        detail=fleet_pb2.OutageNote(kind="boot", seconds=number), event=True, stream="outage"
    )


def open_box(
    folder: Path, clock: Clock | None = None, limits: OutboxLimits = WIDE, name: str = "outbox.db"
) -> Outbox:
    """An outbox below ``folder``."""
    return Outbox.open(folder / name, limits=limits, clock=clock or HandClock())


def everything(box: Outbox) -> list[fleet_pb2.Record]:
    """All records that wait; not by ``read``, which means that they are about to be sent."""
    query = "SELECT seq, payload FROM records ORDER BY seq"
    rows = box._with_store(lambda store: store.connection.execute(query).fetchall())
    return [StoredRecord(seq, payload).message for seq, payload in rows]


def gaps(box: Outbox) -> list[fleet_pb2.GapRecord]:
    """All gap records that wait."""
    return [one.gap for one in everything(box) if one.HasField("gap")]


def unaccounted(box: Outbox, told: AbstractSet[int] = frozenset()) -> set[int]:
    """Numbers that are neither settled, stored nor in a gap record: always empty.

    Args:
        box: The outbox.
        told: What the centre knows already; a gap record it has may name later numbers.
    """
    stats = box.stats()
    known = set(range(1, stats.settled_seq + 1)) | told
    for record in everything(box):
        known.add(record.seq)
        for one in record.gap.ranges:
            known.update(range(one.first, one.last + 1))
    return set(range(1, stats.last_seq + 1)) - known


def deliver(box: Outbox, upto: int) -> set[int]:
    """Let an honest centre have the records up to ``upto`` and acknowledge them.

    Returns:
        The numbers it now knows of.
    """
    stats = box.stats()
    sent = [one.message for one in box.read(0, max_records=10_000, max_bytes=1 << 40, upto=upto)]
    known = {one.seq for one in sent}
    for record in sent:
        for one in record.gap.ranges:
            known.update(range(one.first, one.last + 1))
    contiguous = stats.settled_seq
    while contiguous + 1 in known:
        contiguous += 1
    if known:
        box.mark_sent(max(known))
    box.settle(contiguous, epoch=stats.epoch, highest=max(known, default=0))
    return known
