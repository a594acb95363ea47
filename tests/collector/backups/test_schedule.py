"""When a backup is due: the next time of its schedule after the last start, in its own zone."""

from datetime import UTC, datetime

import msgspec
import pytest

from tramgac_collector.backups.schedule import next_due_ms
from tramgac_collector.inventory.model import Schedule


def ms(text: str) -> int:
    """A time in UTC."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("schedule", "started", "due"),
    [
        # Ho Chi Minh City is seven hours ahead, all year.
        (Schedule(cron="0 22 * * *"), "2026-03-01T15:00:04", "2026-03-02T17:00:00"),
        (Schedule(cron="0 22 * * *", grace_minutes=0), "2026-03-01T16:30", "2026-03-02T15:00"),
        (Schedule(oncalendar="*-*-* 22:00"), "2026-03-01T15:00:04", "2026-03-02T17:00:00"),
        (Schedule(oncalendar="Sun 01:30"), "2026-03-01T00:00", "2026-03-07T20:30"),
        (Schedule(oncalendar="hourly", grace_minutes=10), "2026-03-01T05:30", "2026-03-01T06:10"),
        # A run by hand in the afternoon does not replace the nightly one.
        (Schedule(cron="0 22 * * *"), "2026-03-01T08:00", "2026-03-01T17:00"),
        # One that began some seconds early, by a clock not quite right, is the nightly one.
        (Schedule(cron="0 22 * * *"), "2026-03-01T14:59:58", "2026-03-02T17:00"),
    ],
)
def test_due_is_the_next_time_and_the_grace(schedule: Schedule, started: str, due: str) -> None:
    """Strictly after the start, in the schedule's zone, whatever the zone of the centre."""
    assert next_due_ms(schedule, ms(started)) == ms(due)


@pytest.mark.parametrize(
    ("started", "due"),
    [
        # Clocks in Berlin go forward on 29 March 2026 from 2 to 3 and back on 25 October.
        ("2026-03-28T03:30", "2026-03-29T02:30"),
        ("2026-10-24T02:30", "2026-10-25T03:30"),
    ],
)
@pytest.mark.parametrize(
    "schedule", [Schedule(cron="30 4 * * *"), Schedule(oncalendar="*-*-* 04:30")]
)
def test_summer_time_moves_the_due_time(schedule: Schedule, started: str, due: str) -> None:
    """The day is 23 or 25 hours long; half past four stays half past four, and so the grace."""
    moved = msgspec.structs.replace(schedule, zone="Europe/Berlin")
    assert next_due_ms(moved, ms(started)) == ms(due) + 2 * 3_600_000


def test_a_time_that_does_not_exist_is_not_lost() -> None:
    """A backup at half past two is still due on the night that has no half past two."""
    schedule = Schedule(cron="30 2 * * *", zone="Europe/Berlin", grace_minutes=0)
    due = next_due_ms(schedule, ms("2026-03-28T01:30"))
    assert due is not None
    assert ms("2026-03-29T00:59") <= due <= ms("2026-03-29T01:31")


@pytest.mark.parametrize(
    "schedule",
    [
        Schedule(cron="0 0 30 2 *"),
        Schedule(cron="never"),
        Schedule(oncalendar="2020-01-01"),
        Schedule(oncalendar="soon"),
        Schedule(cron="0 0 * * *", zone="Mars/Olympus"),
    ],
)
def test_what_cannot_be_read_is_never_due(schedule: Schedule) -> None:
    """The inventory refuses these; one that came by anyhow does not stop the judge."""
    assert next_due_ms(schedule, ms("2026-03-01T00:00")) is None
