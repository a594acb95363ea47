"""Every variable of every role is explained once, and every file of the collection can be read."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ANSIBLE = Path(__file__).parents[2] / "ansible"
ROLES = sorted(path.name for path in (ANSIBLE / "roles").iterdir())
FILES = sorted(str(path.relative_to(ANSIBLE)) for path in ANSIBLE.rglob("*.yml"))


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def options(role: str) -> dict[str, dict[str, Any]]:
    specs = load(ANSIBLE / "roles" / role / "meta/argument_specs.yml")
    found: dict[str, dict[str, Any]] = specs["argument_specs"]["main"]["options"]
    return found


def defaults(role: str) -> dict[str, Any]:
    found: dict[str, Any] = load(ANSIBLE / "roles" / role / "defaults/main.yml")
    return found


@pytest.mark.parametrize("role", ROLES)
def test_what_is_explained_is_what_can_be_set(role: str) -> None:
    """Variables with a default and those with an explanation are the same, value and all."""
    told = {name: one.get("default") for name, one in options(role).items()}

    assert told == defaults(role)


@pytest.mark.parametrize("role", ROLES)
def test_every_variable_is_explained_and_of_its_role(role: str) -> None:
    """Each has words, a type, and the name of its role in front."""
    for name, one in options(role).items():
        assert name.startswith(f"{role}_")
        assert one["description"]
        assert one["type"]


@pytest.mark.parametrize("name", FILES)
def test_every_task_has_a_name_and_no_short_module(name: str) -> None:
    """A person who watches a run reads sentences; modules are those of the core, by full name."""
    if "/tasks/" not in name:
        return
    for task in load(ANSIBLE / name):
        for one in (*task.get("block", ()), *task.get("rescue", ()), task):
            assert one["name"][0].isupper()
            modules = [key for key in one if "." in key]
            assert all(key.startswith("ansible.builtin.") for key in modules)


def test_no_secret_stands_in_an_argument() -> None:
    """A token goes to the agent on standard input, and the tasks that hold it show nothing."""
    tasks = load(ANSIBLE / "roles/agent/tasks/identity.yml")
    block = next(task["block"] for task in tasks if "block" in task)
    holding = [
        task
        for task in block
        if re.search(r"agent_token_argv|'--token-file'", str(task.get("ansible.builtin.command")))
    ]

    assert len(holding) == 2
    assert all(task["no_log"] is True for task in holding)
    enrol = holding[1]["ansible.builtin.command"]
    assert "agent_token" not in str(enrol["argv"])
    assert "agent_token" in enrol["stdin"]


def test_the_version_is_that_of_the_program() -> None:
    """Collection and program are one release."""
    project = (ANSIBLE.parent / "pyproject.toml").read_text()
    said = re.search(r'^version = "(.+)"$', project, re.MULTILINE)

    assert said is not None
    assert load(ANSIBLE / "galaxy.yml")["version"] == said[1]
