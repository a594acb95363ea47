"""Spans of time: each moment is counted once, and only inside the window."""

from tramgac_collector.report.spans import Window, common, join, total, without


def test_overlapping_spans_are_counted_once() -> None:
    """Two servers that were away together were away once."""
    assert join([(5, 9), (0, 3), (2, 6)]) == [(0, 9)]
    assert total([(0, 10), (5, 15), (20, 21)]) == 16


def test_what_is_common_to_both() -> None:
    """Pieces of one in pieces of the other."""
    assert common([(0, 10), (20, 30)], [(5, 25)]) == [(5, 10), (20, 25)]
    assert common([(0, 10)], [(10, 20)]) == []


def test_what_is_taken_from_it() -> None:
    """What is left before, between and after."""
    assert without([(0, 10), (5, 30)], [(3, 4), (8, 12), (25, 40)]) == [(0, 3), (4, 8), (12, 25)]
    assert without([(0, 10)], []) == [(0, 10)]


def test_a_window_cuts_what_reaches_beyond_it() -> None:
    """What lies outside is not told of."""
    window = Window("", "", 100, 200, 300)

    assert window.cut([(0, 150), (180, 900), (200, 300)]) == [(100, 150), (180, 200)]
