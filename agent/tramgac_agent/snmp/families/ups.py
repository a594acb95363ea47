"""Uninterruptible power supplies by the standard UPS-MIB (RFC 1628)."""

from collections.abc import Iterator
from typing import ClassVar

from tramgac_agent.checks.base import Sample
from tramgac_agent.snmp.families.base import Family, Memory, Poll, Reading, Wanted
from tramgac_agent.snmp.families.power import NEWS, Power, samples_of
from tramgac_agent.snmp.values import Walk, oid

_UPS = oid("1.3.6.1.2.1.33.1")
BATTERY_STATUS = (*_UPS, 2, 1, 0)  # 1 unknown, 2 normal, 3 low, 4 depleted
SECONDS_ON_BATTERY = (*_UPS, 2, 2, 0)  # 0 on mains
MINUTES_LEFT = (*_UPS, 2, 3, 0)
CHARGE = (*_UPS, 2, 4, 0)  # percent
TEMPERATURE = (*_UPS, 2, 7, 0)  # Celsius
INPUT_LOSSES = (*_UPS, 3, 1, 0)
OUTPUT_SOURCE = (*_UPS, 4, 1, 0)  # 1 other, 2 none, 3 normal, 4 bypass, 5 battery, 6, 7
SELF_TEST = (*_UPS, 7, 3, 0)  # 1 passed, 2 warning, 3 error, 4 aborted, 5 running, 6 none
INPUT_VOLTS = (*_UPS, 3, 3, 1, 3)  # by line
LOAD = (*_UPS, 4, 4, 1, 5)  # percent, by line
ALARMS = (*_UPS, 6, 1, 0)  # how many
ALARM = (*_UPS, 6, 2, 1, 2)  # by alarm: OID of what it is

_NONE, _ON_BATTERY = 2, 5
# Normal, bypass, booster, reducer.
_ON_MAINS = frozenset({3, 4, 6, 7})
_FLAGS = {2: False, 3: True, 4: True}
_TESTED = {1: True, 2: True, 3: False}
_BATTERY_BAD = (*_UPS, 6, 3, 1)
_SCALARS = (
    BATTERY_STATUS,
    SECONDS_ON_BATTERY,
    MINUTES_LEFT,
    CHARGE,
    TEMPERATURE,
    INPUT_LOSSES,
    OUTPUT_SOURCE,
    ALARMS,
    SELF_TEST,
)


class UpsFamily(Family[Memory]):
    """One UPS; ``kind = "ups"``."""

    polls: ClassVar = (Poll("ups", 60.0),)
    news: ClassVar = NEWS

    def wanted(self, poll: Poll) -> Wanted:  # noqa: ARG002 - there is one
        """A handful of numbers, the lines and the alarms."""
        return Wanted(_SCALARS, (INPUT_VOLTS, LOAD, ALARM))

    def read(self, poll: Poll, walk: Walk) -> Reading:  # noqa: ARG002
        """Put into the words all power supplies share."""
        return Reading(tuple(_read(walk)))


def _read(walk: Walk) -> Iterator[Sample]:
    source, on_for = walk.number(OUTPUT_SOURCE), walk.number(SECONDS_ON_BATTERY)
    minutes, status = walk.number(MINUTES_LEFT), walk.number(BATTERY_STATUS)
    power = Power(
        on_battery=_on_battery(source, on_for),
        on_battery_seconds=on_for,
        low_flag=_FLAGS.get(status or 0),
        charge_percent=walk.number(CHARGE),
        runtime_seconds=None if minutes is None else 60 * minutes,
        load_percent=max(walk.numbers(LOAD).values(), default=None),
        input_volts=max(walk.numbers(INPUT_VOLTS).values(), default=None),
        celsius=walk.number(TEMPERATURE),
        replace=_replace(walk),
        test_passed=_TESTED.get(walk.number(SELF_TEST) or 0),
        input_losses=walk.number(INPUT_LOSSES),
    )
    yield from samples_of(power)


def _replace(walk: Walk) -> bool | None:
    """Many cards have no alarms: no list is not an empty one."""
    alarms = walk.column(ALARM).values()
    if _BATTERY_BAD in alarms:
        return True
    return False if walk.number(ALARMS) == len(alarms) else None


def _on_battery(source: int | None, on_for: int | None) -> bool | None:
    """By the output's source; some cards leave it at "other" and only count the seconds.

    An output that is off says nothing of the mains either.
    """
    if source == _ON_BATTERY or source in _ON_MAINS:
        return source == _ON_BATTERY
    return None if on_for is None or (source == _NONE and not on_for) else on_for > 0
