"""``doctor lan`` says what is wrong on the LAN from what the agent keeps, and what is not known."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tramgac_agent.__main__ import COMMANDS
from tramgac_agent.checks.base import Sample
from tramgac_agent.commands import doctor_lan
from tramgac_agent.host import newest
from tramgac_agent.host.newest import Heard, Newest
from tramgac_proto.commandline import run
from tramgac_proto.lanwords import LAN_WORDS, say

NOW = int(time.time())


@pytest.fixture(autouse=True)
def no_cards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """This machine's own cards are not looked at."""
    monkeypatch.setattr(doctor_lan, "NET", tmp_path / "net")


def told(device: str, *samples: tuple[str, float, dict[str, str]]) -> Heard:
    return device, [Sample(f"tramgac_{name}", value, labels) for name, value, labels in samples]


def finding(code: str, value: float = 1.0, port: str = "Gi1/0/3") -> tuple[str, float, Any]:
    return "port_finding", value, {"port": port, "finding": code}


class Site:
    """An agent's folder with a switch, a UPS and a printer in its configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.newest = folder, Newest()
        self.state = folder / "checks" / "snmp"
        self.state.mkdir(parents=True)
        devices = "\n".join(
            f'[[checks.snmp.devices]]\nname = "{name}"\naddress = "10.0.0.1"\nkind = "{kind}"\n'
            'community_file = "/etc/tramgac/snmp/read"\n'
            for name, kind in (("sw-1", "switch"), ("ups-1", "ups"), ("in-1", "printer"))
        )
        text = f'[collector]\naddress = "c:8443"\n[agent]\nstate_dir = "{folder}"\n{devices}'
        (folder / "agent.toml").write_text(text)
        self.say(*(told(name, ("device_up", 1.0, {})) for name in ("sw-1", "ups-1", "in-1")))

    def say(self, *all_: Heard, at: int = NOW) -> None:
        self.newest.note(all_, self.state, at)

    def doctor(self, *words: str) -> int:
        config = str(self.folder / "agent.toml")
        return run("tramgac-agent", COMMANDS, ["doctor", "lan", "--config", config, *words])


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """All three answered a moment ago."""
    return Site(tmp_path)


def test_nothing_wrong_is_said_of_what_is_asked_only(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 0, and how far the words reach."""
    assert site.doctor() == 0
    assert "Nothing is wrong in what this host asks and measures." in capsys.readouterr().out


@pytest.mark.parametrize("code", ["half_duplex", "slowed", "errors", "overloaded"])
def test_a_port_in_trouble_is_said_in_both_languages(
    site: Site, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    """Where, since when, what, likely cause and next step; over when the port is well."""
    site.say(told("sw-1", finding(code)), at=NOW - 600)
    site.say(told("sw-1", finding(code)))

    assert site.doctor() == 1
    said = capsys.readouterr().out
    assert (
        f"sw-1 Gi1/0/3: {code}, {time.strftime('%Y-%m-%d %H:%M', time.localtime(NOW - 600))}"
        in (said)
    )
    words = LAN_WORDS[code]
    for pair in (words.what, words.cause, words.step):
        assert say(pair, "vi") in said
        assert say(pair, "en") in said
    site.say(told("sw-1", finding(code, 0.0)))
    assert site.doctor() == 0


def test_devices_are_said_as_well(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Silent, on battery, to be replaced, jammed; an error that stops nobody is left out."""
    site.say(
        told("sw-1", ("device_up", 0.0, {})),
        told("ups-1", ("ups_on_battery", 1.0, {}), ("ups_self_test_passed", 0.0, {})),
        told("in-1", ("printer_error", 1.0, {"error": "jammed"})),
        told("in-1", ("printer_error", 1.0, {"error": "low_toner"})),
    )

    assert site.doctor("--json") == 1
    listed = json.loads(capsys.readouterr().out)
    assert [(one["code"], one["where"]) for one in listed] == [
        ("printer_stuck", "in-1"),
        ("device_silent", "sw-1"),
        ("ups_on_battery", "ups-1"),
        ("ups_battery_bad", "ups-1"),
    ]
    assert listed[0]["words"]["vi"]["cause"] == "kẹt giấy"


def test_what_was_heard_long_ago_is_not_known(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither is a device that was never heard; a file that is torn is no good news."""
    site.newest = Newest()
    (site.state / newest.FILE).unlink()
    site.say(told("sw-1", ("device_up", 1.0, {})), at=NOW - 7200)

    assert site.doctor("--json") == 1
    listed = json.loads(capsys.readouterr().out)
    assert [(one["code"], one["where"]) for one in listed] == [
        ("not_known", "in-1"), ("not_known", "sw-1"), ("not_known", "ups-1"),
    ]  # fmt: skip
    (site.state / newest.FILE).write_text("{")
    assert site.doctor() == 1


def test_ports_that_cannot_be_read_are_not_known(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """A switch that answers and denies its ports is not well; the newest code counts."""
    site.say(("sw-1", [newest.poll_ended("ports", "access_denied")]), at=NOW - 60)
    site.say(("sw-1", [newest.poll_ended("ports", "too_slow")]))
    assert site.doctor("--json") == 1
    listed = json.loads(capsys.readouterr().out)
    assert [(one["code"], one["where"]) for one in listed] == [
        ("not_known", "sw-1 ports (too_slow)")
    ]
    assert listed[0]["words"]["en"]["what"] == "A part of the device could not be read."

    site.say(("sw-1", [newest.poll_ended("ports", "")]))
    assert site.doctor() == 0


def test_a_sleeping_printer_is_no_part_unread(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its silence is normal; another failure is not, and a silent switch is said once."""
    timeout = newest.poll_ended("printer", "timeout")
    site.say(told("in-1", ("printer_asleep", 1.0, {})), ("in-1", [timeout]))
    assert site.doctor() == 0
    site.say(("in-1", [newest.poll_ended("printer", "wrong_digest")]))
    site.say(
        told("sw-1", ("device_up", 0.0, {})), ("sw-1", [newest.poll_ended("ports", "timeout")])
    )
    assert site.doctor() == 1
    said = capsys.readouterr().out
    assert "not_known" in said
    assert "in-1 printer (wrong_digest)" in said
    assert "sw-1 ports" not in said


def test_its_own_card_is_looked_at(
    site: Site, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Half duplex at this end is said, without anything in the state."""
    card = tmp_path / "net" / "eno1"
    card.mkdir(parents=True)
    for name, text in (("carrier", "1"), ("speed", "100"), ("duplex", "half")):
        (card / name).write_text(f"{text}\n")

    assert site.doctor() == 1
    assert "PROBLEM eno1: half_duplex" in capsys.readouterr().out


def test_what_is_kept_is_bounded_and_forgotten(site: Site) -> None:
    """So many values of a device; what nobody confirmed for a week is dropped."""
    many = [finding("errors", port=f"p{number}") for number in range(1000)]
    site.say(told("sw-1", *many))
    assert len([one for one in newest.read(site.state) if one.device == "sw-1"]) == 300

    site.say(told("ups-1", ("ups_on_battery", 1.0, {})), at=NOW + 8 * 86_400)
    assert {one.device for one in newest.read(site.state)} == {"ups-1"}


def test_paths_and_speeds_are_said_as_well(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """A place not reached, a speed not held with its direction; what was not tried is not known."""
    more = (
        '[[checks.path.targets]]\nname = "bhyt"\naddress = "10.0.0.7:443"\nkind = "tls"\n'
        '[[checks.throughput.targets]]\nname = "hub"\nexpect_mbps = 100\n'
    )
    with (site.folder / "agent.toml").open("a") as file:
        file.write(more)
    assert site.doctor("--json") == 1
    listed = json.loads(capsys.readouterr().out)
    assert [(one["code"], one["where"]) for one in listed] == [
        ("not_known", "path bhyt"),
        ("not_known", "throughput hub"),
    ]
    state = site.folder / "checks"
    labels = {"target": "hub", "direction": "receive", "proves": "floor"}
    for check, heard in (
        ("path", told("bhyt", ("path_reachable", 0.0, {"target": "bhyt"}))),
        ("throughput", told("hub", ("path_throughput_held", 0.0, labels))),
    ):
        (state / check).mkdir()
        Newest().note([heard], state / check, NOW)
    assert site.doctor("--json") == 1
    listed = json.loads(capsys.readouterr().out)
    assert [(one["code"], one["where"]) for one in listed] == [
        ("path_down", "bhyt"),
        ("path_not_held", "hub (receive)"),
    ]


def test_what_was_heard_when_the_clock_was_ahead_is_not_known(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    """A year ahead by mistake: nothing of then is news, and the next word is kept at once."""
    ahead = NOW + 365 * 86_400
    words = [told(name, ("device_up", 1.0, {})) for name in ("sw-1", "ups-1", "in-1")]
    site.say(*words, at=ahead)
    assert site.doctor() == 1
    assert "not_known" in capsys.readouterr().out

    site.say(*words)
    assert site.doctor() == 0
