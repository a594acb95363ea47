"""The devices of ``make run``: a real snmpd of this machine, asked as the peer is told to."""

import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest
from helpers.backup import until
from helpers.ports import free_udp_port

from tramgac_agent.checks.snmp import SnmpSettings

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))


def test_this_machine_answers_its_own_snmpd_only_to_us(tmp_path: Path) -> None:
    """Secrets are ours alone, a second start keeps them, and a guessed one is not answered."""
    import here_snmp  # noqa: PLC0415 - a script, found by the line above

    port = free_udp_port()
    here_snmp.write_files(tmp_path, port)
    community = (tmp_path / "community").read_text()
    here_snmp.write_files(tmp_path, port)
    assert (tmp_path / "community").read_text() == community
    for name in ("community", "here.conf"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    told = tomllib.loads(here_snmp.checks(tmp_path, port))["checks"]["snmp"]
    settings = msgspec.convert(told, SnmpSettings)
    assert [one.name for one in settings.devices] == [here_snmp.PORTS, here_snmp.DISKS]

    def answers(secret: str) -> bool:
        words = ["snmpget", "-v2c", "-t", "0.3", "-r", "0", "-c", secret, f"127.0.0.1:{port}"]
        done = subprocess.run([*words, ".1.3.6.1.2.1.1.3.0"], capture_output=True, check=False)
        return done.returncode == 0

    process = subprocess.Popen(here_snmp.command(tmp_path), stdout=subprocess.DEVNULL)
    try:
        until(lambda: answers(community.strip()), seconds=10)
        assert not answers("public")
    finally:
        process.terminate()
        process.wait(10)


def test_without_snmpd_there_are_no_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inventory of the demonstration then declares none, so nothing is missed."""
    import here_setup  # noqa: PLC0415
    import here_snmp  # noqa: PLC0415

    place = here_setup.Place(Path("/nowhere"))
    assert "devices:" in here_setup._inventory(place)
    monkeypatch.setattr(here_snmp, "program", lambda: "")
    assert "devices:" not in here_setup._inventory(place)
    assert "checks.snmp" not in here_setup._peer_checks(place)
