"""Findings on switches, power supplies and printers: one cause, one incident, with its words."""

from collections.abc import Mapping

import pytest
from helpers.scenario import incident
from helpers.scenario_devices import PRINTER, SITE, SWITCH, SWITCH_2, UPS, DeviceFleet

from tramgac_collector.facts.devices import PORT_FINDINGS
from tramgac_collector.facts.ledger import Fact
from tramgac_collector.incidents.devices import OF_DEVICES
from tramgac_collector.incidents.model import Incident
from tramgac_collector.incidents.symptoms import Look
from tramgac_collector.incidents.tree import Tree
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.notify import pipeline
from tramgac_collector.notify.message import Topic, compose
from tramgac_collector.notify.words import LANGUAGES
from tramgac_proto.lanwords import PORT_WORDS, say


@pytest.fixture
def fleet() -> DeviceFleet:
    """Two hospitals; the first has two switches, a UPS for its site, and a printer."""
    fleet = DeviceFleet()
    fleet.answers(SWITCH, SWITCH_2, UPS, PRINTER).device(UPS, "ups_on_battery", 0.0)
    fleet.device(UPS, "ups_battery_low", 0.0).starts(SWITCH)
    return fleet


def body(fleet: DeviceFleet, one: Incident, language: str) -> str:
    """The message a person gets."""
    detail = {"inside": list(one.detail.inside)}
    told = pipeline.Incident(
        id=one.number, code=one.code, opened_ms=one.opened_ms, severity=one.severity,
        node=one.node, facility=one.facility, site=one.site, cause=one.cause, detail=detail,
    )  # fmt: skip
    return compose([Topic(told)], fleet.inventory, language).body


@pytest.mark.parametrize("finding", PORT_WORDS)
def test_a_port_in_trouble_is_told_with_cause_and_next_step(
    fleet: DeviceFleet, finding: str
) -> None:
    """Half duplex, 1 G to 100 M, errors, an overloaded uplink and the rest, in both languages."""
    fleet.at("10m").port(SWITCH, "Gi1/0/3", finding, bad=True)
    fleet.at("20m").expect(incident(f"port_{finding}", SWITCH))
    one = fleet.last(f"port_{finding}")
    for language in LANGUAGES:
        text = body(fleet, one, language)
        words = PORT_WORDS[finding]
        assert all(say(pair, language) in text for pair in (words.what, words.cause, words.step))
        assert "Gi1/0/3" in text
    fleet.port(SWITCH, "Gi1/0/3", finding, bad=False)
    fleet.at("40m").expect().expect_messages(f"down port_{finding}", f"recovered port_{finding}")


def test_many_ports_of_one_switch_are_one_incident(fleet: DeviceFleet) -> None:
    """Forty-eight ports with one trouble are one message with a list; well only when all are."""
    for port in range(24):
        fleet.port(SWITCH, f"Gi1/0/{port}", "errors", bad=True)
    fleet.at("10m").expect(incident("port_errors", SWITCH))
    for port in range(24, 48):
        fleet.port(SWITCH, f"Gi1/0/{port}", "errors", bad=True)
    fleet.at("20m").expect(incident("port_errors", SWITCH)).expect_messages("down port_errors")
    assert len(fleet.last("port_errors").detail.inside) == 48
    for port in range(47):
        fleet.port(SWITCH, f"Gi1/0/{port}", "errors", bad=False)
    fleet.at("50m").expect(incident("port_errors", SWITCH))
    fleet.port(SWITCH, "Gi1/0/47", "errors", bad=False)
    fleet.at("70m").expect().expect_messages("down port_errors", "recovered port_errors")


def test_a_port_nobody_tells_of_is_not_well(fleet: DeviceFleet) -> None:
    """The bad one vanishes while another is well: it stays open, unknown, for a day."""
    fleet.port(SWITCH, "Gi1", "slowed", bad=True).port(SWITCH, "Gi2", "slowed", bad=False)
    fleet.at("10m").expect(incident("port_slowed", SWITCH))
    del fleet.devices[SWITCH]["port_finding", (("port", "Gi1"), ("finding", "slowed"))]
    fleet.at("60m").port(SWITCH, "Gi2", "slowed", bad=False)
    fleet.at("3h").expect(incident("port_slowed", SWITCH))
    assert fleet.last("port_slowed").detail.unknown
    fleet.at("30h").expect()


def test_a_silent_switch_hides_its_ports_and_what_fell_silent_with_it(fleet: DeviceFleet) -> None:
    """One message for the switch; its ports, the other switch and the UPS behind it say nothing."""
    fleet.at("30m").silent(SWITCH)
    fleet.at("32m").silent(SWITCH_2, UPS)
    fleet.at("60m").expect(incident("device_silent", SWITCH, severity="high"))
    fleet.expect_messages("down device_silent").answers(SWITCH, SWITCH_2, UPS)
    fleet.at("80m").expect().expect_messages("down device_silent", "recovered device_silent")


def test_a_switch_that_is_silent_while_its_ports_turn_bad(fleet: DeviceFleet) -> None:
    """What was just found on its ports is not told beside the silence."""
    fleet.at("30m").silent(SWITCH).port(SWITCH, "Gi1/0/3", "errors", bad=True)
    fleet.at("60m").expect(incident("device_silent", SWITCH))


def test_a_device_that_never_answered_is_a_matter_of_settings() -> None:
    """Told at low severity, with that as its cause."""
    fleet = DeviceFleet().silent(SWITCH)
    fleet.at("20m").expect(
        incident("device_silent", SWITCH, severity="low", cause="never_answered")
    )


def test_devices_of_a_dark_site_are_not_told(fleet: DeviceFleet) -> None:
    """Their asking host is dark as well; nothing new is known of them, before or after."""
    fleet.at("30m").silent(SWITCH, UPS).port(SWITCH_2, "Gi1", "errors", bad=True)
    fleet.at("31m").link_down(SITE)
    fleet.at("60m").expect(incident("site_unreachable", SITE))
    fleet.expect_messages("down site_unreachable")


def test_on_battery_is_told_and_ends(fleet: DeviceFleet) -> None:
    """High at first, critical when the battery is low, over when the mains are back."""
    fleet.at("30m").device(UPS, "ups_on_battery", 1.0)
    fleet.at("40m").expect(incident("ups_on_battery", UPS, severity="high"))
    fleet.device(UPS, "ups_battery_low", 1.0)
    fleet.at("50m").expect(incident("ups_battery_low", UPS, severity="critical"))
    fleet.device(UPS, "ups_on_battery", 0.0)
    fleet.at("60m").expect(incident("ups_battery_low", UPS))
    fleet.device(UPS, "ups_battery_low", 0.0)
    fleet.at("80m").expect()


def test_a_self_test_of_a_minute_is_nobodys_alarm(fleet: DeviceFleet) -> None:
    """On battery for a minute: no incident."""
    fleet.at("30m").device(UPS, "ups_on_battery", 1.0)
    fleet.at("31m").device(UPS, "ups_on_battery", 0.0)
    fleet.at("50m").expect().expect_messages()


def test_on_battery_then_silent_is_one_cut_of_power(fleet: DeviceFleet) -> None:
    """The cause is known at once, not only when the hosts come back."""
    fleet.at("30m").device(UPS, "ups_on_battery", 1.0)
    fleet.at("31m").power_off(SITE)
    fleet.at("40m").expect(incident("site_unreachable", SITE, cause="power"))
    fleet.expect_messages("down site_unreachable")
    fleet.at("50m").power_on(SITE).device(UPS, "ups_on_battery", 0.0)
    fleet.at("70m").expect()
    assert fleet.last("site_unreachable").cause == "power"


def test_the_battery_that_ran_out_belongs_to_the_silence(fleet: DeviceFleet) -> None:
    """Told as on battery, then the site goes: one cause stays, the other is part of it."""
    fleet.at("30m").device(UPS, "ups_on_battery", 1.0)
    fleet.at("50m").power_off(SITE)
    fleet.at("60m").expect(incident("site_unreachable", SITE, cause="power"))
    assert fleet.last("ups_on_battery").parent == fleet.last("site_unreachable").number


def test_mains_that_were_good_are_no_cause(fleet: DeviceFleet) -> None:
    """The same silence with the UPS on the mains stays what it was: power or link, not known."""
    fleet.at("31m").link_down(SITE)
    fleet.at("40m").expect(incident("site_unreachable", SITE, cause="power_or_link"))


def test_the_backlog_tells_of_the_mains(fleet: DeviceFleet) -> None:
    """The line died with the mains, the hosts ran on: known as power once they tell."""
    fleet.at("31m").link_down(SITE).device(UPS, "ups_on_battery", 1.0)
    fleet.at("45m").expect(incident("site_unreachable", SITE, cause="power_or_link"))
    fleet.device(UPS, "ups_on_battery", 0.0)
    fleet.at("60m").link_up(SITE)
    fleet.at("80m").expect()
    assert fleet.last("site_unreachable").cause == "power"


def test_a_switch_that_started_anew_is_no_line(fleet: DeviceFleet) -> None:
    """Hosts ran, the switch has a new start inside the silence."""
    fleet.at("31m").link_down(SITE)
    fleet.at("44m").starts(SWITCH)
    fleet.at("45m").link_up(SITE)
    fleet.at("70m").expect()
    assert fleet.last("site_unreachable").cause == "network_restarted"


def test_a_battery_to_replace_is_told(fleet: DeviceFleet) -> None:
    """By the device's word or its failed self-test; good again only when the last word is."""
    fleet.at("30m").device(UPS, "ups_self_test_passed", 0.0)
    fleet.at("40m").expect(incident("ups_battery_bad", UPS, cause="self_test_failed"))
    del fleet.devices[UPS]["ups_self_test_passed", ()]
    fleet.at("60m").expect(incident("ups_battery_bad", UPS))
    fleet.device(UPS, "ups_self_test_passed", 1.0)
    fleet.at("90m").expect()


def test_a_printer_pages_nobody(fleet: DeviceFleet) -> None:
    """Asleep is nothing; what a hand must mend is low, after half an hour, in words."""
    fleet.at("10m").devices[PRINTER].clear()
    fleet.device(PRINTER, "printer_asleep", 1.0).device(PRINTER, "device_up", 0.0)
    fleet.at("2h").expect().answers(PRINTER)
    fleet.device(PRINTER, "printer_error", 1.0, error="jammed")
    fleet.device(PRINTER, "printer_error", 1.0, error="low_toner")
    fleet.at("140m").expect()
    fleet.at("3h").expect(incident("printer_stuck", PRINTER, severity="low"))
    assert "kẹt giấy" in body(fleet, fleet.last("printer_stuck"), "vi")
    assert fleet.last("printer_stuck").detail.inside == (f"{PRINTER}/jammed",)


def test_a_test_of_a_battery_that_is_gone_does_not_count_for_ever() -> None:
    """The battery was replaced, and the new card was never tested: not known, then not reported."""
    fleet = DeviceFleet().answers(UPS).device(UPS, "ups_battery_replace", 0.0)
    fleet.device(UPS, "ups_self_test_passed", 0.0).at("1h").expect(incident("ups_battery_bad", UPS))
    del fleet.devices[UPS]["ups_self_test_passed", ()]
    fleet.at("20h").expect(incident("ups_battery_bad", UPS))
    assert fleet.last("ups_battery_bad").detail.unknown
    fleet.at("27h").expect()
    assert fleet.last("ups_battery_bad").cause == "not_reported"


def test_a_failed_test_is_not_kept_fresh_by_another_word() -> None:
    """Its device still says that nothing need be replaced: of the test nothing is known."""
    fleet = DeviceFleet().answers(UPS).device(UPS, "ups_self_test_passed", 0.0)
    fleet.device(UPS, "ups_battery_replace", 0.0).at("1h")
    del fleet.devices[UPS]["ups_self_test_passed", ()]
    fleet.device(UPS, "ups_battery_replace", 1.0).at("2h")
    assert not fleet.last("ups_battery_bad").detail.unknown
    fleet.device(UPS, "ups_battery_replace", 0.0).at("4h")
    assert fleet.last("ups_battery_bad").detail.unknown


def test_ports_of_a_facility_are_sorted_once() -> None:
    """A hundred switches in trouble cost one walk through their facts, not one for each port."""
    name = PORT_FINDINGS["errors"].name
    facts = {
        (place := f"bv/main/sw-{switch}/p{port}"): Fact(name, place, "bool", 1.0, expires_ms=9)
        for switch in range(100)
        for port in range(24)
    }
    walks: list[str] = []

    def named(_facility: str, name: str) -> Mapping[str, Fact]:
        walks.append(name)
        return facts

    look = Look(Tree(Inventory()), lambda *_: None, lambda *_: [], 1, named)
    detector = OF_DEVICES[name]
    bad_before = False
    found = [detector(one, 1.0, bad_before, look) for one in facts.values()]
    assert walks == [name]
    assert {len(one.inside) for one in found} == {24}
    assert len({one.node for one in found}) == 100


def test_a_power_supply_that_does_not_answer_is_not_well_after_a_day() -> None:
    """Of what does not answer nobody has said that it tells nothing of its battery."""
    fleet = DeviceFleet().answers(UPS).device(UPS, "ups_self_test_passed", 0.0).at("1h")
    fleet.silent(UPS).at("50h")
    assert fleet.last("ups_battery_bad").closed_ms is None


def test_a_low_battery_is_charging_only_where_the_mains_are_seen() -> None:
    """Whether it runs on mains was told long ago and not since: it may stop at once."""
    fleet = DeviceFleet().answers(UPS).device(UPS, "ups_on_battery", 0.0)
    fleet.device(UPS, "ups_battery_low", 1.0).at("1h")
    fleet.expect(incident("ups_battery_low", UPS, cause="charging", severity="medium"))
    del fleet.devices[UPS]["ups_on_battery", ()]
    fleet.at("2h").expect(incident("ups_battery_low", UPS, severity="critical"))
    fleet.device(UPS, "ups_battery_low", 0.0).at("3h").expect()


def test_a_charging_power_supply_that_falls_silent_is_no_worse() -> None:
    """Both facts grow old together: its finding is unknown, not critical."""
    fleet = DeviceFleet().answers(UPS).device(UPS, "ups_on_battery", 0.0)
    fleet.device(UPS, "ups_battery_low", 1.0).at("1h").silent(UPS).at("3h")
    found = fleet.last("ups_battery_low")
    assert (found.severity, found.detail.unknown) == ("medium", True)
