"""Event time: wrong, stepping and restarted clocks are corrected, never refused."""

import pytest

from tramgac_collector.ingest.clocks import ClockEstimate, EventClock
from tramgac_proto.v1 import fleet_pb2

BOOT, EARLIER = b"b" * 16, b"a" * 16
NOW = 1_800_000_000_000
HOUR = 3_600_000


def status(sent: int, boottime: int, boot: bytes = BOOT) -> fleet_pb2.AgentStatus:
    """What an agent says of its clocks."""
    return fleet_pb2.AgentStatus(boot_id=boot, sent_unix_ms=sent, sent_boottime_ms=boottime)


def test_the_fastest_of_ten_reports_tells_the_offset() -> None:
    """Slow ways make an offset look larger; the smallest of the last ten is nearest."""
    clock = ClockEstimate()
    for n, delay in enumerate((900, 40, 500)):
        clock.observe(status(NOW + n * 1000 + 3 * HOUR, n * 1000), NOW + n * 1000 + delay)
    assert clock.offset_ms == -3 * HOUR + 40
    for n in range(3, 13):
        clock.observe(status(NOW + n * 1000 + 3 * HOUR, n * 1000), NOW + n * 1000 + 200)
    assert clock.offset_ms == -3 * HOUR + 200


def test_a_set_clock_starts_anew() -> None:
    """Once the agent's clock is put right, the old offset is forgotten at once."""
    clock = ClockEstimate()
    clock.observe(status(NOW - 5 * HOUR, 1_000), NOW)
    assert clock.offset_ms == 5 * HOUR
    clock.observe(status(NOW + 60_000, 61_000), NOW + 60_030)
    assert clock.offset_ms == 30


@pytest.mark.parametrize(
    ("boot", "wall", "boottime", "expected"),
    [
        # This boot: the wall clock does not matter, however wrong.
        (BOOT, 0, 40_000, (NOW - 60_000, True)),
        (BOOT, NOW * 2, 100_000, (NOW, True)),
        # An earlier boot: wall clock and offset.
        (EARLIER, NOW - 3 * HOUR, 5, (NOW - 2 * HOUR, False)),
        # Never in the future, never before the epoch.
        (BOOT, 0, 999_999, (NOW, True)),
        (EARLIER, NOW, 0, (NOW, False)),
        (EARLIER, -HOUR * 2, 0, (0, False)),
    ],
)
def test_event_time(boot: bytes, wall: int, boottime: int, expected: tuple[int, bool]) -> None:
    """Within a boot time since boot decides; across boots the corrected wall clock."""
    estimate = ClockEstimate()
    estimate.observe(status(NOW - HOUR, 100_000), NOW)
    clock = EventClock(estimate, NOW)
    record = fleet_pb2.Record(boot_id=boot, wall_unix_ms=wall, boottime_ms=boottime)
    assert clock.at(record) == expected


def test_a_slow_report_does_not_move_what_it_tells() -> None:
    """Ten seconds on a bad line do not date its records ten seconds later."""
    estimate = ClockEstimate()
    estimate.observe(status(NOW, 100_000), NOW + 20)
    estimate.observe(status(NOW + 1_000, 101_000), NOW + 11_000)
    record = fleet_pb2.Record(boot_id=BOOT, wall_unix_ms=NOW, boottime_ms=100_500)
    assert EventClock(estimate, NOW + 11_000).at(record) == (NOW + 520, True)
