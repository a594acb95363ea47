"""``backup-run`` is invisible to the backup and tells the truth about it."""

import signal
import socket
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

from tramgac_agent.backup.running import is_running


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    return drop_folder(tmp_path)


def test_a_command_that_does_not_exist_is_a_failed_run(drop: Path) -> None:
    """127 as from a shell, said on standard error and recorded."""
    result = backup_run(drop, "no-such-backup-tool")
    end = dropped(drop)[-1]

    assert result.returncode == end["exit_code"] == 127
    assert (end["outcome"], end["reason"]) == ("failed", "not_started")
    assert b"no-such-backup-tool" in result.stderr


@pytest.mark.parametrize(("code", "outcome"), [(0, "complete"), (3, "failed"), (255, "failed")])
def test_any_command_keeps_its_exit_code(drop: Path, code: int, outcome: str) -> None:
    """Of a tool we do not know, the exit code is all that counts; 3 means nothing special."""
    result = backup_run(drop, "sh", "-c", f"exit {code}")
    end = dropped(drop)[-1]

    assert result.returncode == end["exit_code"] == code
    assert (end.get("tool", "other"), end["outcome"]) == ("other", outcome)
    assert end.get("reason", "") == ("exit_code" if code else "")
    assert "bytes" not in end


def test_the_last_complaint_goes_into_the_record_without_names(drop: Path) -> None:
    """Of any command that fails; standard error itself is passed on as it came."""
    said = "cp: error writing '/mnt/Tran Thi B': No space left on device"
    result = backup_run(drop, "sh", "-c", f'echo "{said}" >&2; exit 1')
    start, end = dropped(drop)

    assert result.stderr == said.encode() + b"\n"
    assert end["words"] == "_ error writing _ no space left on device"
    assert "words" not in start
    assert end["host"] == socket.gethostname().partition(".")[0]


def test_a_whole_run_keeps_no_words(drop: Path) -> None:
    """What is said when nothing is wrong is nobody's business."""
    backup_run(drop, "sh", "-c", "echo warning >&2")

    assert dropped(drop)[-1]["outcome"] == "complete"
    assert "words" not in dropped(drop)[-1]


def test_a_time_limit_that_ends_a_backup_is_told(drop: Path) -> None:
    """`timeout` says 124, which is no exit code of the backup itself."""
    result = backup_run(drop, "timeout", "0.1", "sleep", "60")
    end = dropped(drop)[-1]

    assert result.returncode == 124
    assert (end["outcome"], end["reason"]) == ("interrupted", "not_in_time")


def test_overlapping_runs_are_told_apart(drop: Path, tmp_path: Path) -> None:
    """Each end names its own start."""
    first = start_backup_run(drop, "sh", "-c", f"until [ -e {tmp_path}/go ]; do sleep 0.02; done")
    until(lambda: len(dropped(drop)) == 1)
    backup_run(drop, "true")
    (tmp_path / "go").touch()
    first.communicate(timeout=20)

    runs = [one["run_id"] for one in dropped(drop)]
    assert runs == [runs[0], runs[1], runs[1], runs[0]]
    assert len(set(runs)) == 2


def test_a_daemon_left_behind_keeps_its_output(drop: Path, tmp_path: Path) -> None:
    """A server that the backup starts again must not die of our end; nor is it a running backup."""
    daemon = f"until [ -e {tmp_path}/go ]; do sleep 0.02; done; echo late >&2; touch {tmp_path}/ok"
    running = start_backup_run(drop, "sh", "-c", f"({daemon}) & echo early >&2; exit 3")
    until(lambda: running.poll() is not None)

    assert running.returncode == dropped(drop)[-1]["exit_code"] == 3
    assert not is_running(drop, SERIES)
    (tmp_path / "go").touch()
    _, errors = running.communicate(timeout=20)
    assert errors == b"early\nlate\n"
    assert (tmp_path / "ok").exists()


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
    assert b"Traceback" not in result.stderr


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


def test_without_a_command_it_says_how_to_use_it(drop: Path) -> None:
    """Exit code 2, nothing recorded."""
    result = backup_run(drop)

    assert result.returncode == 2
    assert dropped(drop) == []
