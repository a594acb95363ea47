"""One cut, one alert: sites, single agents, the centre, and what is told after a return."""

from helpers.hospitals import hospitals
from helpers.scenario import Fleet, incident
from helpers.scenario_centre import MINUTE

SITE = "down site_unreachable", "recovered site_unreachable"
UPLINK = "down collector_uplink_suspected", "recovered collector_uplink_suspected"


def test_a_cut_site_is_one_incident_told_within_three_minutes() -> None:
    """Ten agents behind one line make one message, within 180 s of the cut."""
    fleet = Fleet(hospitals(5, hosts=10))

    fleet.at("10m").link_down("bv-2/main")
    fleet.at("13m").expect(incident("site_unreachable", "bv-2/main", cause="power_or_link"))
    fleet.expect_messages("down site_unreachable")
    fleet.at("60m").expect_messages("down site_unreachable")


def test_a_healed_site_is_one_recovery() -> None:
    """After the line is back there is one message more, and its cause is the line."""
    fleet = Fleet(hospitals(5, hosts=10))

    fleet.at("10m").link_down("bv-2/main")
    fleet.at("2h").link_up("bv-2/main")
    fleet.at("3h").expect().expect_messages(*SITE)
    assert fleet.last("site_unreachable").cause == "link"
    assert fleet.last("site_unreachable").detail.down == ()


def test_a_recovery_waits_for_the_backlog() -> None:
    """It ends when the line came back, and is told five minutes later, the backlog in."""
    fleet = Fleet(hospitals(5, hosts=4))

    fleet.at("10m").link_down("bv-2/main")
    fleet.at("60m").link_up("bv-2/main")
    fleet.at("64m").expect(incident("site_unreachable"))
    fleet.at("67m").expect()
    ended = fleet.last("site_unreachable").closed_ms
    assert ended is not None
    assert fleet.now_ms - ended > 5 * MINUTE


def test_a_recovery_says_what_was_down_inside() -> None:
    """A HIS that was down during the cut is named, though nobody could see it then."""
    fleet = Fleet(hospitals(5, hosts=3, systems="own"))

    fleet.at("10m").link_down("bv-2/main")
    fleet.at("30m").down("bv-2/his")
    fleet.at("50m").up("bv-2/his")
    fleet.at("2h").link_up("bv-2/main")
    fleet.at("3h").expect().expect_messages(*SITE)
    assert fleet.last("site_unreachable").detail.down == ("system:bv-2/his",)
    assert fleet.last("site_unreachable").cause == "link"


def test_a_cut_site_does_not_charge_the_his() -> None:
    """A HIS that ran on during the cut is not said to have been down."""
    fleet = Fleet(hospitals(5, hosts=3, systems="own"))

    fleet.at("10m").link_down("bv-2/main")
    fleet.at("2h").link_up("bv-2/main")
    fleet.at("3h").expect()
    assert fleet.last("site_unreachable").detail.down == ()


def test_a_power_cut_is_told_from_a_cut_line() -> None:
    """All hosts come back with a new boot and no orderly stop: power."""
    fleet = Fleet(hospitals(5, hosts=4))

    fleet.at("10m").power_off("bv-2/main")
    fleet.at("13m").expect(incident("site_unreachable", cause="power_or_link"))
    fleet.at("60m").power_on("bv-2/main")
    fleet.at("2h").expect().expect_messages(*SITE)
    assert fleet.last("site_unreachable").cause == "power"
    assert len(fleet.last("site_unreachable").detail.down) == 4


def test_a_planned_shutdown_is_an_orderly_stop() -> None:
    """All hosts were shut down in order: nobody looks for a power cut."""
    fleet = Fleet(hospitals(5, hosts=3))

    fleet.at("10m").power_off("bv-2/main", clean=True)
    fleet.at("60m").power_on("bv-2/main")
    fleet.at("2h").expect().expect_messages(*SITE)
    assert fleet.last("site_unreachable").cause == "orderly_stop"


def test_a_lone_agent_is_power_link_or_server() -> None:
    """Where one agent is all there is, nobody knows more, and nobody says more."""
    fleet = Fleet(hospitals(5))

    fleet.at("10m").link_down("bv-3/main")
    fleet.at("13m").expect(incident("site_unreachable", cause="power_link_or_server"))
    fleet.expect_messages("down site_unreachable")


def test_a_lone_agent_is_relabelled_link_on_return() -> None:
    """The same boot: the server ran, the line was cut. What was told is told to be other."""
    fleet = Fleet(hospitals(5))

    fleet.at("10m").link_down("bv-3/main")
    fleet.at("60m").link_up("bv-3/main")
    fleet.at("2h").expect().expect_messages(*SITE)
    assert fleet.last("site_unreachable").cause == "link"
    assert "relabelled" in fleet.story("site_unreachable")


def test_a_lone_agent_is_relabelled_power_or_server_on_return() -> None:
    """A new boot without an orderly stop: power or server, and the two are not told apart."""
    fleet = Fleet(hospitals(5))

    fleet.at("10m").power_off("bv-3/main")
    fleet.at("60m").power_on("bv-3/main")
    fleet.at("2h").expect().expect_messages(*SITE)
    assert fleet.last("site_unreachable").cause == "power_or_server"


def test_a_lone_agent_that_was_stopped_is_the_monitor() -> None:
    """The same boot and a new start of the agent: the monitoring was off, nothing else."""
    fleet = Fleet(hospitals(5))

    fleet.at("10m").agent_stop("bv-3/main/h1")
    fleet.at("60m").agent_start("bv-3/main/h1")
    fleet.at("2h").expect()
    assert fleet.last("site_unreachable").cause == "agent_stopped"


def test_a_cut_centre_is_one_incident() -> None:
    """Where every site goes silent at once, it is rather our own line."""
    fleet = Fleet(hospitals(8, hosts=2))

    fleet.at("10m").link_down("centre")
    fleet.at("13m").expect(incident("collector_uplink_suspected", "centre", cause="no_site_calls"))
    fleet.at("2h").link_up("centre")
    fleet.at("3h").expect().expect_messages(*UPLINK)


def test_one_site_that_stays_dark_after_the_centre_is_told() -> None:
    """Suppressed is not forgotten: what is still silent is told once the rest is back."""
    fleet = Fleet(hospitals(8, hosts=2))

    fleet.at("10m").link_down("centre")
    fleet.at("60m").link_up(*(f"bv-{number}" for number in range(1, 8)))
    fleet.at("61m").expect(incident("collector_uplink_suspected"))
    fleet.at("70m").expect(incident("site_unreachable", "bv-8/main"))


def test_half_of_the_sites_are_one_incident() -> None:
    """More than three in ten of at least four sites at once are one cause, not many."""
    fleet = Fleet(hospitals(8))

    fleet.at("10m").link_down("bv-1", "bv-2", "bv-3", "bv-4")
    fleet.at("14m").expect(incident("collector_uplink_suspected", cause="many_sites_silent"))
    fleet.at("2h").expect_messages("down collector_uplink_suspected")


def test_two_of_ten_sites_are_two_incidents() -> None:
    """Two sites are no centre: each is told."""
    fleet = Fleet(hospitals(10))

    fleet.at("10m").link_down("bv-1", "bv-2")
    fleet.at("14m").expect(
        incident("site_unreachable", "bv-1/main"), incident("site_unreachable", "bv-2/main")
    )


def test_sites_lost_one_after_the_other_are_no_centre() -> None:
    """What went silent ten minutes apart has no one cause."""
    fleet = Fleet(hospitals(4))

    fleet.at("10m").link_down("bv-1")
    fleet.at("20m").link_down("bv-2")
    fleet.at("30m").expect(
        incident("site_unreachable", "bv-1/main"), incident("site_unreachable", "bv-2/main")
    )


def test_one_silent_host_of_many_is_its_own_incident() -> None:
    """Its neighbours call, so power and line are good: server or agent, after some minutes."""
    fleet = Fleet(hospitals(5, hosts=3))

    fleet.at("10m").agent_stop("bv-1/main/h2")
    fleet.at("13m").expect()
    fleet.at("16m").expect(incident("agent_silent", "bv-1/main/h2", cause="server_or_agent"))
    fleet.at("30m").agent_start("bv-1/main/h2")
    fleet.at("60m").expect().expect_messages("down agent_silent", "recovered agent_silent")
    assert fleet.last("agent_silent").cause == "agent_stopped"


def test_a_host_silent_for_long_is_no_witness_of_a_cut() -> None:
    """A site whose dead host nobody removed is still seen to be cut."""
    fleet = Fleet(hospitals(5, hosts=2))

    fleet.at("10m").power_off("bv-1/main/h2")
    fleet.at("60m").expect(incident("agent_silent", "bv-1/main/h2"))
    fleet.at("61m").link_down("bv-1")
    fleet.at("64m").expect(
        incident("agent_silent", "bv-1/main/h2"), incident("site_unreachable", "bv-1/main")
    )


def test_a_part_of_a_site_is_said_to_be_a_part() -> None:
    """Seven of ten at once are the site, and it is said that the rest calls."""
    fleet = Fleet(hospitals(5, hosts=10))

    fleet.at("10m").power_off(*(f"bv-1/main/h{number}" for number in range(1, 8)))
    fleet.at("13m").expect(incident("site_unreachable", "bv-1/main", cause="part_of_site"))
    fleet.at("60m").expect_messages("down site_unreachable")


def test_a_line_that_comes_and_goes_is_one_incident() -> None:
    """What comes back while it gets better stays open until it was good for ten minutes."""
    fleet = Fleet(hospitals(5, hosts=2))

    for minute in range(10, 60, 10):
        fleet.at(f"{minute}m").link_down("bv-1")
        fleet.at(f"{minute + 7}m").link_up("bv-1")
    fleet.at("64m").expect(incident("site_unreachable"))
    fleet.at("70m").expect().expect_messages(*SITE)


def test_a_short_gap_is_nobody_s_alarm() -> None:
    """100 s without a call are no silence, and a host that reboots at once is no cut."""
    fleet = Fleet(hospitals(5, hosts=2))

    fleet.at("10m").link_down("bv-1")
    fleet.at("11m30s").link_up("bv-1")
    fleet.at("60m").expect_messages()


def test_nothing_is_told_in_the_first_two_minutes() -> None:
    """A judge that starts calls nobody silent before it could have heard everybody."""
    fleet = Fleet(hospitals(8))

    fleet.at("10m").ingest(works=False)
    fleet.at("40m").ingest(works=True).restart_centre()
    fleet.at("60m").expect_messages()


def test_a_restart_during_a_cut_changes_nothing() -> None:
    """The table is all that is remembered: still one message, and one recovery."""
    fleet = Fleet(hospitals(5, hosts=4))

    fleet.at("10m").link_down("bv-2")
    fleet.at("20m").restart_centre()
    fleet.at("30m").expect_messages("down site_unreachable")
    fleet.at("60m").link_up("bv-2").restart_centre()
    fleet.at("2h").expect().expect_messages(*SITE)


def test_a_stalled_ingest_is_not_the_fleet_s_silence() -> None:
    """Where nothing is written any more, no site is said to be dark."""
    fleet = Fleet(hospitals(8, hosts=2))

    fleet.at("10m").ingest(works=False)
    fleet.at("30m").expect()
    fleet.at("31m").ingest(works=True)
    fleet.at("60m").expect_messages()


def test_a_host_that_never_called_is_no_incident() -> None:
    """What is only declared has no silence; coverage tells of it."""
    fleet = Fleet(hospitals(5))

    fleet.at("10m").set_inventory(hospitals(5, hosts=2))
    for number in range(1, 6):
        fleet.link_down(f"bv-{number}/main/h2")
    fleet.at("2h").expect_messages()
