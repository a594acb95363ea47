"""Runs that end in the middle, hosts that lie, a centre out of reach: on real systemd hosts."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.ansible_play import REPOSITORY, Played
from helpers.ansible_province import (
    Province,
    Server,
    broken_source,
    made_bundle,
    province,
)
from helpers.backup import until

WEB1, WEB2 = Server("bv-a", "web1"), Server("bv-a", "web2")
NAME1, NAME2 = WEB1.inventory_name, WEB2.inventory_name
_PLAY = str(REPOSITORY / ".venv-ansible/bin/ansible-playbook")
_ONLY_AGENTS = ("--extra-vars", '{"upgrade_collector": false}')
_STATE = "/var/lib/tramgac/agent"

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Province]:
    """A centre and two servers that report."""
    with province(tmp_path_factory.mktemp("cut"), [WEB1, WEB2]) as made_:
        assert "2 of 2 hosts are measured" in made_.control.play("site").clean().text
        yield made_


def in_force(made: Province, server: Server) -> str:
    """The version that `current` leads to."""
    return made.host(server).shell("basename $(readlink /opt/tramgac/agent/current)").strip()


def enroll(made: Province, server: Server, **variables: object) -> Played:
    """One host alone."""
    return made.control.play("enroll", limit=[server.inventory_name], **variables)


def test_a_limited_run_reports_too(made: Province) -> None:
    """The hosts that were named are in the report, and no other is."""
    text = enroll(made, WEB2).clean().text

    assert "1 of 1 hosts are measured" in text
    assert "bv-a/main/web1" not in text


def test_a_link_of_the_agent_leads_nowhere(made: Province) -> None:
    """A folder of the agent that became a link to one of root is left as it is, and said."""
    host = made.host(WEB2)
    before = host.shell("stat -c '%U %a' /etc")
    host.shell(f"cd {_STATE} && mv drop away && runuser -u tramgac -- ln -s /etc drop")
    played = enroll(made, WEB2)
    host.shell(f"cd {_STATE} && rm drop && mv away drop")

    assert played.sums("failed") == {NAME2: 1}
    assert host.shell("stat -c '%U %a' /etc") == before


def test_an_owner_who_is_not_there_is_not_made(made: Province) -> None:
    """A slip of the pen opens no account."""
    played = enroll(made, WEB2, agent_drop_members=["root", "bakcup"])

    assert "there is no user bakcup here" in played.text
    assert made.host(WEB2).run("id", "bakcup", check=False).returncode


def test_a_host_enrols_without_a_way_to_the_collectors_machine(made: Province) -> None:
    """A token and the settings are enough, also the second time."""
    run = "runuser -u tramgac-collector -- /usr/local/bin/tramgac-collector"
    place = "--facility=bv-a --site=main --host=web2"
    token = json.loads(made.centre.shell(f"cd / && {run} token create --json {place}"))["token"]
    settings = made.control.folder / "settings.toml"
    settings.write_text(made.centre.shell(f"cd / && {run} inventory export --agent bv-a/web2"))
    given = {"agent_token": token, "agent_settings_file": str(settings)}
    kept = made.control.groups.pop("collector")
    try:
        enroll(made, WEB2, agent_force_enroll=True, **given).clean()
        again = enroll(made, WEB2, **given).clean()
    finally:
        made.control.groups["collector"] = kept

    assert again.sums("changed") == {}
    until(lambda: made.heard() == set(made.names), seconds=60)


def test_a_server_out_of_reach_and_a_run_cut_off_find_back(made: Province, tmp_path: Path) -> None:
    """The dead host holds up nobody; who is left in the middle returns with the next run."""
    control = made.control
    good = dict(control.variables)
    control.use(made_bundle(tmp_path, "0.1.1", broken_source(tmp_path / "broken")))
    alive = control.groups["servers"]
    control.groups["servers"] = {"dead": WEB1.variables(ansible_port=1), **alive}
    # Nothing is run: the inventory is written.
    control.play("upgrade", "--list-hosts")
    run = subprocess.Popen(
        made.network.inside(_PLAY, "tramgac.monitoring.upgrade", *_ONLY_AGENTS),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=control._environment(),
    )
    try:
        until(lambda: in_force(made, WEB1) == "0.1.1", seconds=300)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        control.groups["servers"] = alive
    assert in_force(made, WEB1) == "0.1.1"

    played = control.play("upgrade", upgrade_collector=False, agent_health_seconds=20)
    control.variables = good

    assert "so 0.1.0 is in force again" in played.text
    assert in_force(made, WEB1) == in_force(made, WEB2) == "0.1.0"
    until(lambda: made.heard() == set(made.names), seconds=60)


def test_backups_do_not_end_with_the_agent(made: Province) -> None:
    """A host that makes backups by our timers is left alone until somebody says so."""
    backup = {
        "name": "home",
        "series": "bv-a/web1/home@nas",
        "owner": "daemon",
        "command": ["/bin/true"],
        "calendar": "daily",
    }
    enroll(made, WEB1, agent_backups=[backup]).clean()
    assert "tramgac-backup-home.timer is there, but not declared" in enroll(made, WEB1).clean().text

    refused = made.control.play("remove", limit=[NAME1])

    assert refused.sums("failed") == {NAME1: 1}
    assert "tramgac-backup-home.service makes backups of this hospital" in refused.text
    made.control.play("remove", limit=[NAME1], remove_backups=True, agent_remove_state=True).clean()
    left = made.host(WEB1).shell("find / -xdev -iname '*tramgac*' -not -path '/var/log/*'")
    assert left == ""
