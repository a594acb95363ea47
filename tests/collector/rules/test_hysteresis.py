"""How long something must be bad before it is called a gap, and good before it is none."""

import pytest

from tramgac_collector.rules.hysteresis import Seen, Shown, gap_after, settled
from tramgac_collector.rules.status import Status

NOW = 1_795_312_800_000  # Sunday 22 November 2026, 12:00 in Viet Nam
MINUTE = 60_000
DAY = 24 * 60 * MINUTE
GOOD, BAD, UNKNOWN, STALE = Status.PASS_OBSERVED, Status.FAIL, Status.UNKNOWN, Status.STALE


def seen(*steps: tuple[float, Status]) -> list[Seen]:
    """Minutes ago, and what the evidence said from then on."""
    return [Seen(NOW - round(ago * MINUTE), status) for ago, status in steps]


@pytest.mark.parametrize("kind", ["none", "age"])
def test_ages_and_papers_wait_for_nothing(kind: str) -> None:
    """One verified snapshot closes the gap; the hour it is too old opens it."""
    assert settled(kind, seen((60, GOOD), (0, BAD)), Shown(GOOD), NOW) is BAD
    assert settled(kind, seen((60, BAD), (0, GOOD)), Shown(BAD), NOW) is GOOD


def test_a_state_is_a_gap_after_a_quarter_of_an_hour() -> None:
    """Bad for three fifths of it at least; a blip is none."""
    assert settled("state", seen((600, GOOD), (14, BAD)), Shown(GOOD), NOW) is BAD
    assert settled("state", seen((600, GOOD), (8, BAD)), Shown(GOOD), NOW) is GOOD
    flaps = seen((600, GOOD), (14, BAD), (9, GOOD), (4, BAD))
    assert settled("state", flaps, Shown(GOOD), NOW) is BAD
    assert (
        settled("state", seen((600, GOOD), (12, BAD), (6, GOOD), (2, BAD)), Shown(GOOD), NOW)
        is GOOD
    )


def test_a_state_is_good_again_after_an_hour() -> None:
    """Of nothing but good."""
    assert settled("state", seen((600, BAD), (61, GOOD)), Shown(BAD), NOW) is GOOD
    assert settled("state", seen((600, BAD), (59, GOOD)), Shown(BAD), NOW) is BAD
    assert (
        settled("state", seen((600, BAD), (90, GOOD), (30, BAD), (29, GOOD)), Shown(BAD), NOW)
        is BAD
    )


def test_a_new_watch_says_nothing_before_it_knows() -> None:
    """Bad from the first look on is not good, and for a quarter of an hour no gap either."""
    assert settled("state", seen((1, BAD)), Shown(None), NOW) is UNKNOWN
    assert settled("state", seen((1, GOOD)), Shown(None), NOW) is GOOD
    assert settled("state", seen((20, BAD)), Shown(UNKNOWN), NOW) is BAD


@pytest.mark.parametrize("kind", ["none", "age", "state", "performance", "coverage"])
@pytest.mark.parametrize("blind", [UNKNOWN, STALE])
def test_what_is_not_known_is_never_hidden(kind: str, blind: Status) -> None:
    """By what was good before, or by a mean."""
    assert settled(kind, seen((600, GOOD), (0, blind)), Shown(GOOD), NOW, 1.0) is blind


def test_performance_is_judged_by_working_days() -> None:
    """Three bad days of seven open the gap; five good working days close it."""
    day = 24 * 60.0
    nights = [(n * day + 12 * 60, GOOD) for n in (6, 5, 4, 3, 2, 1, 0)]
    assert settled("performance", seen((30 * day, GOOD), *nights), Shown(GOOD), NOW) is GOOD
    three = seen((30 * day, GOOD), (5.3 * day, BAD), (1.8 * day, GOOD), (0.1, BAD))
    assert settled("performance", three, Shown(GOOD), NOW) is BAD
    two = seen((30 * day, GOOD), (3.3 * day, BAD), (2 * day, GOOD), (0.1, BAD))
    assert settled("performance", two, Shown(GOOD), NOW) is GOOD
    assert settled("performance", seen((30 * day, BAD), (9 * day, GOOD)), Shown(BAD), NOW) is GOOD
    assert settled("performance", seen((30 * day, BAD), (3 * day, GOOD)), Shown(BAD), NOW) is BAD


def test_coverage_is_the_mean_of_a_week() -> None:
    """Below 95 % it is a gap, from 97 % on none; in between it stays what it was."""
    for cover, before, after in (
        (0.94, GOOD, BAD),
        (0.96, GOOD, GOOD),
        (0.96, BAD, BAD),
        (0.97, BAD, GOOD),
    ):
        assert settled("coverage", seen((600, GOOD)), Shown(before), NOW, cover) is after


def test_not_knowing_for_a_while_is_no_good_time() -> None:
    """A gap, then nothing known, then good: the hour begins when good was seen."""
    blind = Shown(UNKNOWN, gap_after(Shown(BAD, BAD), UNKNOWN))
    young = seen((600, BAD), (300, UNKNOWN), (1, GOOD))
    old = seen((600, BAD), (300, UNKNOWN), (61, GOOD))

    assert settled("state", young, blind, NOW) is BAD
    assert settled("state", old, blind, NOW) is GOOD
    assert (
        settled("performance", seen((9 * 1440, BAD), (300, UNKNOWN), (1, GOOD)), blind, NOW) is BAD
    )
    assert settled("age", young, blind, NOW) is GOOD


def test_a_gap_stands_until_good_was_shown() -> None:
    """Neither time without evidence nor its end forgets it; good does."""
    gap = gap_after(Shown(GOOD), BAD)

    assert gap is BAD
    assert gap_after(Shown(BAD, gap), STALE) is BAD
    assert gap_after(Shown(STALE, gap), GOOD) is None
    assert gap_after(Shown(STALE, gap), Status.NOT_APPLICABLE) is None
