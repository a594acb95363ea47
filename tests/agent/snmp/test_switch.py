"""Switches: what is found wrong with a port, and the census of all of them."""

import msgspec
import pytest
from helpers.snmpcase import named
from helpers.switch import FakePort, FakeSwitch

from tramgac_agent.snmp import stations
from tramgac_agent.snmp.families import switch as family
from tramgac_agent.snmp.families.switch import PORTS, STATIONS, UPLINKS, SwitchMemory

DAY = 86_400


def _office(**settings: object) -> FakeSwitch:
    return FakeSwitch([FakePort(f"gi{number}") for number in range(1, 5)], **settings)


def test_a_well_switch_has_a_census_and_no_port_of_its_own() -> None:
    """Four gigabit ports in use are four in the census, and not one series a port."""
    switch = _office()
    switch.ports["gi4"].up = False
    found = switch.look(times=3)
    assert found == {
        'switch_ports{speed="10"}': 0,
        'switch_ports{speed="100"}': 0,
        'switch_ports{speed="1000"}': 3,
        "switch_ports_down": 1,
        "switch_ports_half_duplex": 0,
        "switch_ports_slowed": 0,
        "switch_ports_erroring": 0,
    }


def test_half_duplex_is_found_and_goes() -> None:
    """Two looks open it, one look at full duplex closes it; it is told of for a week more."""
    switch = _office()
    switch.look()
    switch.ports["gi2"].duplex = 2
    assert switch.findings("gi2") == set()
    assert switch.findings("gi2") == {"half_duplex"}
    switch.ports["gi2"].duplex = 3
    assert switch.look()['port_finding{finding="half_duplex",port="gi2"}'] == 0
    switch.wait(7 * DAY)
    assert 'port_finding{finding="half_duplex",port="gi2"}' not in switch.look()


def test_a_port_that_fell_to_a_tenth_is_found() -> None:
    """Gigabit once held, now 100 Mbit/s with traffic: slowed, until it is back."""
    switch = _office()
    switch.look(times=3)
    switch.ports["gi1"].mbps = 100
    assert switch.findings("gi1", times=2) == {"slowed"}
    assert switch.look()["switch_ports_slowed"] == 1
    switch.ports["gi1"].mbps = 1000
    assert switch.findings("gi1") == set()


def test_a_sleeping_computer_is_not_a_slow_port() -> None:
    """Cards that wait for a wake-up call go down to 10 Mbit/s and send next to nothing."""
    switch = _office()
    switch.look(times=3)
    switch.ports["gi1"].mbps, switch.ports["gi1"].octets = 10, 5.0
    assert switch.findings("gi1", times=5) == set()


def test_a_best_nobody_saw_for_a_month_is_history() -> None:
    """A slower card put there for good is no finding for ever."""
    switch = _office()
    switch.look(times=3)
    switch.ports["gi1"].mbps = 100
    assert switch.findings("gi1", times=2) == {"slowed"}
    for _ in range(31):
        switch.wait(DAY)
        switch.ask()
    assert switch.findings("gi1", times=2) == set()


def test_a_declared_speed_wins_over_history() -> None:
    """A port that must carry 1 Gbit/s is slow from its first day at 100 Mbit/s."""
    switch = _office(expect_mbps={"gi3": 1000})
    switch.ports["gi3"].mbps = 100
    assert switch.findings("gi3", times=3) == {"slowed"}


def test_rising_errors_are_found() -> None:
    """One frame in a thousand with a bad checksum is a cable; three good looks close it."""
    switch = _office()
    switch.ports["gi2"].errors = 0.05
    assert switch.findings("gi2", times=3) == {"errors"}
    switch.ports["gi2"].errors = 0.0
    assert switch.findings("gi2", times=2) == {"errors"}
    assert switch.findings("gi2") == set()


def test_few_frames_prove_nothing() -> None:
    """Two bad frames of ten are chance, and a quiet port keeps what was found."""
    switch = _office()
    switch.ports["gi2"].packets, switch.ports["gi2"].errors = 0.02, 0.01
    assert switch.findings("gi2", times=4) == set()


def test_a_duplex_mismatch_is_named() -> None:
    """Half duplex here with late collisions: the other side is in full duplex."""
    switch = _office()
    switch.ports["gi2"].duplex, switch.ports["gi2"].late = 2, 0.1
    assert switch.findings("gi2", times=3) == {"half_duplex", "late_collisions", "duplex_mismatch"}


def test_the_other_side_of_a_mismatch_is_known_from_its_card() -> None:
    """Full duplex here, half on this host's own card behind the port."""
    switch = _office()
    card = (0, 16, 32, 48, 64, 80)
    switch.family.own_cards = lambda: {card: False}
    switch.look()
    switch.more = {(*stations.BRIDGE_PORT, 2): 2, (*stations.LEARNED, *card): 2}
    switch.look(STATIONS)
    assert switch.findings("gi2", times=2) == {"duplex_mismatch"}
    assert switch.findings("gi1") == set()


def test_a_card_that_changed_since_is_asked_anew() -> None:
    """Card and port went to full duplex together, since the stations were counted: well."""
    switch = _office()
    card: stations.Address = (0, 16, 32, 48, 64, 80)
    cards = {card: False}
    switch.family.own_cards = lambda: cards
    switch.ports["gi2"].duplex = 2
    switch.look()
    switch.more = {(*stations.BRIDGE_PORT, 2): 2, (*stations.LEARNED, *card): 2}
    switch.look(STATIONS)
    switch.ports["gi2"].duplex, cards[card] = 3, True
    assert switch.findings("gi2", times=3) == set()
    cards.clear()
    assert switch.findings("gi2", times=3) == set()


def test_a_vlan_called_like_an_uplink_is_not_asked_for_it() -> None:
    """Of two interfaces of one name the Ethernet port is meant, in every poll."""
    switch = FakeSwitch([FakePort("1"), FakePort("2")], uplinks=("1",))
    row = {**FakePort("1", mbps=0, up=False).row(), family.TYPE: 136}
    for index in (0, 900):
        switch.more = {(*column, index): value for column, value in row.items()}
        switch.look()
        assert switch.family.memory.indices == {"1": 1}
        assert switch.look(UPLINKS)['port_up{port="1"}'] == 1


def test_an_overloaded_uplink_is_found() -> None:
    """Over 85 % of an uplink's speed in three looks a minute apart; in its own series."""
    switch = _office(uplinks=("gi4",))
    assert named(switch.ask(UPLINKS)) == {}
    switch.look()
    switch.ports["gi4"].out = 0.9 * 125e6
    found = switch.look(UPLINKS, times=4)
    assert found['port_utilization_ratio{direction="transmit",port="gi4"}'] == pytest.approx(0.9)
    assert found['port_finding{finding="overloaded",port="gi4"}'] == 1
    switch.ports["gi4"].out = 1e6
    assert switch.findings("gi4", UPLINKS, times=3) == set()


def test_an_uplink_is_no_access_port() -> None:
    """It is neither in the census nor judged twice."""
    switch = _office(uplinks=("gi4",))
    assert switch.look(times=2)['switch_ports{speed="1000"}'] == 3


def test_discards_and_flaps_are_found() -> None:
    """One frame in a hundred thrown away; a carrier that changed before each of three looks."""
    switch = _office()
    switch.ports["gi1"].discards = 0.5
    switch.look(times=2)
    for _ in range(3):
        switch.ports["gi3"].changed += 1
        found = switch.look()
    assert found['port_finding{finding="discards",port="gi1"}'] == 1
    assert found['port_finding{finding="flapping",port="gi3"}'] == 1


def test_a_restart_mixes_no_ports_and_makes_no_rates() -> None:
    """After a restart indices and counters are others; names are not."""
    switch = _office(uplinks=("gi4",))
    switch.ports["gi4"].out = 1e6
    switch.look(times=2)
    switch.look(UPLINKS, times=2)
    switch.restart()
    first = switch.look(UPLINKS)
    assert not [name for name in first if "utilization" in name]
    switch.look()
    again = switch.look(UPLINKS, times=3)
    assert again['port_utilization_ratio{direction="transmit",port="gi4"}'] == pytest.approx(0.008)


def test_a_restart_nobody_was_there_to_see_makes_no_rates() -> None:
    """After a day without a look the clock may have passed where it was, in a new life."""
    switch = _office(uplinks=("gi4",))
    switch.look(times=2)
    switch.look(UPLINKS, times=2)
    switch.wait(DAY)
    switch.ticks = 2_000_000
    switch.ports["gi4"].counts["out"] = 1e12
    assert not [name for name in switch.look(UPLINKS) if "utilization" in name]
    assert [name for name in switch.look(UPLINKS) if "utilization" in name]


def test_a_look_without_a_clock_makes_no_rates() -> None:
    """Where a device once leaves its uptime out, the time since is not known."""
    switch = _office(uplinks=("gi4",))
    switch.look(times=2)
    ticks, switch.ticks = switch.ticks, 0
    switch.ask(UPLINKS)
    switch.ticks = ticks
    assert not [name for name in switch.look(UPLINKS) if "utilization" in name]


def test_a_trunk_of_many_ports_can_be_an_uplink() -> None:
    """Link aggregates are of another type, and count only where they are declared."""
    switch = _office(uplinks=("gi4",))
    switch.look()
    answers = switch.answers()
    answers[(*family.TYPE, 4)] = answers[(*family.TYPE, 3)] = 161
    switch.answers = lambda: answers  # type: ignore[method-assign]
    assert switch.look()['switch_ports{speed="1000"}'] == 2
    assert switch.look(UPLINKS)['port_up{port="gi4"}'] == 1


def test_ever_new_names_do_not_fill_memory() -> None:
    """What is kept is bounded, however often a device gives its ports other names."""
    switch = FakeSwitch([])
    for round_ in range(6):
        switch.ports = {(one := f"r{round_}p{n}"): FakePort(one) for n in range(600)}
        switch.look()
    kept = switch.family.memory.ports
    assert len(kept) <= 2048 + 600
    assert "r5p599" in kept


def test_a_clock_that_wraps_is_no_restart() -> None:
    """``sysUpTime`` begins anew after 497 days; the interval across it still counts."""
    switch = _office(uplinks=("gi4",))
    switch.look()
    switch.ticks = 2**32 - 3_000
    switch.look(UPLINKS, times=1)
    switch.ticks = 2**32 - 3_000
    assert named(switch.ask(UPLINKS))
    switch.ports["gi4"].out = 1e6
    found = switch.look(UPLINKS)
    assert switch.ticks < 2**31
    assert found['port_utilization_ratio{direction="transmit",port="gi4"}'] == pytest.approx(0.008)


def test_a_port_nobody_uses_any_more_has_no_trouble() -> None:
    """What was found on a port that has been down for a week, or was switched off, is over."""
    switch = _office()
    switch.ports["gi2"].duplex = 2
    assert switch.findings("gi2", times=2) == {"half_duplex"}
    switch.ports["gi2"].up = False
    assert switch.findings("gi2") == {"half_duplex"}
    switch.wait(7 * DAY)
    assert switch.findings("gi2") == set()


def test_stations_are_counted_where_people_sit() -> None:
    """Known and unknown stations behind access ports; not those behind a port with many."""
    switch = _office(known_macs=("02:00:00:00:00:01",))
    switch.look()
    switch.more = {(*stations.BRIDGE_PORT, number): number for number in range(1, 5)}
    places = {1: [1], 2: [2, 3], 3: list(range(10, 30))}
    for port, hosts in places.items():
        for host in hosts:
            switch.more[(*stations.LEARNED_VLAN, 1, 2, 0, 0, 0, 0, host)] = port
    switch.more[(*stations.LEARNED_VLAN, 1, 1, 0, 0x5E, 0, 0, 1)] = 1
    found = switch.look(STATIONS)
    assert found == {"switch_stations": 3, "switch_stations_known": 1}
    assert switch.look()['switch_ports{speed="1000"}'] == 3


def test_a_switch_that_tells_nothing_is_not_empty() -> None:
    """No column and no station table give no zeros."""
    switch = FakeSwitch([])
    assert switch.look(PORTS) == {}
    assert switch.look(STATIONS) == {}


def test_memory_stays_small() -> None:
    """512 ports in trouble are kept in under 160 kB, and read back as they were."""
    switch = FakeSwitch([FakePort(f"GigabitEthernet1/0/{n}", duplex=2) for n in range(512)])
    found = switch.look(times=3)
    assert sum(name.startswith("port_up") for name in found) == 16
    kept = msgspec.json.encode(switch.family.memory)
    assert len(kept) < 160 * 1024
    assert msgspec.json.decode(kept, type=SwitchMemory) == switch.family.memory
