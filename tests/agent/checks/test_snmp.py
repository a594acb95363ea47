"""The check that asks devices: a real snmpd, dead and slow ones beside it, and its own process."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from helpers.backup import until
from helpers.onecheck import context
from helpers.snmpd import AUTH, COMMUNITY, PRIVACY, secret, snmpd, told_device
from helpers.snmpstub import Stub
from helpers.switch import FakePort, FakeSwitch

from tramgac_agent.checks.base import CheckFailed, NotApplicable, Observation
from tramgac_agent.checks.snmp import SnmpCheck, SnmpSettings
from tramgac_agent.host import newest
from tramgac_agent.snmp import stations
from tramgac_agent.snmp.asking import UPTIME
from tramgac_agent.snmp.values import Oid, Value, oid

STORAGE = oid("1.3.6.1.2.1.25.2.3.1")


def _settings(*devices: dict[str, Any]) -> SnmpSettings:
    return msgspec.convert({"devices": list(devices)}, SnmpSettings)


@pytest.fixture
def looks(tmp_path: Path) -> Iterator[Any]:
    """Runs the check as the runner does, as often as asked; ends its process afterwards."""
    state = tmp_path / "state"
    state.mkdir()
    one = context(state)

    def look(check: SnmpCheck) -> list[Observation]:
        found: list[Observation] = []
        with contextlib.suppress(CheckFailed):
            found.extend(check.run(one))
        return found

    yield look
    children = [int(line) for line in _children() if line]
    one.stop.set()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), seconds=15)


def _children() -> list[str]:
    pattern = "tramgac_agent.snmp.poller"
    words = ["pgrep", "-P", str(os.getpid()), "-f", pattern]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.split("\n")


def _values(found: list[Observation], device: str) -> dict[str, float]:
    return {s.name: s.value for one in found if one.subject == device for s in one.samples}


def test_no_devices_need_no_process(tmp_path: Path) -> None:
    """Without devices there is nothing to measure, and nothing is started."""
    with pytest.raises(NotApplicable):
        list(SnmpCheck(_settings()).run(context(tmp_path)))
    assert _children() == [""]


def test_a_dead_device_delays_nobody(tmp_path: Path, looks: Any) -> None:
    """Beside silent ones a real device is read at once; a printer that sleeps is no fault."""
    with snmpd(tmp_path) as port, contextlib.ExitStack() as ends:
        silent = [Stub({(1, 3): 1}, "silent") for _ in range(3)]
        for one in silent:
            ends.callback(one.close)
        devices = [
            told_device(tmp_path, port, name="nas"),
            *(told_device(tmp_path, s.port, name=f"dead-{n}") for n, s in enumerate(silent[:2])),
            told_device(tmp_path, silent[2].port, name="printer", kind="printer"),
        ]
        check = SnmpCheck(_settings(*devices))
        found = looks(check)
        until(lambda: found.extend(looks(check)) or _values(found, "printer"))
    nas = _values(found, "nas")
    assert nas["tramgac_device_up"] == 1
    assert 0 < nas["tramgac_device_poll_seconds"] < 1
    assert nas["tramgac_device_storage_size_bytes"] > 0
    assert _values(found, "dead-0") == {"tramgac_device_up": 0}
    assert _values(found, "printer") == {"tramgac_printer_asleep": 1}
    failures = {one.subject: one.failure for one in found if one.failure}
    assert failures == {"dead-0": "timeout", "dead-1": "timeout", "printer": "timeout"}
    kept = newest.read(tmp_path / "state")
    unread = {one.device for one in kept if (one.name, one.label) == (newest.POLL, "timeout")}
    assert unread == {"dead-0", "dead-1", "printer"}


def test_what_all_switches_know_is_said_once(tmp_path: Path, looks: Any) -> None:
    """Addresses of the whole check count for each device, beside its own."""
    fake = FakeSwitch([FakePort("gi1")])
    fake.more[(*stations.BRIDGE_PORT, 1)] = 1
    for host in (1, 2, 3):
        fake.more[(*stations.LEARNED_VLAN, 1, 2, 0, 0, 0, 0, host)] = 1
    macs = [f"02:00:00:00:00:0{number}" for number in (1, 2)]
    with contextlib.closing(Stub(fake.answers())) as stub:
        one, two = (
            told_device(tmp_path, stub.port, name=name, kind="switch") for name in ("sw-1", "sw-2")
        )
        devices = [one, {**two, "known_macs": macs[1:]}]
        settings = {"devices": devices, "known_macs": macs[:1]}
        check = SnmpCheck(msgspec.convert(settings, SnmpSettings))
        found = looks(check)
        until(lambda: found.extend(looks(check)) or _known(found) == {"sw-1": 1, "sw-2": 2})


def _known(found: list[Observation]) -> dict[str, float]:
    name = "tramgac_switch_stations_known"
    return {one.subject: s.value for one in found for s in one.samples if s.name == name}


def test_secrets_are_seen_nowhere(tmp_path: Path, looks: Any, caplog: Any) -> None:
    """Neither in words, environment, state nor log of anything we start."""
    caplog.set_level("DEBUG")
    keys = {"auth_key_file": secret(tmp_path, AUTH), "privacy_key_file": secret(tmp_path, PRIVACY)}
    v3 = {"version": "3", "user": "keeper", "auth": "sha", "privacy": "aes", **keys}
    with snmpd(tmp_path) as port:
        devices = (told_device(tmp_path, port), told_device(tmp_path, port, name="safe", **v3))
        check = SnmpCheck(_settings(*devices))
        found = looks(check)
        assert _values(found, "safe")["tramgac_device_up"] == 1
        (child,) = (Path(f"/proc/{pid}") for pid in _children() if pid)
        shown = (child / "cmdline").read_bytes() + (child / "environ").read_bytes()
    state = b"".join(one.read_bytes() for one in (tmp_path / "state").rglob("*") if one.is_file())
    text = repr(found) + caplog.text
    for word in (COMMUNITY, AUTH, PRIVACY):
        assert word.encode() not in shown + state
        assert word not in text


def test_a_poller_that_dies_is_started_again(tmp_path: Path, looks: Any) -> None:
    """Its death is a failure of the check, and a moment later it asks again."""
    with snmpd(tmp_path) as port:
        check = SnmpCheck(_settings(told_device(tmp_path, port)))
        assert _values(looks(check), "thing")["tramgac_device_up"] == 1
        first = _children()
        os.kill(int(first[0]), signal.SIGKILL)
        until(lambda: not check._poller.alive)
        with pytest.raises(CheckFailed, match="poller_died"):
            list(check.run(context(tmp_path / "state")))
        until(lambda: _values(looks(check), "thing"))
        assert _children() != first


def test_the_poller_ends_with_a_killed_agent(tmp_path: Path) -> None:
    """Nobody is left asking when the agent was killed without a word."""
    (tmp_path / "state").mkdir()
    order = {"devices": [told_device(tmp_path, 9)], "state_dir": str(tmp_path / "state")}
    program = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-m', 'tramgac_agent.snmp.poller'],"
        f" stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)\n"
        f"child.stdin.write({msgspec.json.encode(order)!r} + b'\\n'); child.stdin.flush()\n"
        "print(child.pid, flush=True); time.sleep(60)\n"
    )
    agent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert agent.stdout is not None
    child = int(agent.stdout.readline())
    time.sleep(0.2)
    agent.kill()
    agent.wait()
    agent.stdout.close()
    until(lambda: not Path(f"/proc/{child}").exists(), seconds=10)


def test_what_was_learned_outlives_a_restart(tmp_path: Path) -> None:
    """A device that chokes is not asked for much again by the next process."""
    table: dict[Oid, Value] = {(*UPTIME,): 100}
    for column in range(2, 7):
        table.update({(*STORAGE, column, row): 1 for row in range(1, 30)})
    (tmp_path / "state").mkdir()
    first, second = (_asked_until_read(table, tmp_path) for _ in range(2))
    kept = msgspec.json.decode((tmp_path / "state" / "thing.json").read_bytes())
    assert kept["repetitions"] == 2
    assert second < first


def _asked_until_read(table: dict[Oid, Value], folder: Path) -> int:
    """How many questions one life of the poller needs."""
    running = context(folder / "state")
    with contextlib.closing(Stub(table, most=10)) as one:
        file = {"community_file": secret(folder, "public")}
        check = SnmpCheck(_settings(told_device(folder, one.port, **file)))
        assert _values(list(check.run(running)), "thing")["tramgac_device_up"] == 1
        running.stop.set()
        until(lambda: not check._poller.alive)
        return one.asked


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"kind": "toaster"}, "unknown kind"),
        ({"version": "3"}, "needs a user"),
        ({"community_file": ""}, "needs community_file"),
        ({"version": "3", "user": "u", "auth": "sha"}, "belong together"),
        ({"community": "public"}, "community"),
    ],
)
def test_a_wrong_device_is_refused(tmp_path: Path, wrong: dict[str, str], says: str) -> None:
    """The error names the device and the key; a secret in the configuration is no key at all."""
    with pytest.raises(msgspec.ValidationError, match=says):
        _settings({**told_device(tmp_path, 161), **wrong})
