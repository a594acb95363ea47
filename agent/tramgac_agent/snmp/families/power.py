"""What power supplies of any make tell, and when to believe them."""

from collections.abc import Iterator
from dataclasses import dataclass

from tramgac_agent.checks.base import Sample

# A battery is low before the device says so: many say it minutes before the end.
LOW_CHARGE = 0.30
LOW_SECONDS = 600
# Cards without a real estimate show 999 minutes or more; next to no load gives hours as well.
_FANTASTIC_SECONDS = 999 * 60
_IDLE_PERCENT = 10
# Beyond this the figure is nonsense, not a measurement.
_MOST_PERCENT = 200
_MOST_CELSIUS = 150

NEWS = frozenset(
    {"tramgac_ups_on_battery", "tramgac_ups_battery_low", "tramgac_ups_battery_replace"}
)


@dataclass(frozen=True, slots=True)
class Power:
    """A power supply now; None is not told.

    Attributes:
        low_flag: The device's own word.
        input_volts: The highest of its lines.
        load_percent: Likewise.
        replace: It says that the battery must be replaced.
    """

    on_battery: bool | None = None
    on_battery_seconds: float | None = None
    low_flag: bool | None = None
    charge_percent: float | None = None
    runtime_seconds: float | None = None
    load_percent: float | None = None
    input_volts: float | None = None
    celsius: float | None = None
    replace: bool | None = None
    test_passed: bool | None = None
    input_losses: float | None = None


def samples_of(power: Power) -> Iterator[Sample]:
    """The catalogue's series of a power supply."""
    charge = _ratio(power.charge_percent, 1.0)
    values = {
        "on_battery": power.on_battery,
        "on_battery_seconds": _at_least_zero(power.on_battery_seconds),
        "battery_low": _low(power, charge),
        "battery_replace": power.replace,
        "battery_charge_ratio": charge,
        "runtime_seconds": _at_least_zero(power.runtime_seconds),
        "runtime_trusted": _trusted(power),
        "load_ratio": _ratio(power.load_percent, _MOST_PERCENT / 100),
        "input_volts": _at_least_zero(power.input_volts),
        "temperature_celsius": _believable(power.celsius),
        "self_test_passed": power.test_passed,
        "input_losses_total": _at_least_zero(power.input_losses),
    }
    for name, value in values.items():
        if value is not None:
            yield Sample(f"tramgac_ups_{name}", float(value))


def _low(power: Power, charge: float | None) -> bool | None:
    """By the device's flag or by its figures; the figures count on battery only."""
    figures = None
    if power.on_battery is False:
        figures = False
    elif power.on_battery:
        seconds = power.runtime_seconds if _trusted(power) else None
        known = [charge < LOW_CHARGE] if charge is not None else []
        known += [seconds < LOW_SECONDS] if seconds is not None else []
        figures = any(known) if known else None
    told = [one for one in (power.low_flag, figures) if one is not None]
    return any(told) if told else None


def _trusted(power: Power) -> bool | None:
    seconds, load = power.runtime_seconds, power.load_percent
    if seconds is None:
        return None
    return 0 <= seconds < _FANTASTIC_SECONDS and not (load is not None and load <= _IDLE_PERCENT)


def _ratio(percent: float | None, most: float) -> float | None:
    if percent is None or not 0 <= percent <= 100 * most:
        return None
    return percent / 100


def _believable(celsius: float | None) -> float | None:
    return celsius if celsius is not None and abs(celsius) <= _MOST_CELSIUS else None


def _at_least_zero(value: float | None) -> float | None:
    return value if value is not None and value >= 0 else None
