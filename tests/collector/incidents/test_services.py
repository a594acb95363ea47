"""Systems and the providers they are at: down, out of reach, flapping, or only the way there."""

from helpers.hospitals import hospitals
from helpers.scenario import Fleet, incident


def test_a_stopped_his_is_told_after_three_looks() -> None:
    """T20: the agent calls and the server is up, and nobody can work."""
    fleet = Fleet(hospitals(5, hosts=2, systems="own"))

    fleet.at("10m").down("bv-1/his")
    fleet.at("11m30s").expect()
    fleet.at("14m").expect(incident("service_down", "system:bv-1/his", severity="critical"))
    fleet.at("30m").up("bv-1/his")
    fleet.at("40m").expect().expect_messages("down service_down", "recovered service_down")


def test_one_bad_look_is_no_incident() -> None:
    """A HIS that misses one look is not down."""
    fleet = Fleet(hospitals(5, hosts=2, systems="own"))

    fleet.at("10m").down("bv-1/his")
    fleet.at("11m").up("bv-1/his")
    fleet.at("30m").expect_messages()


def test_a_his_on_a_dead_server_is_the_server() -> None:
    """One cause: the server is told, with the HIS inside, and sooner than an agent alone."""
    fleet = Fleet(hospitals(5, hosts=3, systems="own"))

    fleet.at("10m").power_off("bv-1/main/h1")
    fleet.at("14m").expect(
        incident("agent_silent", "bv-1/main/h1", cause="server", severity="critical")
    )
    assert fleet.last("agent_silent").detail.inside == ("system:bv-1/his",)
    fleet.at("30m").power_on("bv-1/main/h1")
    fleet.at("60m").expect().expect_messages("down agent_silent", "recovered agent_silent")
    assert fleet.last("agent_silent").cause == "power_or_server"


def test_a_his_that_answers_clears_its_silent_server() -> None:
    """Others still see its HIS up: the agent is gone, not the server."""
    fleet = Fleet(hospitals(5, hosts=3, systems="own"))

    fleet.at("10m").agent_stop("bv-1/main/h1")
    fleet.at("16m").expect(incident("agent_silent", "bv-1/main/h1", cause="agent_or_host_link"))


def test_a_flapping_his_is_one_incident() -> None:
    """It comes and goes: one message, until it was good for half an hour and more."""
    fleet = Fleet(hospitals(5, hosts=2, systems="own"))

    for minute in range(10, 40, 4):
        fleet.at(f"{minute}m").down("bv-1/his")
        fleet.at(f"{minute + 2}m").up("bv-1/his")
    fleet.at("45m").expect(incident("service_flapping", "system:bv-1/his"))
    fleet.at("3h").expect().expect_messages("down service_flapping", "recovered service_flapping")


def test_a_dead_provider_is_one_incident() -> None:
    """Twelve facilities at one cloud make one message, within 180 s."""
    fleet = Fleet(hospitals(12, systems="cloud"))

    fleet.at("10m").down("provider:cloud")
    fleet.at("13m").expect(incident("provider_down", "provider:cloud"))
    fleet.expect_messages("down provider_down")
    assert len(fleet.last("provider_down").detail.inside) == 12
    fleet.at("60m").up("provider:cloud")
    fleet.at("2h").expect().expect_messages("down provider_down", "recovered provider_down")


def test_one_facility_s_way_to_a_provider_is_not_the_provider() -> None:
    """T20: that one site cannot reach it does not say that it is down."""
    fleet = Fleet(hospitals(12, systems="cloud"))

    fleet.at("10m").down("bv-1/his")
    fleet.at("30m").expect(incident("service_down", "system:bv-1/his"))
    fleet.expect_messages("down service_down")


def test_a_system_two_hosts_disagree_on_is_out_of_reach_of_one() -> None:
    """T20: where another host reaches it, the way there is the trouble, not the system."""
    fleet = Fleet(hospitals(5, hosts=2, systems="own"))
    fleet.seen("bv-1/main/h1", "service_up", 0, system="his", method="http")

    fleet.at("10m").expect(incident("service_partly_unreachable", "system:bv-1/his"))
    fleet.down("bv-1/his")
    fleet.at("15m").expect(incident("service_down", "system:bv-1/his", severity="critical"))


def test_a_unit_that_runs_behind_a_dead_page_hangs() -> None:
    """T20: "active" in systemd and no page is a system that hangs."""
    fleet = Fleet(hospitals(5, hosts=1, systems="own"))
    fleet.seen("bv-1/main/h1", "service_up", 1, system="his", method="systemd")

    fleet.at("10m").down("bv-1/his")
    fleet.at("15m").expect(incident("service_down", cause="hung"))


def test_a_system_nobody_can_see_is_unknown() -> None:
    """Its prober falls silent: the incident stays, and says that it is not known any more."""
    fleet = Fleet(hospitals(5, hosts=2, systems="own"))

    fleet.at("10m").down("bv-1/his")
    fleet.at("15m").expect(incident("service_down"))
    fleet.agent_stop("bv-1/main/h2").up("bv-1/his")
    fleet.at("30m").expect(incident("service_down"), incident("agent_silent"))
    assert fleet.last("service_down").detail.unknown
    fleet.agent_start("bv-1/main/h2")
    fleet.at("60m").expect()


def test_no_outage_is_called_a_cyber_incident() -> None:
    """T18: the tool tells what it sees; a person starts the legal clocks."""
    fleet = Fleet(hospitals(5, hosts=2, systems="own"))

    fleet.at("10m").down("bv-1/his")
    fleet.at("26h").expect(incident("service_down"))
    said = " ".join(f"{c.incident.code} {c.incident.cause} {c.info}" for _, _, c in fleet.events)
    assert "cyber" not in said
