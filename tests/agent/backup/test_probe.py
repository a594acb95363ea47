"""The probe tells what a real repository shows, or why it is blind; never anything between."""

import json
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from helpers.backup import drop_folder, dropped, probe, probe_config, script
from helpers.restic_repository import PASSWORD, Repository, exclusive_lock

from tramgac_agent.restic.failure import state_of


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    (folder / "sub").mkdir(parents=True)
    (folder / "a").write_text("one")
    (folder / "sub/b").write_text("two two")
    return folder


def look(tmp_path: Path, config: Path, expected_exit: int = 0) -> dict[str, Any]:
    """Probe once and return the one state it dropped."""
    folder = drop_folder(tmp_path)
    result = probe(config, folder)
    assert result.returncode == expected_exit, result.stderr
    (state,) = dropped(folder)
    for path in folder.glob("*.json"):
        path.unlink()
    return state


EVIDENCE = {"newest_unix_ms", "newest_end_unix_ms", "newest_id", "snapshots", "files", "bytes"}


def test_a_readable_repository(repository: Repository, tmp_path: Path, source: Path) -> None:
    """All snapshots counted, the newest by its time, files and bytes as its run counted them."""
    repository.restic("backup", "--time", "2020-02-02 02:02:02", str(source))
    summary = json.loads(repository.restic("backup", "--json", str(source)).stdout.splitlines()[-1])
    state = look(tmp_path, probe_config(tmp_path, repository))

    assert state["state"] == "ok"
    assert state["snapshots"] == 2
    assert state["newest_id"].startswith(summary["snapshot_id"])
    assert abs(state["newest_unix_ms"] / 1000 - time.time()) < 60
    oldest = datetime(2020, 2, 2, 2, 2, 2).astimezone(timezone.utc).timestamp()
    assert state["oldest_unix_ms"] == oldest * 1000
    assert state["files"] == summary["total_files_processed"] == 2
    assert state["bytes"] == summary["total_bytes_processed"] == 10
    assert (state["locks"], state["stale_locks"]) == (0, 0)
    assert "newest_end_unix_ms" not in state  # 0.14 does not record it


def test_an_empty_repository_is_readable_and_has_no_newest(
    repository: Repository, tmp_path: Path
) -> None:
    """No snapshot is a fact, not blindness."""
    state = look(tmp_path, probe_config(tmp_path, repository))

    assert (state["state"], state["snapshots"]) == ("ok", 0)
    assert EVIDENCE & state.keys() == {"snapshots"}


def test_costly_facts_come_one_a_visit_and_are_remembered(
    repository: Repository, tmp_path: Path, source: Path
) -> None:
    """First the new snapshot's counts, then the stored size, then neither is asked again."""
    repository.restic("backup", str(source))
    log = tmp_path / "calls"
    fake = script(tmp_path / "counted", f'echo "$@" >>{log}; exec restic "$@"')
    config = probe_config(tmp_path, repository, restic=str(fake))
    visits = []
    for _ in range(3):
        state = look(tmp_path, config)
        visits.append((state.get("files"), "repository_bytes" in state))
    words = [line.split() for line in log.read_text().splitlines()]

    assert visits == [(2, False), (2, True), (2, True)]
    assert sum("ls" in line for line in words) == 1
    assert sum("stats" in line for line in words) == 1
    assert all("--no-lock" in line for line in words)


def test_a_snapshot_from_the_future_is_suspicious_and_never_newest(
    repository: Repository, tmp_path: Path, source: Path
) -> None:
    """It would look fresh for months."""
    repository.restic("backup", "--time", "2020-02-02 02:02:02", str(source))
    tomorrow = f"{datetime.now(timezone.utc) + timedelta(days=1):%Y-%m-%d %H:%M:%S}"
    repository.restic("backup", "--time", tomorrow, str(source))
    state = look(tmp_path, probe_config(tmp_path, repository))

    assert state["future_dated"] is True
    assert state["newest_unix_ms"] < 1_600_000_000_000


def test_looking_needs_no_lock_and_shows_a_live_one(
    repository: Repository, tmp_path: Path, source: Path
) -> None:
    """Even beside an exclusive lock; its owner lives, so it is not stale."""
    repository.restic("backup", str(source))
    with exclusive_lock(repository):
        state = look(tmp_path, probe_config(tmp_path, repository))

    assert (state["state"], state["snapshots"]) == ("ok", 1)
    assert (state["locks"], state["stale_locks"]) == (1, 0)
    assert abs(state["oldest_lock_unix_ms"] / 1000 - time.time()) < 60


def test_the_lock_of_a_killed_process_is_stale_at_once(
    repository: Repository, tmp_path: Path
) -> None:
    """Same host, process gone: nobody will take it away. We do not either."""
    with exclusive_lock(repository) as holder:
        holder.kill()
        holder.wait()
        state = look(tmp_path, probe_config(tmp_path, repository))

    assert (state["locks"], state["stale_locks"]) == (1, 1)
    assert len(list((repository.path / "locks").iterdir())) == 1


def _wrong_password(repository: Repository, tmp_path: Path) -> Path:
    repository.password_file.write_text("not the password")
    return probe_config(tmp_path, repository)


def _no_password_file(repository: Repository, tmp_path: Path) -> Path:
    repository.password_file.unlink()
    return probe_config(tmp_path, repository)


def _failing_command(repository: Repository, tmp_path: Path) -> Path:
    return probe_config(tmp_path, repository, password_file="", password_command="false")


def _no_repository(repository: Repository, tmp_path: Path) -> Path:
    return probe_config(tmp_path, repository, repository=str(tmp_path / "unmounted"))


def _no_restic(repository: Repository, tmp_path: Path) -> Path:
    return probe_config(tmp_path, repository, restic="restic-is-not-installed")


def _garbage(repository: Repository, tmp_path: Path) -> Path:
    fake = script(tmp_path / "restic", "echo '[0:00] 100%'; echo '{\"snapshots\": \\377'")
    return probe_config(tmp_path, repository, restic=str(fake))


def _new_exit_code(repository: Repository, tmp_path: Path) -> Path:
    return probe_config(tmp_path, repository, restic=str(script(tmp_path / "restic", "exit 42")))


def _no_listener(repository: Repository, tmp_path: Path) -> Path:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    return probe_config(
        tmp_path, repository, repository=f"rest:http://127.0.0.1:{port}/", deadline_seconds=2
    )


@pytest.mark.parametrize(
    ("broken", "blind"),
    [
        (_wrong_password, "blind_auth"),
        (_no_password_file, "blind_auth"),
        (_failing_command, "blind_auth"),
        (_no_repository, "missing"),
        (_no_restic, "blind_tool"),
        (_garbage, "blind_tool"),
        (_new_exit_code, "blind_tool"),
    ],
)
def test_a_repository_that_cannot_be_read_is_blind(
    repository: Repository, tmp_path: Path, broken: Callable[[Repository, Path], Path], blind: str
) -> None:
    """The reason is told, and no snapshot, however young the last known one was."""
    config = probe_config(tmp_path, repository)
    look(tmp_path, config)
    state = look(tmp_path, broken(repository, tmp_path))

    assert state["state"] == blind
    assert not EVIDENCE & state.keys()


def test_a_server_that_does_not_answer_is_unreachable_or_out_of_time(
    repository: Repository, tmp_path: Path
) -> None:
    """Restic keeps trying for minutes; the probe does not wait for it."""
    folder = drop_folder(tmp_path)
    result = probe(_no_listener(repository, tmp_path), folder)
    (state,) = dropped(folder)

    assert (state["state"], result.returncode) in {("blind_unreachable", 0), ("blind_timeout", 75)}


@pytest.mark.parametrize(
    ("code", "text", "state"),
    [
        (10, "", "missing"),
        (12, "", "blind_auth"),
        (124, "", "blind_timeout"),
        (127, "", "blind_tool"),
        (1, "Fatal: wrong password or no key found", "blind_auth"),
        (
            1,
            "Fatal: unable to open config file: stat r/config: no such file or directory",
            "missing",
        ),
        (
            1,
            "unable to open config file: dial tcp 10.0.0.9:8000: connect: no route",
            "blind_unreachable",
        ),
        (
            1,
            "subprocess ssh: ssh: Could not resolve hostname nas: Name or service",
            "blind_unreachable",
        ),
        (1, "Fatal: unable to open config file: open r/config: permission denied", "blind_auth"),
        (2, "panic: runtime error", "blind_tool"),
        (99, "something new", "blind_tool"),
    ],
)
def test_each_version_says_why_in_its_own_way(code: int, text: str, state: str) -> None:
    """0.14 has only the text; 0.17 and later have codes; an unknown failure is never health."""
    assert state_of(code, text) == state


def test_no_secret_and_no_address_is_in_any_argument(
    repository: Repository, tmp_path: Path
) -> None:
    """``ps`` shows every argument to everybody on the host."""
    log = tmp_path / "calls"
    fake = script(
        tmp_path / "restic",
        f"for p in $$ $PPID; do tr '\\0' ' ' </proc/$p/cmdline >>{log}; done; exec restic \"$@\"",
    )
    address = f"local:{repository.path}"
    look(
        tmp_path,
        probe_config(
            tmp_path,
            repository,
            repository=address,
            restic=str(fake),
            password_file="",
            password_command=f"cat {repository.password_file}",
        ),
    )
    text = log.read_text()

    assert "snapshots" in text
    assert PASSWORD not in text
    assert address not in text
    assert "password" not in text.replace(str(tmp_path), "")


def test_a_hung_restic_is_told_as_such(repository: Repository, tmp_path: Path) -> None:
    """Exit code 75 for whoever started the probe; the series is blind."""
    fake = script(tmp_path / "restic", "exec sleep 60")
    config = probe_config(tmp_path, repository, restic=str(fake), deadline_seconds=0.5)
    begun = time.monotonic()
    state = look(tmp_path, config, expected_exit=75)

    assert state["state"] == "blind_timeout"
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("repository = 1", "repository"),
        ('repository = "r"\nsnapshot = 1', "snapshot"),
        ('repository = "r"', "series"),
        ('[[series]]\nid = "a/b/c@d"', "repository"),
        ('repository = "r"\n[[series]]\nid = "Not One"', "id"),
        ("not toml", "cannot be read"),
    ],
)
def test_a_wrong_configuration_is_refused_by_name(tmp_path: Path, text: str, says: str) -> None:
    """Exit code 78, the file and the key on standard error, nothing dropped."""
    config = tmp_path / "probe.toml"
    config.write_text(text)
    result = probe(config, drop_folder(tmp_path))

    assert result.returncode == 78
    assert str(config) in result.stderr.decode()
    assert says in result.stderr.decode()
    assert dropped(tmp_path / "drop") == []


def test_a_probe_that_cannot_report_says_so(repository: Repository, tmp_path: Path) -> None:
    """Exit code 1, for the unit to show as failed."""
    result = probe(probe_config(tmp_path, repository), tmp_path / "no-such-folder")

    assert result.returncode == 1
    assert b"cannot report" in result.stderr
