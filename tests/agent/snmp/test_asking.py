"""The turns of one device: what is said when only a part of it answers."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.snmpd import secret, told_device
from helpers.snmpstub import COMMUNITY, Stub
from helpers.switch import FakePort, FakeSwitch
from helpers.turns import failures, samples, take, turns_of

from tramgac_agent.snmp import stations
from tramgac_agent.snmp.asking import UP, UPTIME, Turns
from tramgac_agent.snmp.families import printer, ups
from tramgac_agent.snmp.values import Oid, Value

PRINTER: dict[Oid, Value] = {UPTIME: 4711, (*printer.ERRORS, 1): b"\0"}
SWITCH = FakeSwitch([FakePort("gi1"), FakePort("gi2")]).answers()


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Any]:
    """Makes a stub and the turns that ask it."""
    with contextlib.ExitStack() as ends:

        def make(answers: dict[Oid, Value], kind: str, **more: Any) -> tuple[Stub, Turns]:
            one = Stub(answers, deaf=more.pop("deaf", ()))
            ends.callback(one.close)
            file = {"community_file": secret(tmp_path, COMMUNITY), "timeout_seconds": 0.1}
            settings = {"kind": kind, "interval_seconds": 0.0, **file, **more}
            return one, turns_of(told_device(tmp_path, one.port, **settings), tmp_path)

        yield make


def test_a_printer_that_answers_by_half_is_not_asleep(asked: Any) -> None:
    """It is up, its poll failed, and nobody says that it may just be off."""
    _, turns = asked(PRINTER, "printer", deaf=printer.ERRORS)
    told = take(turns)
    assert samples(told) == {"device_up": 1}
    assert failures(told) == {"printer": "timeout"}


def test_our_own_fault_says_nothing_of_the_device(asked: Any) -> None:
    """Without its secret a device is neither up, nor down, nor asleep: it is not known."""
    for kind in ("printer", "ups"):
        _, turns = asked(PRINTER, kind, community_file="/nowhere")
        told = take(turns)
        assert samples(told) == {}
        assert failures(told) == {kind: "bad_secret_file", "up": "bad_secret_file"}


@pytest.mark.parametrize(("seconds", "code"), [(9.0, "timeout"), (2.5, "too_slow")])
def test_a_part_that_hangs_does_not_take_the_rest(asked: Any, seconds: float, code: str) -> None:
    """The ports were read before the stations were not: they are told, again and again."""
    timeout = {"timeout_seconds": 0.1 if code == "timeout" else 5.0}
    _, turns = asked(SWITCH, "switch", deaf=stations.BRIDGE_PORT, **timeout)
    told = take(turns, seconds=seconds)
    assert samples(told)["switch_ports{1000}"] == 2
    assert samples(told)["device_up"] == 1
    assert failures(told) == {"stations": code}


def test_an_uplink_the_switch_does_not_have_is_said(asked: Any) -> None:
    """A name that was mistyped in the inventory must not look like an uplink that is well."""
    _, turns = asked(SWITCH, "switch", uplinks=("gi9",))
    assert failures(take(turns, times=2)) == {"uplinks": "no_such_port"}
    _, turns = asked(SWITCH, "switch", uplinks=("gi2",))
    assert failures(take(turns, times=2)) == {}


def test_a_change_to_battery_and_back_is_kept(asked: Any) -> None:
    """Each of the two is an event, also when a line is cut and points are thinned; rest is not."""
    one, turns = asked({UPTIME: 1, ups.OUTPUT_SOURCE: 3}, "ups")
    events = []
    for source in (3, 3, 5, 5, 3):
        one.answers[ups.OUTPUT_SOURCE] = source
        events.append(next(told.event for told in take(turns) if told.stream == "ups"))
        turns._opened = False
    assert events == [False, False, True, False, True]


def test_devices_fall_out_of_step(asked: Any) -> None:
    """Asked in one moment at the start, a dozen printers are spread over minutes from then on."""
    dues = []
    for _ in range(12):
        _, turns = asked(PRINTER, "printer")
        before = turns.due
        take(turns)
        dues.append(turns.due - before)
    assert min(dues) >= 450 - 60
    assert max(dues) <= 900
    assert max(dues) - min(dues) > 60


def test_a_silence_after_half_an_answer_is_news(asked: Any) -> None:
    """Silent, then up with a part that fails, then silent again: each of the three is an event."""
    one, turns = asked(PRINTER, "printer", deaf=printer.ERRORS)
    events = []
    for alive in (False, False, True, True, False, False):
        one.manner = "well" if alive else "silent"
        events.append([told.event for told in take(turns) if told.stream == UP])
        turns._opened = False
    assert events == [[True], [False], [True], [False], [True], [False]]


def test_a_turn_has_time_for_all_that_is_due(asked: Any) -> None:
    """Uplinks alone end before their next time; with a whole table due as well there is more."""
    _, turns = asked(SWITCH, "switch", uplinks=("gi1",))
    for due, seconds in (({"uplinks"}, 48.0), ({"ports", "uplinks"}, 120.0)):
        turns._due = {poll: 0.0 if poll in due else 1e12 for poll in turns._due}
        assert turns.longest() == pytest.approx(seconds)
    _, turns = asked(PRINTER, "printer", interval_seconds=60.0)
    assert turns.longest() == pytest.approx(0.8 * turns.interval(printer.PrinterFamily.polls[0]))
