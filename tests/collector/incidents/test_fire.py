"""The judge under fire: cuts on top of cuts, lines that flap, things removed, clocks that jump."""

from helpers.hospitals import hospitals
from helpers.scenario import Fleet, incident

HOUR_AHEAD = "1h"


def test_a_later_cut_does_not_end_the_centre_s() -> None:
    """Four of ten sites are dark; a fifth ten minutes later makes nothing of it well."""
    fleet = Fleet(hospitals(10))

    fleet.at("10m").link_down("bv-1", "bv-2", "bv-3", "bv-4")
    fleet.at("25m").link_down("bv-5")
    fleet.at("60m").expect(
        incident("collector_uplink_suspected"), incident("site_unreachable", "bv-5/main")
    )
    assert "better" not in fleet.story("collector_uplink_suspected")


def test_a_later_host_does_not_end_its_site_s() -> None:
    """Seven of ten are dark; the eighth later is part of nothing new and ends nothing."""
    fleet = Fleet(hospitals(5, hosts=10))

    fleet.at("10m").power_off(*(f"bv-1/main/h{number}" for number in range(1, 8)))
    fleet.at("30m").power_off("bv-1/main/h8")
    fleet.at("60m").expect_messages("down site_unreachable", "down agent_silent")
    assert "better" not in fleet.story("site_unreachable")


def test_a_site_that_flaps_every_few_minutes_is_one_incident() -> None:
    """Four minutes down, three up, ten times: one message, and one when it is over."""
    fleet = Fleet(hospitals(5, hosts=2))

    for minute in range(10, 80, 7):
        fleet.at(f"{minute}m").link_down("bv-1")
        fleet.at(f"{minute + 4}m").link_up("bv-1")
    fleet.at("3h").expect()
    fleet.expect_messages("down site_unreachable", "recovered site_unreachable")


def test_a_site_that_flaps_slowly_is_three_incidents_at_most() -> None:
    """Each time it comes back after its end, it must be well for longer."""
    fleet = Fleet(hospitals(5, hosts=2))

    for minute in range(10, 170, 16):
        fleet.at(f"{minute}m").link_down("bv-1")
        fleet.at(f"{minute + 4}m").link_up("bv-1")
    fleet.at("4h").expect()
    assert [what for what, _ in fleet.messages].count("down") == 3


def test_an_incident_of_a_removed_system_is_closed() -> None:
    """A system taken out of the inventory keeps nobody busy, and is not said to be well."""
    fleet = Fleet(hospitals(3, hosts=2, systems="own"))

    fleet.at("10m").down("bv-1/his")
    fleet.at("15m").expect(incident("service_down", "system:bv-1/his"))
    fleet.set_inventory(hospitals(3, hosts=2))
    fleet.at("16m").expect()
    assert fleet.last("service_down").cause == "removed_from_inventory"
    fleet.at("60m").expect()


def test_an_incident_of_a_removed_dataset_is_closed() -> None:
    """Though its last run failed and nobody will ever run it again."""
    fleet = Fleet(hospitals(3, hosts=2, datasets=True))

    fleet.at("10m").back_up("bv-1/h1/db@nas", "failed", "source_unreadable")
    fleet.at("14m").expect(incident("backup_failed", "backup:bv-1/h1/db@nas"))
    fleet.set_inventory(hospitals(3, hosts=2))
    fleet.at("16m").expect()
    assert fleet.last("backup_failed").cause == "removed_from_inventory"
    fleet.at("60m").expect()


def test_an_incident_of_a_disk_that_is_no_more_ends_after_a_day() -> None:
    """Its host calls and does not name it: there is nothing left to be full."""
    fleet = Fleet(hospitals(3, hosts=2))

    fleet.at("10m").seen("bv-1/main/h1", "filesystem_used_ratio", 0.95, mountpoint="/old")
    fleet.at("30m").expect(incident("disk_filling"))
    fleet.machines["bv-1/main/h1"].series.clear()
    fleet.at("20h").expect(incident("disk_filling"))
    fleet.at("27h").expect()
    assert fleet.last("disk_filling").cause == "not_reported"


def test_a_disk_behind_a_dark_host_stays_open() -> None:
    """Nobody tells of it because nobody calls: that is no end."""
    fleet = Fleet(hospitals(3, hosts=2))

    fleet.at("10m").seen("bv-1/main/h1", "filesystem_used_ratio", 0.95, mountpoint="/old")
    fleet.at("30m").power_off("bv-1")
    fleet.at("50h").expect(incident("disk_filling"), incident("site_unreachable"))


def test_a_clock_that_jumps_ahead_is_nobody_s_silence() -> None:
    """An hour ahead at once: every last call looks old, and nobody is told so."""
    fleet = Fleet(hospitals(8, hosts=2))

    fleet.at("10m").centre_clock(HOUR_AHEAD)
    fleet.at("40m").expect_messages()


def test_a_clock_that_is_set_back_hides_no_cut() -> None:
    """Calls from an hour ahead are no calls of the future: a cut is told as soon as ever."""
    fleet = Fleet(hospitals(8, hosts=2))

    fleet.at("10m").centre_clock(HOUR_AHEAD)
    fleet.at("20m").centre_clock(HOUR_AHEAD, back=True)
    fleet.at("30m").link_down("bv-1")
    fleet.at("33m").expect(incident("site_unreachable", "bv-1/main"))
    fleet.expect_messages("down site_unreachable")


def test_a_clock_that_is_set_back_in_a_cut_hides_it_for_minutes_only() -> None:
    """Who fell silent while the clock was ahead last called, as far as is known, just now."""
    fleet = Fleet(hospitals(8, hosts=2))

    fleet.at("10m").centre_clock(HOUR_AHEAD)
    fleet.at("15m").link_down("bv-1")
    fleet.at("16m").centre_clock(HOUR_AHEAD, back=True)
    fleet.at("22m").expect(incident("site_unreachable", "bv-1/main"))


def test_a_clock_that_is_set_back_ends_an_incident_in_time() -> None:
    """What got better in an hour that is none any more is well from now on."""
    fleet = Fleet(hospitals(8, hosts=2))

    fleet.at("10m").centre_clock(HOUR_AHEAD).at("20m").link_down("bv-1")
    fleet.at("30m").link_up("bv-1")
    fleet.at("32m").centre_clock(HOUR_AHEAD, back=True)
    fleet.at("44m").expect()
    fleet.expect_messages("down site_unreachable", "recovered site_unreachable")


def test_a_service_is_seen_at_once_after_a_clock_was_set_back() -> None:
    """A newer look wins over one from an hour that is none any more."""
    fleet = Fleet(hospitals(4, hosts=2, systems="own"))

    fleet.at("10m").centre_clock(HOUR_AHEAD)
    fleet.at("20m").centre_clock(HOUR_AHEAD, back=True).down("bv-1/his")
    fleet.at("26m").expect(incident("service_down", "system:bv-1/his"))
