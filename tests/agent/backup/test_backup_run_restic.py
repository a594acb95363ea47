"""``backup-run`` around the real restics: the same truth from every version."""

import json
import os
from pathlib import Path

import pytest
from helpers.backup import SERIES, backup_run, drop_folder, dropped, start_backup_run, until
from helpers.restic_repository import Repository, exclusive_lock
from helpers.restic_versions import restics

# Exit codes of the installed 0.14, of 0.18 and of 0.19.
CODES = {
    "whole": {"debian": 0, "trixie": 0, "sid": 0},
    "unreadable": {"debian": 3, "trixie": 3, "sid": 3},
    "missing": {"debian": 0, "trixie": 0, "sid": 3},
    "all missing": {"debian": 1, "trixie": 1, "sid": 1},
    "password": {"debian": 1, "trixie": 12, "sid": 12},
    "no repository": {"debian": 1, "trixie": 10, "sid": 10},
    "locked": {"debian": 1, "trixie": 11, "sid": 11},
    "damaged": {"debian": 1, "trixie": 1, "sid": 1},
    "SIGTERM": {"debian": 143, "trixie": 130, "sid": 130},
}


@pytest.fixture(params=["debian", "trixie", pytest.param("sid", marks=pytest.mark.soak)])
def version(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def program(version: str) -> str:
    return restics(*({version} - {"debian"}))[version]


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


def test_a_whole_run_is_complete_with_its_counts(
    repository: Repository, drop: Path, source: Path, program: str
) -> None:
    """Start and end share a run id; files, bytes and snapshot come from restic's summary."""
    result = backup_run(
        drop, program, "backup", "--json", str(source), environment=repository.environment
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
    assert not {"reason", "words", "errors", "missing_sources"} & set(end)


@pytest.mark.parametrize("flags", [["--json"], []], ids=["json", "plain"])
def test_what_was_left_out_makes_it_partial(
    repository: Repository, drop: Path, source: Path, *, flags: list[str]
) -> None:
    """A file that cannot be read and a source that is not there are counted apart."""
    lost = ["/proc/self/mem", str(source / "not-mounted")]
    result = backup_run(
        drop,
        *("restic", "backup", *flags, str(source), *lost),
        environment=repository.environment,
    )
    end = dropped(drop)[-1]

    assert result.returncode == end["exit_code"] == 3
    assert (end["outcome"], end["reason"]) == ("partial", "missing_source")
    assert (end["errors"], end["missing_sources"]) == (1, 1)
    assert b"/proc/self/mem" in result.stderr
    assert "mem" not in json.dumps(end)
    assert "mounted" not in json.dumps(end)


@pytest.mark.parametrize(
    ("lost", "situation", "reason"),
    [
        ("/proc/self/mem", "unreadable", "unreadable_files"),
        ("/not-mounted", "missing", "missing_source"),
    ],
)
def test_a_partial_run_says_why(
    repository: Repository,
    drop: Path,
    source: Path,
    version: str,
    program: str,
    *,
    lost: str,
    situation: str,
    reason: str,
) -> None:
    """Before 0.19 a share that is not mounted costs only a line on standard error."""
    result = backup_run(
        drop, program, "backup", str(source), lost, environment=repository.environment
    )
    end = dropped(drop)[-1]

    assert result.returncode == end["exit_code"] == CODES[situation][version]
    assert (end["outcome"], end["reason"]) == ("partial", reason)


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
    assert (end["outcome"], end["reason"], end["files"]) == ("partial", "empty", 0)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("backup", "--dry-run", "--json", "/etc/hostname"), "dry_run"),
        (("forget", "--json"), "saves_nothing"),
    ],
)
def test_a_restic_that_saves_nothing_is_not_complete(
    repository: Repository, drop: Path, words: tuple[str, ...], reason: str
) -> None:
    """Exit 0 of a dry run or of another command is no evidence of a backup."""
    result = backup_run(drop, "restic", *words, environment=repository.environment)
    end = dropped(drop)[-1]

    assert result.returncode == 0
    assert (end["outcome"], end["reason"]) == ("partial", reason)


@pytest.mark.parametrize(
    ("situation", "environment", "reason"),
    [
        ("password", {"RESTIC_PASSWORD_FILE": "", "RESTIC_PASSWORD": "x"}, "wrong_password"),
        ("no repository", {"RESTIC_REPOSITORY": "/nowhere"}, "no_repository"),
        ("all missing", {}, "missing_source"),
    ],
)
def test_a_failed_run_says_why(
    repository: Repository,
    drop: Path,
    version: str,
    program: str,
    *,
    situation: str,
    environment: dict[str, str],
    reason: str,
) -> None:
    """Whether the version has an exit code for it or only words."""
    result = backup_run(
        drop,
        *(program, "backup", "--json", "/not-mounted" if not environment else str(drop)),
        environment={**repository.environment, **environment},
    )
    end = dropped(drop)[-1]

    assert result.returncode == end["exit_code"] == CODES[situation][version]
    assert (end["outcome"], end["reason"]) == ("failed", reason)
    assert end["words"].startswith(("fatal", "_ does not exist skipping fatal"))


def test_an_unreachable_repository_fails_the_run(repository: Repository, drop: Path) -> None:
    """0.14 gives up at once; later versions try for minutes."""
    environment = {**repository.environment, "RESTIC_REPOSITORY": "rest:http://127.0.0.1:9/"}
    backup_run(drop, "restic", "backup", "/etc/hostname", environment=environment)
    end = dropped(drop)[-1]

    assert (end["outcome"], end["reason"]) == ("failed", "unreachable")
    assert "connection refused" in end["words"]
    assert "127" not in end["words"]


def test_a_locked_repository_is_blocked(
    repository: Repository, drop: Path, source: Path, version: str, program: str
) -> None:
    """0.14 exits 1 and only its text names the lock."""
    with exclusive_lock(repository):
        result = backup_run(
            drop, program, "backup", str(source), environment=repository.environment
        )
    end = dropped(drop)[-1]

    assert result.returncode == end["exit_code"] == CODES["locked"][version]
    assert (end["outcome"], end["reason"]) == ("blocked", "locked")


def test_a_damaged_snapshot_fails_every_later_run(
    repository: Repository, drop: Path, source: Path, version: str, program: str
) -> None:
    """`snapshots` would still show the older ones and exit 0."""
    repository.restic("backup", str(source))
    (snapshot,) = (repository.path / "snapshots").iterdir()
    snapshot.chmod(0o600)
    os.truncate(snapshot, 50)
    result = backup_run(
        drop,
        *(program, "backup", "--no-cache", "--json", str(source)),
        environment=repository.environment,
    )
    end = dropped(drop)[-1]

    assert result.returncode == end["exit_code"] == CODES["damaged"][version]
    assert (end["outcome"], end["reason"]) == ("failed", "damaged_repository")
    assert snapshot.name[:8] not in json.dumps(end)


def test_a_restic_stopped_half_way_is_interrupted(
    repository: Repository, drop: Path, monkeypatch: pytest.MonkeyPatch, version: str, program: str
) -> None:
    """SIGTERM goes through; only 0.14 leaves its lock behind, which the probe will show."""
    for key, value in repository.environment.items():
        monkeypatch.setenv(key, value)
    running = start_backup_run(drop, program, "backup", "--stdin", "--json")
    until(repository.locks)
    running.terminate()
    running.communicate(timeout=60)
    end = dropped(drop)[-1]

    assert running.returncode == end["exit_code"] == CODES["SIGTERM"][version]
    assert (end["outcome"], end["reason"]) == ("interrupted", "signal")
    assert "files" not in end
    assert bool(repository.locks()) == (version == "debian")


def test_a_restic_whose_backup_run_is_killed_leaves_a_start(
    repository: Repository, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can write the end then; restic finds its output closed or goes on alone."""
    for key, value in repository.environment.items():
        monkeypatch.setenv(key, value)
    running = start_backup_run(drop, "restic", "backup", "--stdin", "--json")
    until(repository.locks)
    running.kill()
    running.communicate(timeout=60)

    assert [one["outcome"] for one in dropped(drop)] == ["running"]
