"""When a site receives patients, when it is night: all times in Viet Nam, which has one zone."""

import datetime as dt
from functools import cache

from tramgac_collector.inventory.lan import Clinic
from tramgac_collector.inventory.model import Inventory, Placed

ZONE = dt.timezone(dt.timedelta(hours=7))
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = dt.timedelta(days=1)


@cache
def _holidays(year: int) -> frozenset[dt.date]:
    # Heavy, and asked for only when somebody wants to test.
    import holidays  # noqa: PLC0415

    return frozenset(holidays.country_holidays("VN", years=year))


def is_holiday(day: dt.date) -> bool:
    """Whether a day is a public holiday in Viet Nam, as the `holidays` library knows it."""
    return day in _holidays(day.year)


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def span(text: str) -> tuple[int, int]:
    """``07:00-12:00`` as minutes of the day; an end before the beginning is on the next day."""
    first, _, last = text.partition("-")
    return _minutes(first), _minutes(last)


def local(at_ms: int) -> dt.datetime:
    """A moment in Viet Nam's time."""
    return dt.datetime.fromtimestamp(at_ms / 1000, ZONE)


def _at(day: dt.date, minutes: int) -> int:
    midnight = dt.datetime.combine(day, dt.time(), ZONE)
    return int((midnight + dt.timedelta(minutes=minutes)).timestamp() * 1000)


def open_on(clinics: tuple[Clinic, ...], day: dt.date) -> bool:
    """Whether patients come on that day.

    Args:
        clinics: What applies, the nearest first; its days count. An exception that is
            nearer wins over one farther away and over the public holidays.
        day: In Viet Nam.
    """
    for clinic in clinics:
        if day in clinic.open:
            return True
        if day in clinic.closed:
            return False
    return _DAYS[day.weekday()] in clinics[0].days and not is_holiday(day)


def clinics_of(inventory: Inventory, placed: Placed) -> tuple[Clinic, ...]:
    """What applies to a host's site, the nearest first."""
    given = (placed.site.clinic, placed.facility.clinic, inventory.clinic)
    return tuple(one for one in given if one is not None)


def clinic_ends(clinics: tuple[Clinic, ...], at_ms: int) -> int | None:
    """When the clinic hours that run at a moment end, ms; None outside of them."""
    now = local(at_ms)
    if not open_on(clinics, now.date()):
        return None
    minute = now.hour * 60 + now.minute
    ends = [last for first, last in map(span, clinics[0].hours) if first <= minute < last]
    return _at(now.date(), max(ends)) if ends else None


def night_opens(window: str, at_ms: int) -> int | None:
    """When the night begins next, ms; None while it is night.

    Args:
        window: As ``22:00-05:00``.
        at_ms: The moment.
    """
    first, last = span(window)
    now = local(at_ms)
    minute = now.hour * 60 + now.minute
    inside = first <= minute < last if first <= last else minute >= first or minute < last
    if inside:
        return None
    day = now.date() if minute < first else now.date() + _DAY
    return _at(day, first)
