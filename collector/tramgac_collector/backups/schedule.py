"""When a backup is due by its schedule, in the schedule's own time zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from oncalendar import OnCalendar, OnCalendarError

from tramgac_collector.inventory.model import Schedule

_CRON_FIELDS = 5


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
