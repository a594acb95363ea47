"""Places that are not reached: whose fault it is, told once; and paths bad in one direction."""

import pytest
from helpers.hospitals import hospitals
from helpers.scenario import Fleet, incident

from tramgac_proto.pathmetrics import PATH_STAGES

PORTALS = """portals:
- {id: bhyt, name: Cổng giám định, address: "bhyt.example:443", provider: cloud}
- {id: central, address: "central.example:443"}
"""


def fleet_of(count: int, *portals: str) -> Fleet:
    """Hospitals whose only host tries these portals, and reaches them."""
    fleet = Fleet(hospitals(count, provider=True) + "\n" + PORTALS)
    for number in range(1, count + 1):
        sees(fleet, f"bv-{number}", "ok", *portals)
    return fleet


def sees(fleet: Fleet, facility: str, stage: str, *targets: str) -> None:
    """From now on its host gets so far with these places."""
    place = f"{facility}/main/h1"
    for target in targets:
        fleet.seen(place, "path_reachable", float(stage == "ok"), target=target)
        fleet.seen(place, "path_stage", float(PATH_STAGES.index(stage)), target=target)


def test_a_portal_down_from_twelve_sites_is_one_incident_of_its_provider() -> None:
    """Nobody reaches it: one message, the provider's, with who needs it; no site is blamed."""
    fleet = fleet_of(12, "bhyt", "central").at("20m")
    for number in range(1, 13):
        sees(fleet, f"bv-{number}", "timeout", "bhyt")
    fleet.at("40m").expect(
        incident("path_down", "portal:bhyt", cause="far_end", severity="high", facility="")
    )
    found = fleet.last("path_down")
    assert found.vendor == "cloud"
    assert len(found.detail.inside) == 12
    for number in range(1, 13):
        sees(fleet, f"bv-{number}", "ok", "bhyt")
    fleet.at("80m").expect().expect_messages("down path_down", "recovered path_down")


def test_one_site_s_line_is_the_site_s() -> None:
    """What two others reach and one does not is that one's line; the portal is not blamed."""
    fleet = fleet_of(3, "bhyt", "central").at("20m")
    sees(fleet, "bv-2", "timeout", "bhyt", "central")
    fleet.at("40m").expect(incident("path_down", "bv-2/main", cause="line", facility="bv-2"))
    assert fleet.last("path_down").detail.inside == ("portal:bhyt", "portal:central")
    sees(fleet, "bv-2", "ok", "bhyt", "central")
    fleet.at("80m").expect().expect_messages("down path_down", "recovered path_down")


def test_one_portal_that_one_site_does_not_reach_is_not_the_portal() -> None:
    """It reaches another one and others reach this one: some way of its own is bad."""
    fleet = fleet_of(3, "bhyt", "central").at("20m")
    sees(fleet, "bv-2", "tls", "bhyt")
    fleet.at("40m").expect(incident("path_down", "bv-2/main", cause="line"))


def test_a_site_whose_gateway_is_gone_says_so() -> None:
    """Its own gateway does not answer: that is where to look."""
    fleet = fleet_of(3, "bhyt", "gateway").at("20m")
    sees(fleet, "bv-2", "timeout", "bhyt", "gateway")
    fleet.at("40m").expect(incident("path_down", "bv-2/main", cause="gateway"))


def test_a_gateway_that_does_not_answer_is_no_incident_of_its_own() -> None:
    """What matters is reached, so it is only shy."""
    fleet = fleet_of(2, "bhyt", "gateway").at("20m")
    sees(fleet, "bv-2", "timeout", "gateway")
    fleet.at("60m").expect_messages()


@pytest.mark.parametrize("still_told", [True, False])
def test_a_gateway_that_answers_no_more_pings_hides_no_portal(still_told: bool) -> None:  # noqa: FBT001
    """It was made shy, and perhaps nothing is told of it since: what is past it was reached."""
    others = ("central",) if still_told else ()
    fleet = fleet_of(3, "bhyt", "gateway", *others).at("20m")
    for number in (1, 2, 3):
        sees(fleet, f"bv-{number}", "timeout", "gateway")
    fleet.at("40m")
    if not still_told:
        for machine in fleet.machines.values():
            gone = [key for key in machine.series if ("target", "gateway") in key[1]]
            for key in gone:
                del machine.series[key]
    fleet.at("2h").expect_messages()
    for number in (1, 2, 3):
        sees(fleet, f"bv-{number}", "timeout", "bhyt")
    fleet.at("3h").expect(incident("path_down", "portal:bhyt", cause="far_end"))


def test_a_site_alone_says_what_it_can_know() -> None:
    """With one portal it may be either; with two, both gone is the line, one gone the portal."""
    fleet = fleet_of(1, "bhyt").at("20m")
    sees(fleet, "bv-1", "timeout", "bhyt")
    fleet.at("40m").expect(incident("path_down", "portal:bhyt", cause="line_or_far_end"))

    fleet = fleet_of(1, "bhyt", "central").at("20m")
    sees(fleet, "bv-1", "timeout", "bhyt", "central")
    fleet.at("40m").expect(incident("path_down", "bv-1/main", cause="line_likely"))

    fleet = fleet_of(1, "bhyt", "central").at("20m")
    sees(fleet, "bv-1", "refused", "central")
    fleet.at("40m").expect(incident("path_down", "portal:central", cause="far_end"))


def test_who_is_cut_off_is_no_witness_and_gets_no_second_message() -> None:
    """A site that is silent says nothing of the portal; its cut is told as ever."""
    fleet = fleet_of(3, "bhyt", "central").at("20m").link_down("bv-3")
    fleet.at("30m").expect(incident("site_unreachable", "bv-3/main"))
    for number in (1, 2):
        sees(fleet, f"bv-{number}", "timeout", "bhyt")
    fleet.at("50m").expect(
        incident("site_unreachable", "bv-3/main"), incident("path_down", "portal:bhyt")
    )


def test_a_portal_that_fails_for_one_look_is_nobody_s_alarm() -> None:
    """Seen by some before others, and over within two minutes: nothing is told of anybody."""
    fleet = fleet_of(3, "bhyt", "central").at("20m")
    sees(fleet, "bv-1", "timeout", "bhyt")
    fleet.at("21m")
    sees(fleet, "bv-1", "ok", "bhyt")
    fleet.at("60m").expect_messages()


def test_a_system_one_segment_cannot_reach_is_that_segment_s_trouble() -> None:
    """The HIS answers others: the network of the site is told, not the HIS."""
    fleet = Fleet(hospitals(1, hosts=3, systems="own"))
    for host in ("h2", "h3"):
        sees_his(fleet, host, up=True)
    fleet.at("20m")
    sees_his(fleet, "h2", up=False)
    fleet.at("40m").expect(incident("path_down", "bv-1/main", cause="segment"))
    assert fleet.last("path_down").detail.inside == ("system:bv-1/his",)


def test_a_system_that_is_down_is_told_as_such_and_not_as_a_path() -> None:
    """Hubs that do not reach a HIS that stopped add no message of their own."""
    fleet = Fleet(hospitals(1, hosts=3, systems="own"))
    for host in ("h1", "h2"):
        sees_his(fleet, host, up=True)
    fleet.at("20m").down("bv-1/his")
    for host in ("h1", "h2"):
        sees_his(fleet, host, up=False)
    fleet.at("40m").expect(incident("service_down", "system:bv-1/his"))
    fleet.expect_messages("down service_down")


def sees_his(fleet: Fleet, host: str, *, up: bool) -> None:
    for name, value in (("path_reachable", float(up)), ("path_stage", 0.0 if up else 4.0)):
        fleet.seen(f"bv-1/main/{host}", name, value, target="his")


def test_the_certificate_of_a_portal_is_told_once() -> None:
    """Twelve sites see the same certificate: one incident."""
    fleet = fleet_of(12, "bhyt")
    ends = fleet.now_ms / 1000 + 5 * 86_400
    for number in range(1, 13):
        name = "path_certificate_expiry_timestamp_seconds"
        fleet.seen(f"bv-{number}/main/h1", name, ends, target="bhyt")
    fleet.at("30m").expect(incident("certificate_expiring", "portal:bhyt"))


@pytest.mark.parametrize("way", ["send", "receive"])
def test_loss_in_one_direction_is_said_to_be(way: str) -> None:
    """By the reflector's count; the same incident, not a second one beside the loss."""
    fleet = Fleet(hospitals(2))
    lossy(fleet, 0, 0).at("1h")
    lossy(fleet, **{way: 0.3, {"send": "receive", "receive": "send"}[way]: 0.0})
    fleet.at("1h25m").expect(incident("path_one_way", "bv-1/main/h1/hub:udp", cause=f"loss_{way}"))
    lossy(fleet, 0.3, 0.3).at("2h").expect(incident("path_loss", "bv-1/main/h1/hub:udp"))
    lossy(fleet, 0, 0).at("4h").expect()


def lossy(fleet: Fleet, send: float, receive: float) -> Fleet:
    host = "bv-1/main/h1"
    fleet.seen(host, "path_loss_ratio", max(send, receive), target="hub", method="udp")
    for way, share in (("send", send), ("receive", receive)):
        name = "path_loss_direction_ratio"
        fleet.seen(host, name, share, target="hub", direction=way)
    return fleet


def test_latency_by_the_reflector_is_judged_by_its_own_week_and_names_the_direction() -> None:
    """The method is part of what is compared: the week of ICMP is not that of the reflector."""
    fleet, host = Fleet(hospitals(1)), "bv-1/main/h1"
    fleet.seen(host, "path_rtt_seconds", 0.01, target="hub", method="icmp").at("26h")
    fleet.seen(host, "path_rtt_seconds", 0.12, target="hub", method="udp")
    fleet.at("40h").expect()
    fleet.at("54h").seen(host, "path_rtt_seconds", 0.5, target="hub", method="udp")
    for way, seconds in (("send", 0.3), ("receive", 0.001)):
        fleet.seen(host, "path_queue_seconds", seconds, target="hub", direction=way)
    fleet.at("54h40m").expect(incident("path_slow", f"{host}/hub:udp", cause="queue_send"))
