"""Clinic hours, holidays and nights, all by the clock of Viet Nam."""

import datetime as dt

import msgspec
import pytest

from tramgac_collector.inventory.lan import Clinic
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.rules import find_problems
from tramgac_collector.lan.calendar import (
    ZONE,
    clinic_ends,
    clinics_of,
    is_holiday,
    night_opens,
    open_on,
)

USUAL = Clinic()


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ("2026-09-21T06:59", None),
        ("2026-09-21T07:00", "2026-09-21T12:00"),
        ("2026-09-21T11:59:59", "2026-09-21T12:00"),
        ("2026-09-21T12:30", None),
        ("2026-09-21T16:59", "2026-09-21T17:00"),
        ("2026-09-21T17:00", None),
        ("2026-09-20T09:00", None),
        ("2026-09-02T09:00", None),
    ],
)
def test_clinic_hours_begin_and_end_to_the_minute(moment: str, ends: str | None) -> None:
    """A Monday has them; the noon break, a Sunday and National Day have not."""
    assert clinic_ends((USUAL,), at(moment)) == (at(ends) if ends else None)


@pytest.mark.parametrize("day", ["2026-01-01", "2026-02-17", "2026-04-26", "2026-09-02"])
def test_public_holidays_are_known(day: str) -> None:
    """New Year, the lunar New Year, the Hung Kings and National Day."""
    assert is_holiday(dt.date.fromisoformat(day))
    assert not is_holiday(dt.date.fromisoformat("2026-09-21"))


def test_the_inventory_knows_better_than_the_library() -> None:
    """A worked holiday is open, an extra day off is closed, the nearest word wins."""
    holiday, monday = dt.date(2026, 9, 2), dt.date(2026, 9, 21)
    province = Clinic(closed=(monday,), open=(holiday,))
    facility = Clinic(open=(monday,), closed=(holiday,))

    assert open_on((province,), holiday)
    assert not open_on((province,), monday)
    assert open_on((facility, province), monday)
    assert not open_on((facility, province), holiday)


def test_the_nearest_hours_count() -> None:
    """A site's own hours replace its facility's and the province's."""
    own = {"days": ["sun"], "hours": ["08:00-09:00"]}
    sites = [
        {"id": "a", "clinic": own, "hosts": [{"id": "x"}]},
        {"id": "b", "hosts": [{"id": "y"}]},
    ]
    declared = msgspec.convert(
        {"facilities": [{"id": "f", "code": "1", "sites": sites}]}, Inventory
    )
    there, here = (declared.place_of("f", one) for one in ("x", "y"))
    assert there
    assert here

    sunday = at("2026-09-20T08:30")
    assert clinic_ends(clinics_of(declared, there), sunday) == at("2026-09-20T09:00")
    assert clinic_ends(clinics_of(declared, here), sunday) is None


def test_no_hours_are_no_clinic() -> None:
    """Where nobody is treated, tests may run all day."""
    assert clinic_ends((Clinic(hours=()),), at("2026-09-21T09:00")) is None


@pytest.mark.parametrize(
    ("window", "moment", "opens"),
    [
        ("22:00-05:00", "2026-09-21T21:59", "2026-09-21T22:00"),
        ("22:00-05:00", "2026-09-21T22:00", None),
        ("22:00-05:00", "2026-09-22T04:59", None),
        ("22:00-05:00", "2026-09-22T05:00", "2026-09-22T22:00"),
        ("01:00-04:00", "2026-09-21T00:30", "2026-09-21T01:00"),
        ("01:00-04:00", "2026-09-21T03:00", None),
        ("01:00-04:00", "2026-09-21T04:00", "2026-09-22T01:00"),
    ],
)
def test_a_night_may_cross_midnight(window: str, moment: str, opens: str | None) -> None:
    """Inside it nothing is to be waited for; outside, its next beginning is told."""
    assert night_opens(window, at(moment)) == (at(opens) if opens else None)


def test_hours_that_say_nothing_are_refused() -> None:
    """A span that ends before it begins would silently be no clinic at all."""
    wrong = Clinic(
        hours=("17:00-07:00",), open=(dt.date(2026, 1, 1),), closed=(dt.date(2026, 1, 1),)
    )
    problems = find_problems(Inventory(clinic=wrong))

    assert [one.path for one in problems] == ["clinic.hours[0]", "clinic.open"]
