"""Paths that do not carry what they should: told by the second test that failed."""

import pytest
from helpers.hospitals import hospitals
from helpers.scenario import Fleet, incident

PATH = "bv-1/main/h1/hub"
DAY_MINUTES = 24 * 60


@pytest.fixture
def fleet() -> Fleet:
    """One hospital whose host tests the way to its hub."""
    return Fleet(hospitals(1)).at("10m")


def measure(fleet: Fleet, *, send: float, receive: float, proves: str = "floor") -> None:
    """One test each way, now."""
    for way, held in (("send", send), ("receive", receive)):
        labels = {"target": "hub", "direction": way, "proves": proves}
        fleet.once("bv-1/main/h1", "path_throughput_held", held, minutes=30 * 60, **labels)


def test_one_test_that_failed_proves_little(fleet: Fleet) -> None:
    """A busy moment is no finding; a second one running is, with its direction."""
    measure(fleet, send=0, receive=1)
    fleet.at("8h").expect()
    measure(fleet, send=0, receive=1)
    fleet.at("10h").expect(
        incident("path_not_held", PATH, cause="slow_send", severity="medium", facility="bv-1")
    )


def test_both_ways_are_one_finding_and_one_good_test_ends_it(fleet: Fleet) -> None:
    """It stands between tests, and is over when both ways hold."""
    for hours in (2, 14):
        fleet.at(f"{hours}h")
        measure(fleet, send=0, receive=0)
    fleet.at("20h").expect(incident("path_not_held", PATH, cause="slow_both"))
    measure(fleet, send=1, receive=1)
    fleet.at("22h").expect().expect_messages("down path_not_held", "recovered path_not_held")


def test_what_expired_and_what_was_a_capacity_says_nothing(fleet: Fleet) -> None:
    """Only floor tests are held to a pace; a finding nobody can confirm is not known, not well."""
    for hours in (2, 14):
        fleet.at(f"{hours}h")
        measure(fleet, send=0, receive=0, proves="capacity")
    fleet.at("20h").expect()
