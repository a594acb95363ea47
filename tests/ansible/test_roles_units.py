"""The units the role writes: hardened, bounded, and as the documents promise."""

import re
import subprocess
from pathlib import Path

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

TEMPLATES = Path(__file__).parents[2] / "ansible/roles/agent/templates"
VARIABLES = {
    "agent_cpu_quota": "20%",
    "agent_memory_max": "128M",
    "agent_raw": "False",
    "agent_state": "/var/lib/tramgac/agent",
    "agent_program": "/usr/local/bin/tramgac-agent",
    "agent_python": "/opt/tramgac/agent/current/bin/python",
}
REPOSITORY = {"name": "nas", "destination": "nas", "owner": "backup"}


def render(template: str, **more: object) -> str:
    """As Ansible does, which trims the line after a block."""
    loader = FileSystemLoader(TEMPLATES)
    jinja = Environment(loader=loader, trim_blocks=True, undefined=StrictUndefined)  # noqa: S701 - units, no pages
    jinja.filters["bool"] = lambda text: str(text).lower() == "true"
    jinja.filters["to_json"] = lambda value, **_: '"' + str(value).replace('"', '\\"') + '"'
    return jinja.get_template(template).render(VARIABLES | more)


def exposure(folder: Path, name: str, text: str) -> float:
    """What systemd itself thinks of a unit: 0 is closed, 10 open."""
    unit = folder / name
    unit.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit)],
        check=False,
        capture_output=True,
        text=True,
    )
    found = re.search(r"Overall exposure level for .*: ([0-9.]+)", done.stdout)
    assert found, done.stderr
    return float(found[1])


@pytest.mark.parametrize("raw", ["False", "True"])
def test_the_agent_is_hardened(tmp_path: Path, raw: str) -> None:
    """Below 4 by systemd's own scale, with and without the right to ping."""
    text = render("tramgac-agent.service.j2", agent_raw=raw)

    assert exposure(tmp_path, "tramgac-agent.service", text) < 4
    assert ("CapabilityBoundingSet=CAP_NET_RAW\n" in text) == (raw == "True")
    for line in ("Type=notify", "RestartPreventExitStatus=78", "MemoryMax=128M", "CPUQuota=20%"):
        assert f"\n{line}\n" in text


@pytest.mark.parametrize("deed", ["probe", "verify", "drill"])
def test_the_owners_units_are_hardened(tmp_path: Path, deed: str) -> None:
    """They run as the owner, below 4, and write nothing but evidence and their own state."""
    text, drill = render("repository.service.j2", item=[REPOSITORY, deed]), deed == "drill"

    # A drill starts a throw-away database, which needs calls that the others do without.
    assert exposure(tmp_path, f"tramgac-backup-{deed}-nas.service", text) < (6 if drill else 4)
    assert "\nUser=backup\n" in text
    assert "\nReadWritePaths=/var/lib/tramgac/agent/drop\n" in text


def test_a_backup_is_run_as_given() -> None:
    """Signs that systemd reads in a command reach the program as they stood in the inventory."""
    item = {
        "name": "db",
        "series": "bv-a/his/db@nas",
        "owner": "backup",
        "command": ["/bin/dump", "100%", "$HOME", "two words"],
    }
    text = render("backup.service.j2", item=item)

    assert 'backup-run --series bv-a/his/db@nas -- "/bin/dump" "100%%" "$$HOME" "two words"' in text
    assert "\nUser=backup\n" in text
    assert "MemoryMax" not in text
    # A script may call sudo.
    assert "\nNoNewPrivileges" not in text
