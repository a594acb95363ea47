"""A carrier's line: several sites on it that go silent together are one incident above them."""

import pytest
from helpers.hospitals import hospitals
from helpers.scenario import Fleet, incident

LINE = incident("region_link_down", "link:ring", cause="carrier")
TOLD = "down region_link_down", "recovered region_link_down"


@pytest.fixture
def fleet() -> Fleet:
    """Ten hospitals, four of them on one line."""
    return Fleet(hospitals(10, hosts=2, lines_to="1 2 3 4"))


def cut(fleet: Fleet, *numbers: int) -> Fleet:
    return fleet.link_down(*(f"bv-{number}" for number in numbers))


def test_a_cut_line_is_one_incident(fleet: Fleet) -> None:
    """Four of ten sites would be the centre's own line, were they not on a carrier's."""
    cut(fleet.at("10m"), 1, 2, 3, 4)
    fleet.at("13m").expect(LINE).expect_messages("down region_link_down")
    assert fleet.last("region_link_down").vendor == "cloud"
    for number in range(1, 5):
        fleet.link_up(f"bv-{number}")
    fleet.at("60m").expect().expect_messages(*TOLD)
    assert fleet.last("region_link_down").cause == "carrier"


def test_a_part_of_a_line_is_the_line_as_well(fleet: Fleet) -> None:
    """Two of its sites within 120 s are no chance."""
    cut(fleet.at("10m"), 2)
    cut(fleet.at("10m20s"), 3)
    fleet.at("16m").expect(LINE).expect_messages("down region_link_down")


def test_one_site_of_a_line_is_only_itself(fleet: Fleet) -> None:
    """Alone it may be its power; so is one that follows an hour later."""
    cut(fleet.at("10m"), 1)
    cut(fleet.at("70m"), 2)
    fleet.at("75m").expect(
        incident("site_unreachable", "bv-1/main"), incident("site_unreachable", "bv-2/main")
    )


def test_a_site_with_two_lines_is_in_neither() -> None:
    """It has another way: when it is silent, that is no line's doing."""
    text = hospitals(8, lines_to="1 2").replace(
        "links: [", "links: [{id: other, carrier: cloud, sites: [bv-2/main, bv-3/main]}, "
    )
    fleet = Fleet(text)

    cut(fleet.at("10m"), 1, 2)
    fleet.at("14m").expect(
        incident("site_unreachable", "bv-1/main"), incident("site_unreachable", "bv-2/main")
    )


def test_a_line_and_others_are_still_the_centre(fleet: Fleet) -> None:
    """The line counts as one: with three more of six it is rather our own way out."""
    cut(fleet.at("10m"), 1, 2, 3, 4, 5, 6, 7)
    fleet.at("14m").expect(incident("collector_uplink_suspected", cause="many_sites_silent"))
    fleet.at("60m").expect_messages("down collector_uplink_suspected")


def test_nobody_calls_is_the_centre_whatever_hangs_on_a_line() -> None:
    """With all sites on one line, nobody can tell that line from our own."""
    fleet = Fleet(hospitals(5, lines_to="1 2 3 4 5"))

    fleet.at("10m").link_down("centre")
    fleet.at("14m").expect(incident("collector_uplink_suspected", cause="no_site_calls"))
    fleet.at("60m").link_up("centre")
    fleet.at("2h").expect()


def test_a_region_without_power_is_not_the_carrier(fleet: Fleet) -> None:
    """All its hosts come back with a new boot: the carrier is not charged."""
    fleet.at("10m").power_off("bv-1", "bv-2", "bv-3")
    fleet.at("14m").expect(LINE)
    fleet.at("60m").power_on("bv-1", "bv-2", "bv-3")
    fleet.at("2h").expect().expect_messages(*TOLD)
    assert fleet.last("region_link_down").cause == "power"


def test_work_on_a_line_is_not_told(fleet: Fleet) -> None:
    """Planned for the line, it counts for every site on it, and for no other."""
    cut(fleet.at("10m").maintenance("link:ring", "2h"), 1, 2, 3)
    fleet.at("60m").expect()
    cut(fleet, 9)
    fleet.at("64m").expect(incident("site_unreachable", "bv-9/main"))


def test_a_site_told_before_the_line_becomes_a_part_of_it(fleet: Fleet) -> None:
    """What was told once stays told; nobody gets a second message of it."""
    cut(fleet.at("10m"), 1)
    cut(fleet.at("11m50s"), 2, 3)
    fleet.at("20m").expect(LINE)
    fleet.at("60m").expect_messages("down site_unreachable", "down region_link_down")


def test_a_line_taken_out_of_the_inventory_is_closed(fleet: Fleet) -> None:
    """Its sites are told by themselves then."""
    cut(fleet.at("10m"), 1, 2)
    fleet.at("14m").expect(LINE).set_inventory(hospitals(10, hosts=2))
    fleet.at("30m").expect(
        incident("site_unreachable", "bv-1/main"), incident("site_unreachable", "bv-2/main")
    )
    assert fleet.last("region_link_down").cause == "removed_from_inventory"


def test_a_site_that_stays_dark_after_its_line_is_seen_by_itself_again(fleet: Fleet) -> None:
    """What was part of something that is over must not be hidden behind it."""
    cut(fleet.at("10m"), 1)
    cut(fleet.at("11m50s"), 2, 3)
    fleet.at("20m").expect(LINE).link_up("bv-2", "bv-3")
    fleet.at("60m").expect(incident("site_unreachable", "bv-1/main"))
    fleet.expect_messages(
        "down site_unreachable", "down region_link_down", "recovered region_link_down"
    )
    fleet.link_up("bv-1").at("90m").expect()
    assert "released" in fleet.story("site_unreachable")


def test_a_silent_host_covers_its_system_and_a_wrong_clock_does_not() -> None:
    """A system that is down becomes part of the silence alone, whatever else its host has."""
    fleet = Fleet(hospitals(4, hosts=2, systems="own"))
    fleet.at("10m").down("bv-1/his").at("20m").clock("bv-1/main/h1", 90).at("30m")
    fleet.expect(
        incident("service_down"), incident("clock_wrong", "bv-1/main/h1")
    ).power_off("bv-1/main/h1")  # fmt: skip
    fleet.at("40m")
    numbers = {one.number: one.code for one in fleet.open()}
    assert {numbers[one.parent] for one in fleet.open() if one.parent} == {"agent_silent"}


def test_a_cut_of_a_whole_province_names_every_site() -> None:
    """Whoever asks for one hospital alone finds what took it by its name in there."""
    fleet = Fleet(hospitals(70))
    fleet.at("10m").link_down("centre").at("14m")
    fleet.expect(incident("collector_uplink_suspected"))
    assert len(fleet.last("collector_uplink_suspected").detail.inside) == 70
