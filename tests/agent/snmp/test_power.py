"""When a power supply's figures are believed."""

import pytest
from helpers.snmpcase import device, named

from tramgac_agent.snmp.families import load, ups
from tramgac_agent.snmp.families.power import Power, samples_of
from tramgac_agent.snmp.values import Walk


@pytest.mark.parametrize(
    ("power", "low"),
    [
        (Power(on_battery=True, charge_percent=29), 1.0),
        (Power(on_battery=True, charge_percent=31), 0.0),
        (Power(on_battery=True, runtime_seconds=599, load_percent=50), 1.0),
        (Power(on_battery=True, runtime_seconds=599, load_percent=5), None),
        (Power(on_battery=False, charge_percent=5), 0.0),
        (Power(on_battery=False, low_flag=True), 1.0),
        (Power(charge_percent=5), None),
    ],
)
def test_a_low_battery_is_found_before_its_flag(power: Power, low: float | None) -> None:
    """On battery, under 30 % or 10 believable minutes is low; what is not known stays unsaid."""
    assert named(samples_of(power)).get("ups_battery_low") == low


@pytest.mark.parametrize("code", [0, 8, 99])
def test_a_code_nobody_knows_is_not_mains(code: int) -> None:
    """Neither the source of the output nor the battery is said to be well."""
    family = load("ups")(device("ups"), load("ups").memory_type())
    walk = Walk({ups.OUTPUT_SOURCE: code, ups.BATTERY_STATUS: code})
    assert named(family.read(family.polls[0], walk).samples) == {}
