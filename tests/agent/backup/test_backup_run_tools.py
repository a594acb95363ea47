"""``backup-run`` around other real tools: a warning is no whole backup and no failure."""

import subprocess
from pathlib import Path

import pytest
from helpers.backup import backup_run, drop_folder, dropped


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a").write_text("one")
    return folder


@pytest.fixture
def borg(tmp_path: Path) -> dict[str, str]:
    """Environment of an empty repository."""
    environment = {
        "BORG_REPO": str(tmp_path / "repository"),
        "BORG_BASE_DIR": str(tmp_path / "borg"),
        "BORG_PASSPHRASE": "a made-up password",
        "PATH": "/usr/bin:/bin",
    }
    words = ["borg", "init", "--encryption", "repokey"]
    subprocess.run(words, env=environment, check=True, capture_output=True, timeout=60)
    return environment


@pytest.mark.parametrize(
    ("words", "changes", "judged"),
    [
        ("create ::a SOURCE", {}, (0, "complete", "")),
        ("create ::a SOURCE /not-mounted", {}, (1, "partial", "missing_source")),
        ("create --log-json ::a SOURCE /not-mounted", {}, (1, "partial", "missing_source")),
        ("create --read-special ::a /proc/self/mem", {}, (1, "partial", "unreadable_files")),
        ("create --dry-run ::a SOURCE", {}, (0, "partial", "dry_run")),
        ("prune --keep-daily 7", {}, (0, "partial", "saves_nothing")),
        ("create ::a SOURCE", {"BORG_PASSPHRASE": "x"}, (2, "failed", "wrong_password")),
        ("create ::a SOURCE", {"BORG_REPO": "/nowhere"}, (2, "failed", "no_repository")),
    ],
)
def test_a_borg_run(
    tmp_path: Path,
    source: Path,
    borg: dict[str, str],
    *,
    words: str,
    changes: dict[str, str],
    judged: tuple[int, str, str],
) -> None:
    """1.2 has one exit code for all warnings, one for all errors; its words tell the rest."""
    drop = drop_folder(tmp_path)
    command = words.replace("SOURCE", str(source)).split()
    result = backup_run(drop, "nice", "borg", *command, environment=borg | changes)
    end = dropped(drop)[-1]

    assert end["tool"] == "borg"
    assert (result.returncode, end["outcome"], end.get("reason", "")) == judged


def test_a_borg_repository_that_another_holds_is_blocked(
    tmp_path: Path, source: Path, borg: dict[str, str]
) -> None:
    """Exit 2 like every error; the lock is held by a real borg at work."""
    drop = drop_folder(tmp_path)
    words = ["borg", "with-lock", borg["BORG_REPO"], "sh", "-c", "echo held; read end"]
    with subprocess.Popen(words, env=borg, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        backup_run(drop, "borg", "--lock-wait", "0", "create", "::a", str(source), environment=borg)
        holder.communicate(b"\n", timeout=20)
    end = dropped(drop)[-1]

    assert (end["exit_code"], end["outcome"], end["reason"]) == (2, "blocked", "locked")


@pytest.mark.parametrize(
    ("command", "judged"),
    [
        ("rsync -a SOURCE TO", (0, "complete", "")),
        ("rsync -an SOURCE TO", (0, "partial", "dry_run")),
        ("rsync -a SOURCE /not-mounted TO", (23, "partial", "missing_source")),
        ("rsync -a SOURCE rsync://127.0.0.1:9/x", (10, "failed", "unreachable")),
        ("tar -cf TO SOURCE", (0, "complete", "")),
        ("tar -cf /dev/full SOURCE", (2, "failed", "no_space")),
        ("tar -cf TO SOURCE /not-mounted", (2, "failed", "missing_source")),
        ("pg_dump -h 127.0.0.1 -p 9 his", (1, "failed", "exit_code")),
    ],
)
def test_a_run_of_another_tool(
    tmp_path: Path, source: Path, command: str, judged: tuple[int, str, str]
) -> None:
    """Its exit code first, and its words where they are plain."""
    drop = drop_folder(tmp_path)
    to = str(tmp_path / "to")
    words = command.replace("SOURCE", str(source)).replace("TO", to).split()
    result = backup_run(drop, *words)
    end = dropped(drop)[-1]

    assert end["tool"] == words[0]
    assert (result.returncode, end["outcome"], end.get("reason", "")) == judged
