"""What goes wrong in a province, by a login that must become root: on real systemd hosts."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.ansible_play import Played
from helpers.ansible_province import (
    CENTRE,
    Province,
    Server,
    broken_source,
    made_bundle,
    province,
)
from helpers.nspawn import Host, debs

pytestmark = pytest.mark.soak

WEB1, WEB2 = Server("bv-a", "web1"), Server("bv-a", "web2")
DB1 = Server("bv-b", "db1")
NAMES = [each.inventory_name for each in (WEB1, WEB2, DB1)]
_LOGIN, _PASSWORD = "quantri", "chỉ dùng cho bài thử"
_IDENTITY = "/var/lib/tramgac/agent/identity"
_COLLECTOR = "cd / && runuser -u tramgac-collector -- /usr/local/bin/tramgac-collector"
_MEASURED = "3 of 3 hosts are measured"
# Given on standard input: the package, then who may log in.
_SUDO = """
base64 --decode > ~root/sudo.deb && dpkg --install ~root/sudo.deb
useradd --create-home --shell /bin/sh --groups sudo {login}
echo '{login}:{password}' | chpasswd
install --directory --owner={login} --mode=0700 /home/{login}/.ssh
install --owner={login} --mode=0600 ~root/.ssh/authorized_keys /home/{login}/.ssh/
rm ~root/.ssh/authorized_keys
"""


def _with_sudo(host: Host, package: Path) -> None:
    """Let nobody log in as root any more, but somebody who may become root."""
    script = _SUDO.format(login=_LOGIN, password=_PASSWORD)
    packed = base64.b64encode(package.read_bytes()).decode()
    host.run("sh", "-euc", script, given=packed)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Province]:
    """A centre with all that stands beside it, and three servers that report."""
    folder = tmp_path_factory.mktemp("mishaps")
    (package,) = debs(folder / "sudo", "sudo").glob("sudo_*.deb")
    beside = debs(folder / "monitoring", "prometheus", "prometheus-alertmanager")
    with province(folder, [WEB1, WEB2, DB1]) as made_:
        for host in made_.network.hosts.values():
            _with_sudo(host, package)
        control = made_.control
        control.variables |= {
            "ansible_user": _LOGIN,
            "ansible_become_password": _PASSWORD,
            "monitoring_packages_from": str(beside),
        }
        control.groups["monitoring"] = {CENTRE: {"machine": CENTRE}}
        control.groups["canary"] = {WEB1.inventory_name: WEB1.variables()}
        assert _MEASURED in control.play("site").clean().text
        yield made_


def _asked(made: Province, path: str) -> str:
    """What Prometheus at the centre answers."""
    read = f"import urllib.request as u; print(u.urlopen('http://127.0.0.1:9090{path}').read().decode())"
    return made.centre.run("python3", "-c", read).stdout


def test_the_centre_has_rules_and_alertmanager(made: Province) -> None:
    """From .deb files: Prometheus reads the collector by our rules; again changes nothing."""
    groups = json.loads(_asked(made, "/api/v1/rules"))["data"]["groups"]
    up = json.loads(_asked(made, '/api/v1/query?query=up%7Bjob="tramgac"%7D'))["data"]["result"]
    found = json.loads(_asked(made, "/api/v1/alertmanagers"))["data"]["activeAlertmanagers"]

    assert sum(len(group["rules"]) for group in groups) > 50
    assert [row["value"][1] for row in up] == ["1"]
    assert len(found) == 1
    made.centre.run("promtool", "check", "config", "/etc/prometheus/tramgac.yml")
    assert made.control.play("site", limit=[CENTRE]).clean().sums("changed") == {}


def test_the_image_of_another_server_is_not_started(made: Province) -> None:
    """A host with the identity of another is stopped with a word on copied disks."""
    copied = made.host(WEB1).shell(f"tar --create --directory={_IDENTITY} . | base64")
    host = made.host(WEB2)
    host.shell(
        f"systemctl stop tramgac-agent && mv {_IDENTITY} {_IDENTITY}.own && mkdir {_IDENTITY}"
    )
    unpack = f"base64 --decode | tar --extract --directory={_IDENTITY}"
    host.run("sh", "-euc", unpack, given=copied)

    played = made.control.play("enroll", limit=[WEB2.inventory_name])

    assert played.sums("failed") == {WEB2.inventory_name: 1}
    assert "it has the identity of bv-a/main/web1" in played.text
    assert "0 of 1 hosts are measured" in played.text
    assert host.run("systemctl", "is-active", "tramgac-agent", check=False).returncode
    host.shell(f"rm -r {_IDENTITY} && mv {_IDENTITY}.own {_IDENTITY}")
    made.control.play("enroll", limit=[WEB2.inventory_name]).clean()


def test_a_storm_holds_up_its_own_hospital_only(made: Province) -> None:
    """While a storm is declared for one hospital nothing is changed there; the other goes on."""
    place = "--facility bv-a --to $(date --date='2 days' +%F)"
    made.centre.shell(f"{_COLLECTOR} rules storm start {place} --cite 1 --reason thử --by thử")
    canary = made.control.groups.pop("canary")
    try:
        played = made.control.play("enroll", limit=NAMES)
    finally:
        made.control.groups["canary"] = canary
        made.centre.shell(f"{_COLLECTOR} rules storm end 1 --reason thử --by thử")

    assert set(played.sums("failed")) == {WEB1.inventory_name, WEB2.inventory_name}
    assert "a storm is declared for bv-a" in played.text
    assert "1 of 3 hosts are measured" in played.text


def _stopped_at_the_canary(made: Province, played: Played, since: str) -> None:
    assert played.code
    assert played.sums("failed") == {WEB1.inventory_name: 1}
    for server in (WEB2, DB1):
        assert f"{server.inventory_name}: not touched, since {since}" in played.text
    made.until_heard()


def test_a_canary_that_cannot_enrol_stops_the_others(made: Province) -> None:
    """Nobody follows a canary that failed, and the table at the end is shown all the same."""
    servers = made.control.groups["canary"]
    own = servers[WEB1.inventory_name]
    servers[WEB1.inventory_name] = {**own, "agent_token": "khong", "agent_force_enroll": True}
    try:
        played = made.control.play("enroll", limit=NAMES)
    finally:
        servers[WEB1.inventory_name] = own

    _stopped_at_the_canary(made, played, f"{WEB1.inventory_name} failed")
    assert "hosts are measured" in played.text


def test_a_canary_that_does_not_start_stops_the_others(made: Province, tmp_path: Path) -> None:
    """The version that failed on the canary goes nowhere else, and what came of it is told."""
    made.control.use(made_bundle(tmp_path, "0.1.1", broken_source(tmp_path / "broken")))

    played = made.control.play("upgrade", upgrade_collector=False, agent_health_seconds=20)

    _stopped_at_the_canary(made, played, "the new version did not work on")
    assert f"{WEB1.inventory_name}: FAILED: " in played.text
    assert "0.1.0 is in force again" in played.text


def test_a_host_that_is_taken_away_may_not_come_back(made: Province) -> None:
    """`remove_deny` ends the identity at the collector too."""
    made.control.play("remove", limit=[DB1.inventory_name], remove_deny=True).clean()

    listed = json.loads(made.centre.shell(f"{_COLLECTOR} agents list --json"))
    states = {row["host"]: row["state"] for row in listed}
    assert states == {"web1": "active", "web2": "active", "db1": "denied"}
