"""Every family of devices: recorded cases, and answers nobody expects."""

import math

import pytest
from helpers.snmpcase import CASES, device, named, seen
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_agent.snmp.families import FAMILIES, load
from tramgac_agent.snmp.values import Oid, Value, Walk

_RECORDED = sorted((one.parent.name, one.name) for one in CASES.glob("*/*"))


@pytest.mark.parametrize(("kind", "case"), _RECORDED)
def test_a_recorded_device_is_read_as_it_is(kind: str, case: str) -> None:
    """Units, sentinels, flags and figures come out as the case says, and nothing besides."""
    found, expected = seen(kind, case)
    assert found == pytest.approx(expected)


def test_every_family_has_cases_and_a_page() -> None:
    """A family without a recorded case is not known to work."""
    assert {kind for kind, _ in _RECORDED} == set(FAMILIES)


_OIDS = st.lists(st.integers(0, 2**32 - 1), max_size=8).map(tuple)
_PAIRS = st.tuples(st.integers(1, 2), st.integers(1, 2))
_VALUES: st.SearchStrategy[Value] = st.one_of(
    st.integers(-(2**63), 2**64), st.binary(max_size=300), _OIDS
)


@st.composite
def _walks(draw: st.DrawFn, scalars: list[Oid], columns: list[Oid]) -> Walk:
    indices = draw(st.lists(_OIDS | _PAIRS, max_size=4, unique=True))
    tables = {
        column: {index: draw(_VALUES) for index in indices if draw(st.booleans())}
        for column in columns
    }
    values = {one: draw(_VALUES) for one in scalars if draw(st.booleans())}
    ticks = draw(st.none() | st.integers(0, 2**32 - 1))
    return Walk(values, tables, ticks, draw(st.integers(0, 2**42)))


@pytest.mark.parametrize("kind", sorted(FAMILIES))
@settings(max_examples=40)
@given(data=st.data())
def test_any_answer_is_borne(kind: str, data: st.DataObject) -> None:
    """Whatever comes, nothing is raised, ratios lie between 0 and 2, and no value is unreal."""
    family_type = load(kind)
    family = family_type(device(kind), family_type.memory_type())
    for _ in range(2):
        for poll in family.polls:
            wanted = family.wanted(poll)
            walk = data.draw(_walks(list(wanted.scalars), list(wanted.columns)))
            for name, value in named(family.read(poll, walk).samples).items():
                assert math.isfinite(value), name
                assert value >= 0 or "celsius" in name, name
                assert "_ratio" not in name or value <= 2, name
    assert all(math.isfinite(value) for value in named(family.silent()).values())
