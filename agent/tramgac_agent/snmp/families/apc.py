"""Power supplies of APC by their own MIB (PowerNet)."""

from collections.abc import Iterator
from typing import ClassVar

from tramgac_agent.checks.base import Sample
from tramgac_agent.snmp.families.base import Family, Memory, Poll, Reading, Wanted
from tramgac_agent.snmp.families.power import NEWS, Power, samples_of
from tramgac_agent.snmp.values import Walk, oid

_APC = oid("1.3.6.1.4.1.318.1.1.1")
BATTERY_STATUS = (*_APC, 2, 1, 1, 0)  # 1 unknown, 2 normal, 3 low, 4 fault, 5 none
TICKS_ON_BATTERY = (*_APC, 2, 1, 2, 0)  # 1/100 s
CHARGE = (*_APC, 2, 2, 1, 0)  # percent
TEMPERATURE = (*_APC, 2, 2, 2, 0)  # Celsius
RUNTIME = (*_APC, 2, 2, 3, 0)  # 1/100 s
REPLACE = (*_APC, 2, 2, 4, 0)  # 1 no, 2 yes
INPUT_VOLTS = (*_APC, 3, 2, 1, 0)
OUTPUT_STATUS = (*_APC, 4, 1, 1, 0)  # 1 unknown, 2 on line, 3 on battery, others on mains too
LOAD = (*_APC, 4, 2, 3, 0)  # percent
SELF_TEST = (*_APC, 7, 2, 3, 0)  # 1 ok, 2 failed, 3 invalid, 4 running

_ON_BATTERY = 3
# On line, boost, bypasses, trim, eco mode, hot standby. The others (off, asleep until the mains
# are back, a test) are neither.
_ON_MAINS = frozenset({2, 4, 6, 9, 10, 12, 13, 14})
_TESTED = {1: True, 2: False}
_FLAGS = {2: False, 3: True, 4: False}
_FAULT = 4
_HUNDREDTHS = 100
_SCALARS = (
    BATTERY_STATUS,
    TICKS_ON_BATTERY,
    CHARGE,
    TEMPERATURE,
    RUNTIME,
    REPLACE,
    INPUT_VOLTS,
    OUTPUT_STATUS,
    LOAD,
    SELF_TEST,
)


class ApcFamily(Family[Memory]):
    """One UPS of APC; ``kind = "apc"``."""

    polls: ClassVar = (Poll("ups", 60.0),)
    news: ClassVar = NEWS

    def wanted(self, poll: Poll) -> Wanted:  # noqa: ARG002 - there is one
        """A handful of numbers."""
        return Wanted(_SCALARS)

    def read(self, poll: Poll, walk: Walk) -> Reading:  # noqa: ARG002
        """Put into the words all power supplies share."""
        return Reading(tuple(_read(walk)))


def _read(walk: Walk) -> Iterator[Sample]:
    output, status = walk.number(OUTPUT_STATUS), walk.number(BATTERY_STATUS)
    yield from samples_of(
        Power(
            on_battery=True if output == _ON_BATTERY else False if output in _ON_MAINS else None,
            on_battery_seconds=_seconds(walk.number(TICKS_ON_BATTERY)),
            low_flag=_FLAGS.get(status or 0),
            charge_percent=walk.number(CHARGE),
            runtime_seconds=_seconds(walk.number(RUNTIME)),
            load_percent=walk.number(LOAD),
            input_volts=walk.number(INPUT_VOLTS),
            celsius=walk.number(TEMPERATURE),
            replace=_replace(walk.number(REPLACE), status),
            test_passed=_TESTED.get(walk.number(SELF_TEST) or 0),
        )
    )


def _seconds(ticks: int | None) -> float | None:
    return None if ticks is None else ticks / _HUNDREDTHS


def _replace(flag: int | None, status: int | None) -> bool | None:
    """By its flag; a battery in fault must go as well."""
    if status == _FAULT:
        return True
    return {1: False, 2: True}.get(flag or 0)
