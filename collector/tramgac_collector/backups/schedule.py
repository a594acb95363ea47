"""When a backup is due by its schedule, in the schedule's own time zone."""

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from oncalendar import OnCalendar, OnCalendarError

from tramgac_collector.inventory.model import Schedule

_CRON_FIELDS = 5
_EARLY_MS = 60_000
_UNUSABLE = (CronSimError, OnCalendarError, ZoneInfoNotFoundError)


def check(schedule: Schedule) -> str:
    """What is wrong with a schedule and how to mend it; empty when nothing is."""
    if bool(schedule.cron) == bool(schedule.oncalendar):
        return "say when: either `cron` or `oncalendar`"
    if schedule.cron and len(schedule.cron.split()) != _CRON_FIELDS:
        return f"cron `{schedule.cron}`: write five fields, e.g. `0 22 * * *`"
    try:
        now = datetime.now(UTC).astimezone(ZoneInfo(schedule.zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return f"no time zone `{schedule.zone}`; write one like `Asia/Ho_Chi_Minh`"
    try:
        next(CronSim(schedule.cron, now) if schedule.cron else OnCalendar(schedule.oncalendar, now))
    except (CronSimError, OnCalendarError) as error:
        return f"`{schedule.cron or schedule.oncalendar}`: {error}"
    except StopIteration:
        return f"`{schedule.cron or schedule.oncalendar}` never comes; write a time that does"
    return ""


def next_due_ms(schedule: Schedule, started_ms: int) -> int | None:
    """When the run after one that began at ``started_ms`` must have ended, in ms since 1970.

    The rule of healthchecks (``hc/api/models.py``, ``get_grace_start``): the first time of the
    schedule after the last start, and the grace. A run may begin a minute early: host clocks
    are only known to within a second or so.

    Returns:
        None when the schedule never comes again or cannot be read.
    """
    tick = _tick_after(
        schedule.cron, schedule.oncalendar, schedule.zone, (started_ms + _EARLY_MS) // 1000
    )
    return None if tick is None else tick + round(schedule.grace_minutes * 60_000)


@lru_cache(maxsize=16_384)
def _tick_after(cron: str, oncalendar: str, zone: str, second: int) -> int | None:
    try:
        begin = datetime.fromtimestamp(second, ZoneInfo(zone))
        tick = next(CronSim(cron, begin) if cron else OnCalendar(oncalendar, begin))
    except (ValueError, OSError, OverflowError, *_UNUSABLE, StopIteration):
        return None
    return round(tick.timestamp() * 1000)
