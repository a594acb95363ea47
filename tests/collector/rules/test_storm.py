"""A declared storm quiets pages of the facilities it names, for its time and no longer."""

import pytest

from tramgac_collector.rules.storm import DAY_MS, Storm, box_fault, quiets

NOW = 1_800_000_000_000
STORM = Storm(
    7,
    frozenset({"bvdk"}),
    "storm no. 9",
    "department",
    "01/CD",
    NOW,
    NOW + DAY_MS,
    NOW,
    "cli",
    None,
)


@pytest.mark.parametrize(
    ("facility", "severity", "after_ms", "quiet"),
    [
        ("bvdk", "high", 0, True),
        ("bvdk", "low", DAY_MS - 1, True),
        ("bvdk", "high", DAY_MS, False),
        ("bvdk", "high", -1, False),
        ("bvdk", "critical", 0, False),
        ("other", "high", 0, False),
        ("", "high", 0, False),
    ],
)
def test_pages_rest_for_named_facilities_and_their_time(
    facility: str, severity: str, after_ms: int, *, quiet: bool
) -> None:
    """What is critical, of the province, or of another facility is told as ever."""
    found = quiets([STORM], facility, severity, NOW + after_ms)

    assert (found is not None) is quiet
    assert found is None or found == (7, NOW + DAY_MS)


def test_ending_a_storm_ends_its_quiet_but_not_what_was_known_before() -> None:
    """A day judged as known then still has it."""
    ended = STORM._replace(ended_ms=NOW + 1000)

    assert quiets([ended], "bvdk", "high", NOW + 1000) is None
    assert quiets([ended], "bvdk", "high", NOW + 999) == (7, NOW + 1000)
    assert not ended.holds(NOW + 2000, NOW + 3000)
    assert not STORM.holds(NOW, NOW - 1)


def test_a_storm_has_a_bounded_time_box() -> None:
    """Fourteen days at most, and its end lies ahead."""
    assert box_fault(NOW, NOW + 14 * DAY_MS, NOW) == ""
    assert "14 days at most" in box_fault(NOW, NOW + 14 * DAY_MS + 1, NOW)
    assert "lie ahead" in box_fault(NOW - 2, NOW - 1, NOW)
    assert "lie ahead" in box_fault(NOW + 2, NOW + 1, NOW)
