"""From a bundle to a reporting province on real systemd hosts that reach nothing else."""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from helpers.ansible_play import Played
from helpers.ansible_province import (
    BROKEN,
    CENTRE,
    Province,
    Server,
    broken_source,
    made_bundle,
    province,
)
from helpers.backup import until
from helpers.nspawn import Wanted

WEB1, WEB2 = Server("bv-a", "web1"), Server("bv-a", "web2")
DB1 = Server("bv-b", "db1")
# Each of these has one fault; only the first two need a machine of their own.
FULL = Server("bv-a", "full")
LATE = Server("bv-b", "late")
STRANGER = Server("bv-z", "web9")
CLOSED = Server("bv-b", "db1")


@dataclass(frozen=True)
class Installed:
    """The province after the first run."""

    province: Province
    first: Played
    seconds: float


@dataclass(frozen=True)
class Again:
    """What the second run said, the token that it was given, and whether nobody changed by it."""

    played: Played
    expired: str
    same: bool


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """One run of `site` over three good servers and four with a fault each."""
    folder = tmp_path_factory.mktemp("hosts")
    began = time.monotonic()
    others = (Wanted("full", {"/opt": "60M"}), Wanted("late", clock="+2h"))
    with province(folder, [WEB1, WEB2, DB1], *others) as made:
        faulty = made.control.groups["servers"]
        faulty["full"] = FULL.variables()
        faulty["late"] = LATE.variables()
        faulty["stranger"] = STRANGER.variables(machine="web2")
        faulty["closed"] = CLOSED.variables(agent_enrollment_address=f"{CENTRE}:8999")
        first = made.control.play("site")
        made.until_heard()
        seconds = time.monotonic() - began
        for name in ("full", "late", "stranger", "closed"):
            del faulty[name]
        yield Installed(made, first, seconds)


def test_three_servers_of_two_hospitals_report_without_any_way_out(
    installed: Installed, capsys: pytest.CaptureFixture[str]
) -> None:
    """After one run all good servers report, are measured, and no machine had a way out."""
    made = installed.province
    assert set(installed.first.sums("failed")) == {"full", "late", "stranger", "closed"}
    for host in made.network.hosts.values():
        assert "default" not in host.shell("ip route; ip -6 route")
    for server in made.servers:
        host = made.host(server)
        assert host.run("systemctl", "is-active", "tramgac-agent").stdout.strip() == "active"
        assert host.run("systemctl", "is-system-running").stdout.strip() == "running"
    until(lambda: len(made.values("tramgac_host_uptime_seconds")) == len(made.servers), pause=1)
    with capsys.disabled():
        told = f"{len(made.servers)} servers report after {installed.seconds:.0f} s"
        sys.stdout.write(f"\nfrom nothing, bundle included: {told}\n")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("full", "MiB are free in /opt, needed are"),
        ("late", "ahead of that of the control host"),
        ("stranger", "in the inventory of the collector facility bv-z has no host of this name"),
        ("closed", "port 8999 of the collector, centre, cannot be reached"),
    ],
)
def test_a_host_with_a_fault_stops_alone_and_says_why(
    installed: Installed, name: str, told: str
) -> None:
    """A full disk, a wrong clock, a wrong inventory and a closed port are said in plain words."""
    lines = [line for line in installed.first.text.splitlines() if f"fatal: [{name}]" in line]
    assert any(told in line for line in lines), (told, lines)


@pytest.fixture(scope="module")
def again(installed: Installed) -> Again:
    """A second run over the centre and two servers, one of them with a token that ran out.

    The third server would show nothing that these do not.
    """
    made = installed.province
    expired = made.expired_token(WEB2)
    before = made.who(WEB2)
    servers = made.control.groups["servers"]
    own = servers[WEB2.inventory_name]
    servers[WEB2.inventory_name] = {**own, "agent_token": expired, "agent_force_enroll": True}
    try:
        names = [CENTRE, WEB1.inventory_name, WEB2.inventory_name]
        played = made.control.play("site", limit=names)
    finally:
        servers[WEB2.inventory_name] = own
    return Again(played, expired, before == made.who(WEB2))


def test_a_second_run_changes_nothing_where_nothing_is_wrong(again: Again) -> None:
    """A second run finds nothing to change, neither at the centre nor on a server."""
    assert again.played.sums("changed") == {}
    assert again.played.sums("unreachable") == {}
    assert again.played.hosts[CENTRE]["ok"] > 0
    assert again.played.hosts[WEB1.inventory_name]["ok"] > 0


def test_an_expired_token_stops_its_host_and_leaves_the_identity(again: Again) -> None:
    """A token that ran out is named as the reason; the other hosts of the run go on."""
    assert again.played.sums("failed") == {WEB2.inventory_name: 1}
    assert "not enrolled" in again.played.text
    assert "expired" in again.played.text
    assert again.expired not in again.played.text
    assert again.same


def test_a_check_finds_nothing(installed: Installed) -> None:
    """`--check --diff` says that nothing would be changed, and shows no difference."""
    checked = installed.province.control.play(
        "site", "--check", "--diff", limit=[CENTRE, WEB1.inventory_name]
    ).clean()
    assert checked.sums("changed") == {}
    assert "--- before" not in checked.text


def test_a_broken_version_returns_by_itself(installed: Installed, tmp_path: Path) -> None:
    """N returns to N-1 on the first host, no other is touched, and nobody loses a record."""
    made = installed.province
    before = [made.who(server) for server in made.servers]
    with made.cut_off(WEB1) as waited:
        made.control.use(made_bundle(tmp_path, "0.1.1", broken_source(tmp_path / "broken")))
    played = made.control.play("upgrade", upgrade_collector=False, agent_health_seconds=20)
    assert played.code
    assert "0.1.0 is in force again" in played.text
    assert BROKEN in played.text
    assert set(played.sums("changed")) == set(played.sums("failed")) == {WEB1.inventory_name}
    assert _in_force(made) == {"0.1.0"}
    assert [made.who(server) for server in made.servers] == before
    made.until_heard()
    _arrived(made, waited["last_seq"])


@pytest.mark.soak
def test_an_upgrade_keeps_identity_and_records(installed: Installed, tmp_path: Path) -> None:
    """N replaces N-1 everywhere; every host is who it was, and every record arrives once."""
    made = installed.province
    before = [made.who(server) for server in made.servers]
    with made.cut_off(WEB1) as waited:
        made.control.use(made_bundle(tmp_path, "0.1.2"))
    made.control.play("upgrade").clean()
    assert _in_force(made) == {"0.1.2"}
    until(lambda: {key[2] for key in made.versions()} == {"0.1.2"}, seconds=120, pause=1)
    assert [made.who(server) for server in made.servers] == before
    made.until_heard()
    _arrived(made, waited["last_seq"])


@pytest.mark.soak
def test_remove_leaves_what_it_says(installed: Installed) -> None:
    """Program, units and configuration go; state and user stay until they are asked for too."""
    made = installed.province
    name = WEB1.inventory_name
    text = made.control.play("remove", limit=[name]).clean().text
    assert "left are /var/lib/tramgac/agent" in text
    host = made.host(WEB1)
    find = "find / -xdev -iname '*tramgac*' -not -path '/proc/*' -not -path '/var/log/*'"
    assert _left(host.shell(find)) == {"/var/lib/tramgac"}
    assert host.run("id", "tramgac").returncode == 0
    made.control.play("remove", limit=[name], agent_remove_state=True).clean()
    assert _left(host.shell(find)) == set()
    assert host.run("id", "tramgac", check=False).returncode
    assert host.run("systemctl", "is-system-running").stdout.strip() == "running"


def _left(found: str) -> set[str]:
    """What a search found, without what lies inside something else that was found."""
    paths = set(found.split())
    return {path for path in paths if not any(path.startswith(f"{one}/") for one in paths)}


def _arrived(made: Province, last_seq: int) -> None:
    """What waited in the outbox of `WEB1`, and what others sent, is stored without a gap."""
    name = WEB1.inventory_name
    assert last_seq > 0
    until(lambda: made.ledgers()[name].contiguous >= last_seq, seconds=120, pause=1)
    ledgers = made.ledgers()
    assert set(ledgers) == set(made.names)
    assert all(ledger.whole for ledger in ledgers.values()), ledgers
    assert {each.inventory_name: made.who(each).epoch for each in made.servers} == {
        name: ledger.epoch for name, ledger in ledgers.items()
    }
    assert sum(made.values("tramgac_agent_lost_records").values()) == 0


def _in_force(made: Province) -> set[str]:
    link = "basename $(readlink /opt/tramgac/agent/current)"
    return {made.host(server).shell(link).strip() for server in made.servers}
