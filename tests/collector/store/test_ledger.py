"""The ack ledger against a plain set of numbers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_collector.store.ledger import MAX_LEDGER_RANGES, IntervalSet, SeqLedger
from tramgac_proto.limits import MAX_ACK_RANGES

RANGES = st.lists(
    st.tuples(st.integers(1, 60), st.integers(0, 8)).map(lambda pair: (pair[0], sum(pair))),
    max_size=25,
)


def numbers(ranges: object) -> set[int]:
    """Every number of some ranges."""
    return {n for first, last in ranges for n in range(first, last + 1)}  # type: ignore[attr-defined]


@settings(max_examples=150, deadline=None)
@given(RANGES, st.tuples(st.integers(1, 60), st.integers(0, 20)))
def test_interval_set_is_a_set(ranges: list[tuple[int, int]], probe: tuple[int, int]) -> None:
    """Adding, removing, overlap and missing agree with a set; ranges never touch."""
    whole, intervals = numbers(ranges), IntervalSet(ranges)
    first, last = probe[0], sum(probe)
    asked = set(range(first, last + 1))
    assert numbers(intervals) == whole
    kept = list(intervals)
    assert all(kept[i][1] + 1 < kept[i + 1][0] for i in range(len(kept) - 1))
    assert numbers(intervals.overlap(first, last)) == whole & asked
    assert numbers(intervals.missing(first, last)) == asked - whole
    assert {n for n in range(90) if n in intervals} == whole
    less = intervals.copy()
    less.remove(first, last)
    assert numbers(less) == whole - asked
    assert numbers(intervals) == whole


@settings(max_examples=150, deadline=None)
@given(RANGES)
def test_ledger_settles_what_was_added(ranges: list[tuple[int, int]]) -> None:
    """In any order: contiguous is the longest run from 1, the rest stands above it."""
    ledger, settled = SeqLedger(), set[int]()
    for first, last in ranges:
        assert numbers(ledger.missing(first, last)) == set(range(first, last + 1)) - settled
        ledger.add(first, last)
        settled |= set(range(first, last + 1))
        assert {n for n in range(1, 80) if ledger.covers(n)} == settled
    run = 0
    while run + 1 in settled:
        run += 1
    assert ledger.contiguous == run
    assert numbers(ledger.above) == {n for n in settled if n > run}
    back = SeqLedger.unpack(ledger.contiguous, ledger.pack())
    assert (back.contiguous, list(back.above)) == (ledger.contiguous, list(ledger.above))


def test_ack_shows_what_was_just_sent() -> None:
    """With more ranges than fit, the ack still covers this batch, lowest first."""
    ledger = SeqLedger(0, [(n, n) for n in range(2, 202, 2)])
    ack = ledger.ack([200, 150])
    assert len(ack) == MAX_ACK_RANGES
    assert ack == sorted(ack)
    assert {(200, 200), (150, 150), (2, 2)} <= set(ack)


def test_scatter_is_bounded() -> None:
    """A sender of every other number is held back once the ledger is full of holes."""
    ledger = SeqLedger()
    for seq in range(2, 10 * MAX_LEDGER_RANGES, 2):
        if ledger.admits(seq):
            ledger.add(seq, seq)
    assert len(ledger.above) == MAX_LEDGER_RANGES
    assert ledger.admits(1)
    assert ledger.admits(3)
    assert not ledger.admits(9 * MAX_LEDGER_RANGES)


def test_empty_range_is_a_mistake() -> None:
    """A range that ends before it starts is refused."""
    with pytest.raises(ValueError, match="empty range"):
        IntervalSet([(3, 2)])
