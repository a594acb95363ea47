"""The preview for Windows says that it is one."""

from pathlib import Path

ANSIBLE = Path(__file__).parents[2] / "ansible"
ROLE = ANSIBLE / "roles/agent_windows"


def test_nobody_takes_the_preview_for_more() -> None:
    """It is off until somebody says yes to it, and every file says that it never ran."""
    for path in (
        ANSIBLE / "playbooks/windows_preview.yml",
        ROLE / "files/install.ps1",
        ROLE / "tasks/main.yml",
        ROLE / "meta/argument_specs.yml",
    ):
        text = path.read_text(encoding="utf-8").lower()
        assert "preview" in text
        assert "never ran" in text or "never run" in text
    assert "agent_windows_preview: false" in (ROLE / "defaults/main.yml").read_text()


def test_no_other_playbook_leads_to_it() -> None:
    """A province that is installed the usual way has nothing of it."""
    found = [
        path.name
        for path in (ANSIBLE / "playbooks").rglob("*.yml")
        if "agent_windows" in path.read_text()
    ]

    assert found == ["windows_preview.yml"]


def test_the_script_holds_no_secret_and_no_foreign_letter() -> None:
    """Windows PowerShell 5.1 reads unmarked scripts as ANSI; the token is typed elsewhere."""
    script = (ROLE / "files/install.ps1").read_bytes()

    assert script.isascii()
    assert b"token" not in script.lower()
