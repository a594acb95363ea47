"""Losses are facts: which sequence numbers, how many measurements, why, from when."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tramgac_proto.limits import MAX_GAP_RANGES
from tramgac_proto.v1 import fleet_pb2

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Loss:
    """What was given up at one time.

    Attributes:
        reason: ``thinned``, ``dropped``, ``quarantined`` and ``torn`` always have ranges;
            ``disk_full``, ``readonly``, ``corrupt`` and ``oversized`` never do.
        records: Measurements lost.
        ranges: Sequence numbers that will never be sent; empty when none was ever given.
    """

    reason: str
    records: int
    ranges: tuple[Range, ...] = field(default=())
    first_wall_ms: int = 0
    last_wall_ms: int = 0


def merge(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Sort ranges and join those that touch."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return tuple(merged)


def between(merged: Iterable[Range], last: int) -> tuple[Range, ...]:
    """What merged ranges leave out of ``1..last``."""
    holes: list[Range] = []
    expected = 1
    for first, end in merged:
        if first > expected:
            holes.append((expected, first - 1))
        expected = max(expected, end + 1)
    if expected <= last:
        holes.append((expected, last))
    return tuple(holes)


def ranges_of(gap: fleet_pb2.GapRecord) -> tuple[Range, ...]:
    """The ranges of a gap record as plain pairs."""
    return tuple((one.first, one.last) for one in gap.ranges)


def joined(loss: Loss, gaps: Sequence[fleet_pb2.GapRecord]) -> Loss:
    """``loss`` together with what earlier gap records of the same reason say."""
    said = [gap for gap in gaps if gap.ranges or gap.records]
    if not said:
        return loss
    ranges = [one for gap in said for one in ranges_of(gap)]
    walls = [gap.first_wall_unix_ms for gap in said] + [gap.last_wall_unix_ms for gap in said]
    walls += [loss.first_wall_ms, loss.last_wall_ms]
    known = [wall for wall in walls if wall] or [0]
    return Loss(
        loss.reason,
        loss.records + sum(gap.records for gap in said),
        merge([*loss.ranges, *ranges]),
        min(known),
        max(known),
    )


def messages(loss: Loss) -> Iterator[fleet_pb2.GapRecord]:
    """Gap records that say ``loss``, each within MAX_GAP_RANGES.

    The count of measurements stands on the first one, so that the sum is right.
    """
    ranges = merge(loss.ranges)
    for start in range(0, max(len(ranges), 1), MAX_GAP_RANGES):
        gap = fleet_pb2.GapRecord(
            reason=loss.reason,
            records=0 if start else loss.records,
            first_wall_unix_ms=loss.first_wall_ms,
            last_wall_unix_ms=loss.last_wall_ms,
        )
        for first, last in ranges[start : start + MAX_GAP_RANGES]:
            gap.ranges.add(first=first, last=last)
        yield gap
