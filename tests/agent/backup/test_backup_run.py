"""``backup-run`` is invisible to the backup and tells the truth about it."""

import json
import signal
from pathlib import Path

import pytest
from helpers.backup import (
    SERIES,
    backup_run,
    drop_folder,
    dropped,
    kill,
    script,
    start_backup_run,
    until,
)
from helpers.restic_repository import Repository, exclusive_lock


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    return drop_folder(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a").write_text("one")
    (folder / "b").write_text("two two")
    return folder


def test_a_whole_restic_run_is_complete_with_its_counts(
    repository: Repository, drop: Path, source: Path
) -> None:
    """Start and end share a run id; files, bytes and snapshot come from restic's summary."""
    result = backup_run(
        drop, "restic", "backup", "--json", str(source), environment=repository.environment
    )
    start, end = dropped(drop)

    assert result.returncode == 0
    assert (start["outcome"], end["outcome"]) == ("running", "complete")
    assert start["run_id"] == end["run_id"]
    assert (end["series"], end["exit_code"], end["tool"]) == (SERIES, 0, "restic")
    assert (end["files"], end["bytes"]) == (2, 10)
    assert repository.restic("snapshots", end["snapshot_id"]).returncode == 0
    assert b'"message_type":"summary"' in result.stdout
    assert end["started_unix_ms"] <= end["ended_unix_ms"]


def test_an_unreadable_file_makes_it_partial(
    repository: Repository, drop: Path, source: Path
) -> None:
    """Restic exit 3 saves a snapshot that looks like any other; the run record tells."""
    result = backup_run(
        drop,
        *("restic", "backup", "--json", str(source), "/proc/self/mem"),
        environment=repository.environment,
    )
    end = dropped(drop)[-1]

    assert result.returncode == end["exit_code"] == 3
    assert end["outcome"] == "partial"
    assert end["errors"] == 1
    assert b"/proc/self/mem" in result.stderr
    assert "mem" not in json.dumps(dropped(drop))


@pytest.mark.parametrize("as_json", [True, False])
def test_a_missing_source_is_not_complete_though_restic_exits_0(
    repository: Repository, drop: Path, source: Path, *, as_json: bool
) -> None:
    """Before 0.19 a share that is not mounted costs only a line on standard error."""
    flags = ["--json"] if as_json else []
    result = backup_run(
        drop,
        *("restic", "backup", *flags, str(source), str(source / "not-mounted")),
        environment=repository.environment,
    )

    assert result.returncode == 0
    assert dropped(drop)[-1]["outcome"] == "partial"


def test_a_snapshot_of_nothing_is_not_complete(
    repository: Repository, drop: Path, tmp_path: Path
) -> None:
    """An empty mount point gives exit 0 and zero files."""
    (tmp_path / "empty").mkdir()
    result = backup_run(
        drop,
        *("restic", "backup", "--json", str(tmp_path / "empty")),
        environment=repository.environment,
    )
    end = dropped(drop)[-1]

    assert result.returncode == 0
    assert (end["outcome"], end["files"]) == ("partial", 0)


@pytest.mark.parametrize(
    "words", [("backup", "--dry-run", "--json", "/etc/hostname"), ("forget", "--json")]
)
def test_a_restic_that_saves_nothing_is_not_complete(
    repository: Repository, drop: Path, words: tuple[str, ...]
) -> None:
    """Exit 0 of a dry run or of another command is no evidence of a backup."""
    result = backup_run(drop, "restic", *words, environment=repository.environment)

    assert result.returncode == 0
    assert dropped(drop)[-1]["outcome"] == "partial"


def test_a_locked_repository_is_blocked(repository: Repository, drop: Path, source: Path) -> None:
    """0.14 exits 1 and only its text names the lock."""
    with exclusive_lock(repository):
        result = backup_run(
            drop, "restic", "backup", str(source), environment=repository.environment
        )

    assert result.returncode == 1
    assert dropped(drop)[-1]["outcome"] == "blocked"


def test_a_command_that_does_not_exist_is_a_failed_run(drop: Path) -> None:
    """127 as from a shell, said on standard error and recorded."""
    result = backup_run(drop, "no-such-backup-tool")
    end = dropped(drop)[-1]

    assert result.returncode == end["exit_code"] == 127
    assert end["outcome"] == "failed"
    assert b"no-such-backup-tool" in result.stderr


@pytest.mark.parametrize(("code", "outcome"), [(0, "complete"), (3, "failed"), (255, "failed")])
def test_any_command_keeps_its_exit_code(drop: Path, code: int, outcome: str) -> None:
    """Of a tool we do not know, the exit code is all that counts; 3 means nothing special."""
    result = backup_run(drop, "sh", "-c", f"exit {code}")
    end = dropped(drop)[-1]

    assert result.returncode == end["exit_code"] == code
    assert (end.get("tool", "other"), end["outcome"]) == ("other", outcome)
    assert "bytes" not in end


def test_output_passes_through_byte_for_byte(drop: Path, tmp_path: Path) -> None:
    """Also when it is read on the way: binary, without a last newline, on both streams."""
    noise = bytes(range(256)) * 2000
    (tmp_path / "noise").write_bytes(noise)
    fake = script(tmp_path / "restic", f'cat {tmp_path}/noise; printf "e\\351\\nx" >&2')

    result = backup_run(drop, str(fake), "backup", "--json")

    assert result.stdout == noise
    assert result.stderr == b"e\xe9\nx"


@pytest.mark.parametrize(
    "place", ["no/such/folder", "file", ""], ids=["missing", "not a folder", "unset"]
)
def test_a_backup_runs_even_if_nothing_can_be_recorded(tmp_path: Path, place: str) -> None:
    """The drop folder is our trouble: said on standard error, the exit code untouched."""
    (tmp_path / "file").write_text("")
    result = backup_run(
        tmp_path / place if place else tmp_path,
        *("sh", "-c", f"touch {tmp_path}/ran; exit 7"),
        series=SERIES if place else "Not A Series",
    )

    assert result.returncode == 7
    assert (tmp_path / "ran").exists()
    assert b"NOT recorded" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_reach_the_command(drop: Path, tmp_path: Path, number: signal.Signals) -> None:
    """The command decides what a signal means; the run counts as interrupted."""
    text = (
        f'trap "echo told; exit 9" TERM INT HUP; touch {tmp_path}/up; while :; do sleep 0.05; done'
    )
    running = start_backup_run(drop, "sh", "-c", text)
    until((tmp_path / "up").exists)
    running.send_signal(number)
    out, _ = running.communicate(timeout=20)
    end = dropped(drop)[-1]

    assert out == b"told\n"
    assert running.returncode == end["exit_code"] == 9
    assert end["outcome"] == "interrupted"


def test_a_killed_command_is_interrupted(drop: Path) -> None:
    """SIGKILL shows as 137, as a shell would say it."""
    result = backup_run(drop, "sh", "-c", "kill -9 $$")
    end = dropped(drop)[-1]

    assert result.returncode == end["exit_code"] == 137
    assert end["outcome"] == "interrupted"


def test_a_killed_backup_run_leaves_a_start_without_an_end(drop: Path, tmp_path: Path) -> None:
    """Nobody can write the end then; the open start is what tells the centre."""
    running = start_backup_run(drop, "sh", "-c", f"echo $$ >{tmp_path}/pid; exec sleep 60")
    until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text() != "")
    running.kill()
    kill(int((tmp_path / "pid").read_text()))
    running.communicate(timeout=20)

    assert [one["outcome"] for one in dropped(drop)] == ["running"]


def test_a_real_restic_stopped_half_way_is_interrupted(
    repository: Repository, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SIGTERM goes through; 0.14 leaves its lock behind, which the probe will show."""
    for key, value in repository.environment.items():
        monkeypatch.setenv(key, value)
    running = start_backup_run(drop, "restic", "backup", "--stdin", "--json")
    until(repository.locks)
    running.terminate()
    running.communicate(timeout=20)
    end = dropped(drop)[-1]

    assert running.returncode == end["exit_code"] == 143
    assert end["outcome"] == "interrupted"
    assert "files" not in end
    assert repository.locks()


def test_without_a_command_it_says_how_to_use_it(drop: Path) -> None:
    """Exit code 2, nothing recorded."""
    result = backup_run(drop)

    assert result.returncode == 2
    assert dropped(drop) == []
