"""What the roles do to hosts that are full, hostile or left in the middle; no host is needed."""

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import yaml

ANSIBLE = Path(__file__).parents[2] / "ansible"


def tasks(name: str) -> Iterator[dict[str, Any]]:
    """Every task of a file, those inside blocks too, in the order they are run."""

    def flat(several: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for one in several:
            yield one
            yield from flat([*one.get("block", ()), *one.get("rescue", ())])

    yield from flat(yaml.safe_load((ANSIBLE / name).read_text()))


def task(name: str, words: str) -> dict[str, Any]:
    """The task of a file with this name."""
    return next(one for one in tasks(name) if one["name"] == words)


def test_a_build_that_fails_takes_no_room(tmp_path: Path) -> None:
    """On a host without room, nothing of an unfinished version stays to fill it up."""
    versions = tmp_path / "versions"
    versions.mkdir()
    packed = versions / ".1.tar"
    (tmp_path / "requirements").mkdir()
    with tarfile.open(packed, "w") as tar:
        tar.add(tmp_path / "requirements", "requirements")

    script = str(ANSIBLE / "roles/common/files/build-version")
    done = subprocess.run(
        ["sh", script, str(versions / "1"), "agent", str(packed), sys.executable],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"]},
    )

    assert done.returncode, done.stdout
    assert list(versions.iterdir()) == []


def test_the_way_back_is_noted_before_the_link_is_turned() -> None:
    """Whoever is cut off right after it must find which version was in force."""
    names = [one["name"] for one in tasks("roles/common/tasks/switch.yml")]

    assert names.index("Name the version before") < names.index("Link the version")
    assert names.index("Note that it works") > names.index("Start it and wait until it works")


def test_no_link_in_the_agents_own_folder_is_followed() -> None:
    """Root gives away what a path leads to, so the agent must not choose where that is."""
    made = task("roles/agent/tasks/user.yml", "Make its folders")

    assert made["ansible.builtin.file"]["follow"] is False


def test_the_token_lies_in_no_file_of_the_host() -> None:
    """Without pipelining the module would be copied, with what it is given on standard input."""
    enrol = task("roles/agent/tasks/identity.yml", "Enrol")

    assert enrol["vars"] == {"ansible_pipelining": True, "ansible_ssh_pipelining": True}


def test_every_delegation_names_a_host() -> None:
    """Whom to ask is worked out even where nothing is asked: no group may be taken for granted."""
    files = [*ANSIBLE.glob("roles/agent/tasks/*.yml"), ANSIBLE / "roles/common/tasks/report.yml"]
    named = [
        one["delegate_to"]
        for file in files
        for one in tasks(str(file.relative_to(ANSIBLE)))
        if "delegate_to" in one
    ]

    assert len(named) > 3
    assert not [one for one in named if "groups['collector'] |" in one]


def test_a_configuration_with_a_secret_is_not_shown_wherever_it_came_from() -> None:
    """Addresses of a database or a messenger count, also when they are free settings."""
    told = yaml.safe_load((ANSIBLE / "roles/collector/vars/main.yml").read_text())
    shown = jinja2.Environment(autoescape=False).from_string(told["collector_secret"])  # noqa: S701 - no page

    def secret(**sections: object) -> bool:
        return shown.render(collector_sections=sections).strip() == "True"

    assert not secret(store={}, notify={})
    assert secret(store={"url": "postgresql://u:p@db/tramgac"}, notify={})
    assert secret(store={}, notify={"urls": ["mailtos://u:p@m.example"]})
    assert secret(store={}, notify={"heartbeat_url": "https://h.example/secret"})


def test_units_that_make_backups_are_told_from_those_that_look() -> None:
    """Only the first are a reason not to remove an agent."""
    guard = task("playbooks/tasks/remove_agent.yml", "Leave a host alone whose backups would end")
    found = re.search(r"select\('match', '(.*)'\)", guard["vars"]["remove_runs"])
    assert found
    pattern = re.compile(found[1].replace(r"\\", "\\"))

    assert pattern.match("tramgac-backup-his.service")
    assert pattern.match("tramgac-backup-probes.service")
    for name in ("probe-nas.service", "verify-nas.service", "drill-nas.service", "his.timer"):
        assert not pattern.match(f"tramgac-backup-{name}")
