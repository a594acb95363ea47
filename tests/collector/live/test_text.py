"""Numbers and labels are spelled as prometheus_client spells them."""

from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.utils import floatToGoString

from tramgac_collector.live.text import spell


def oracle(value: float) -> str:
    text: str = floatToGoString(value)  # type: ignore[no-untyped-call]
    return text


EDGES = [
    *(0.0, -0.0, 1.0, -1.0, 0.1, 1e-7, 5e-324),
    *(999_999.0, 999_999.9999999999, 1e6, 1_000_000.5, 1_234_567.0, 1e7, 123_456_789.25),
    *(9_007_199_254_740_993.0, 1e15, 9.999999999999998e15, 1e16, 1.5e16, 1.7976931348623157e308),
    *(-1e6, -123_456_789.0, float("inf"), float("-inf"), float("nan"), 1_763_760_000.123),
]


def test_edges_are_spelled_as_the_client_library_does() -> None:
    """Around every change of notation, and for values that are not numbers."""
    assert spell(EDGES) == tuple(oracle(value) for value in EDGES)


@given(st.floats() | st.integers(-(2**63), 2**63).map(float))
@settings(max_examples=300)
def test_any_double_is_spelled_as_the_client_library_does(value: float) -> None:
    """The fast path never differs from the oracle."""
    assert spell([value]) == (oracle(value),)


@given(st.lists(st.floats() | st.floats(0, 10).map(lambda x: round(x, 5)), max_size=9))
@settings(max_examples=300)
def test_many_at_once_are_spelled_like_each_alone(values: list[float]) -> None:
    """Ordinary values beside those that need an exponent or a name change nothing."""
    assert spell(values) == tuple(oracle(value) for value in values)


def test_an_integer_is_spelled_as_a_float() -> None:
    """Callers may hand over whole numbers."""
    assert spell([3, 2_000_000]) == ("3.0", "2e+06")
