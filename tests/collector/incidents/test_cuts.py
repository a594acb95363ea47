"""One cut, one alert: sites, the centre, providers, single hosts."""

from helpers.scenario import Fleet, hospitals, incident


def test_a_cut_site_is_one_incident_told_within_three_minutes() -> None:
    """Ten agents behind one line make one message, within 180 s of the cut."""
    fleet = Fleet(hospitals(5, hosts=10))

    fleet.at("10m").link_down("bv-2/main")
    fleet.at("13m").expect(incident("site_unreachable", "bv-2/main", cause="power_or_link"))
    fleet.at("60m").expect_messages("down site_unreachable")


def test_a_healed_site_is_one_recovery() -> None:
    """After the line is back there is one message more, and its cause is the line."""
    fleet = Fleet(hospitals(5, hosts=10))

    fleet.at("10m").link_down("bv-2/main")
    fleet.at("2h").link_up("bv-2/main")
    fleet.at("3h").expect().expect_messages("down site_unreachable", "recovered site_unreachable")
    assert fleet.last("site_unreachable").cause == "link"


def test_a_cut_centre_is_one_incident() -> None:
    """Where every site goes silent at once, it is rather our own line."""
    fleet = Fleet(hospitals(8, hosts=2))

    fleet.at("10m").link_down("centre")
    fleet.at("13m").expect(incident("collector_uplink_suspected", "centre", cause="no_site_calls"))
    fleet.at("2h").link_up("centre")
    fleet.at("3h").expect().expect_messages(
        "down collector_uplink_suspected", "recovered collector_uplink_suspected"
    )
