"""Power supplies by RFC 1628."""

import math

import pytest
from helpers.snmpcase import CASES, device, named, seen
from hypothesis import given
from hypothesis import strategies as st

from tramgac_agent.snmp.families import ups
from tramgac_agent.snmp.families.base import Memory
from tramgac_agent.snmp.families.power import Power, samples_of
from tramgac_agent.snmp.values import Value, Walk


@pytest.mark.parametrize("case", sorted(one.name for one in (CASES / "ups").iterdir()))
def test_a_recorded_supply_is_read_as_it_is(case: str) -> None:
    """Units, the lines' maximum, flags and figures come out as the case says."""
    found, expected = seen("ups", case)
    assert found == pytest.approx(expected)


_VALUES = st.one_of(
    st.integers(-(2**63), 2**64), st.binary(max_size=20), st.tuples(st.integers(0, 2**32))
)


@given(
    st.dictionaries(st.sampled_from(ups._SCALARS), _VALUES),
    st.dictionaries(
        st.sampled_from([ups.INPUT_VOLTS, ups.LOAD, ups.ALARM]),
        st.dictionaries(st.tuples(st.integers(1, 9)), _VALUES, max_size=4),
    ),
)
def test_any_answer_is_borne(
    scalars: dict[tuple[int, ...], Value],
    columns: dict[tuple[int, ...], dict[tuple[int, ...], Value]],
) -> None:
    """Whatever type or size comes back, ratios stay ratios and nothing is negative but Celsius."""
    family = ups.UpsFamily(device("ups"), Memory())
    reading = family.read(family.polls[0], Walk(scalars, columns))
    for name, value in named(reading.samples).items():
        assert math.isfinite(value)
        if name != "ups_temperature_celsius":
            assert value >= 0
        if name.endswith("charge_ratio"):
            assert value <= 1


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
