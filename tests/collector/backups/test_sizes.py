"""Whether a backup is as large as usual, by median and MAD."""

from statistics import median

import pytest
from helpers.evidence import NOW
from helpers.told import good, inventory, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from tramgac_collector.backups.evidence import gather
from tramgac_collector.backups.sizes import Sizes, is_low, sizes_of

EQUAL = (100.0,) * 5


@pytest.mark.parametrize(
    ("before", "newest", "low"),
    [
        (EQUAL, 100, False),
        (EQUAL, 92, False),
        # MAD is taken as 1 % of the median at least: 0.6745 * 9 / 1 is over 6.
        (EQUAL, 91, True),
        (EQUAL, 0, True),
        (EQUAL, 1_000, False),
        ((80.0, 90.0, 100.0, 110.0, 120.0), 60, False),
        ((10.0, 50.0, 100.0, 150.0, 300.0), 51, False),
        ((10.0, 50.0, 100.0, 150.0, 300.0), 49, True),
        ((0.0,) * 5, 0, False),
    ],
)
def test_low_is_under_half_or_far_outside_the_usual(
    before: tuple[float, ...], newest: float, *, low: bool
) -> None:
    """Series that vary much may vary; series that never vary may not."""
    assert is_low(before, newest) == low


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(1, 1e12), min_size=5, max_size=20), st.floats(0, 1e13))
def test_only_small_ones_are_low(before: list[float], newest: float) -> None:
    """Nothing at or above the median is low; anything under half of it is."""
    middle = median(before)
    if newest >= middle:
        assert not is_low(before, newest)
    if newest < 0.49 * middle:
        assert is_low(before, newest)


@pytest.mark.parametrize(
    ("sizes", "reasons"),
    [
        (Sizes(), []),
        (Sizes(bytes=(*EQUAL, 10)), ["size_drop"]),
        (Sizes(bytes=(100, 100, 100, 100, 10)), []),  # four before it are too few
        (Sizes(bytes=(*EQUAL, 100), files=(*EQUAL, 10)), ["files_drop"]),
        (Sizes(files=(200,), changed=(0.01, 0.01, 0.01, 0.9)), ["change_shock"]),
        (Sizes(files=(99,), changed=(0.01, 0.01, 0.01, 0.9)), []),
        (Sizes(files=(200,), changed=(0.01, 0.01, 0.9)), []),
        (Sizes(files=(200,), changed=(0.8, 0.7, 0.9, 0.9)), []),  # it is always like that
        (Sizes(bytes=(*EQUAL, 100), added=(1, 1, 1, 1, 1, 11)), ["size_jump"]),
        (Sizes(bytes=(*EQUAL, 1_000_000), added=(1, 1, 1, 1, 1, 11)), []),
        (Sizes(bytes=(*EQUAL, 100), added=(2, 2, 2, 2, 2, 11)), []),
    ],
)
def test_what_is_unusual(sizes: Sizes, reasons: list[str]) -> None:
    """Drops, a change of everything, and much new data; never on too little history."""
    assert list(sizes.unusual()) == reasons


def test_runs_tell_first_and_partial_ones_do_not_count() -> None:
    """Sizes come from complete runs; the size of a partial one is no measure of the next."""
    told = good().run(0.5, "partial", bytes=1, files=1)
    sizes = sizes_of(gather(told.facts, told.series), 0)
    assert len(sizes.bytes) == 9
    assert min(sizes.bytes) > 1


def test_where_runs_tell_nothing_snapshots_do() -> None:
    """A snapshot counts once, however often it is looked at, and a partial one not at all."""
    told = good()
    bare = type(told)()
    for day in range(6, -1, -1):
        bare.run(1 + 24 * day, counts_known=False)
        for hours in (0.8, 0.5, 0.2):
            bare.look(hours + 24 * day, bytes=1_000 + day)
    sizes = sizes_of(gather(bare.facts, bare.series), 0)
    assert sizes.bytes == tuple(float(1_000 + day) for day in range(6, -1, -1))
    bare.run(0.1, "partial", counts_known=False).look(0.05, bytes=1, newest_id=snapshot(0.1))
    assert 1.0 not in sizes_of(gather(bare.facts, bare.series), 0).bytes


def test_snapshots_that_tell_no_size_any_more_are_not_judged_by_old_ones() -> None:
    """A client that writes no summaries: what snapshots once held says nothing of the newest."""
    told = type(good())().declared(60).heard()
    for day in range(7, -1, -1):
        told.run(1 + 24 * day, counts_known=False)
        told.look(0.5 + 24 * day, newest_id=snapshot(day), summary_known=day > 3)
    assert sizes_of(gather(told.facts, told.series), NOW).untold


def test_a_run_without_sizes_is_not_judged_by_an_older_one() -> None:
    """The newest run told no sizes: what is unusual is not known, and that is said."""
    told = good().run(0.5, counts_known=False).look(0)
    verdict = told.judged(inventory()).verdict
    assert [one.reason for one in verdict.findings] == ["learning"]
