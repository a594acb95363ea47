"""While backups run in a loop, all of ours that looks at their repository runs beside them."""

import itertools
import os
import random
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from helpers.backup import drop_folder, dropped, probe
from helpers.restic_repository import Repository
from helpers.restic_versions import restics
from helpers.verifying import start_verify, verify_config

from tramgac_agent.restic.shim import install

BACKUPS = 15


@pytest.fixture(params=list(restics()))
def restic(request: pytest.FixtureRequest) -> str:
    return restics()[request.param]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for index in range(50):
        (folder / str(index)).write_bytes(random.Random(index).randbytes(20_000))
    return folder


class Ours:
    """Every way we read a repository, each as a real process."""

    def __init__(self, repository: Repository, restic: str, folder: Path, file: Path) -> None:
        table: dict[str, object] = {"slices": 3, "metadata_days": 366}
        self._config = verify_config(folder, repository, table, restic=restic)
        self._folder = folder
        self._drop = drop_folder(folder)
        self._file = file
        self._shim = install(folder)
        self._environment = {
            **os.environ,
            **repository.environment,
            "RESTIC_CACHE_DIR": str(folder / "reading-cache"),
            "TRAMGAC_RESTIC_BINARY": restic,
        }

    def probe(self) -> int:
        return probe(self._config, self._drop).returncode

    def metadata(self) -> int:
        return self._verify("metadata")

    def slice(self) -> int:
        return self._verify("slice")

    def dump(self) -> int:
        return self._read("dump", "latest", str(self._file))

    def restore(self) -> int:
        return self._read("restore", "latest", "--target", str(self._folder / "scratch"))

    def check_regardless(self) -> int:
        """What ``verify`` runs, without its looking for backups first: locks are all that helps."""
        return self._read("check", "--read-data-subset=1/3")

    def all(self) -> list[Callable[[], int]]:
        return [
            self.probe,
            self.dump,
            self.metadata,
            self.check_regardless,
            self.slice,
            self.restore,
        ]

    def _verify(self, what: str) -> int:
        with start_verify(self._config, self._drop, "--now", what) as running:
            running.communicate(timeout=60)
        return int(running.returncode)

    def _read(self, *words: str) -> int:
        command = [str(self._shim), *words]
        return subprocess.run(
            command, env=self._environment, capture_output=True, check=False, timeout=60
        ).returncode


@contextmanager
def backups(repository: Repository, restic: str, source: Path) -> Iterator[list[int]]:
    """Runs of ``restic backup``, one after the other, each with something new; their exit codes."""
    codes: list[int] = []

    def run() -> None:
        for index in range(BACKUPS):
            (source / "new").write_bytes(random.Random(1000 + index).randbytes(300_000))
            command = [restic, "backup", str(source)]
            codes.append(
                subprocess.run(
                    command,
                    env=repository.environment,
                    capture_output=True,
                    check=False,
                    timeout=60,
                ).returncode
            )

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield codes
    finally:
        thread.join()


def test_no_backup_fails_or_waits_because_of_us(
    repository: Repository, tmp_path: Path, restic: str, source: Path
) -> None:
    """Version 0.14 fails at once where it finds a lock in its way, so exit 0 means none was."""
    repository.restic("backup", str(source))
    ours = Ours(repository, restic, tmp_path, source / "1")
    with backups(repository, restic, source) as codes:
        for call in itertools.cycle(ours.all()):
            code = call()
            # Beside a backup it may see an index and no snapshot yet: that is why verify waits.
            assert code in ((0, 1) if call == ours.check_regardless else (0,))
            if len(codes) == BACKUPS:
                break

    assert codes == [0] * BACKUPS
    assert repository.locks() == []
    records = dropped(drop_folder(tmp_path))
    assert {one["state"] for one in records if one["kind"] == "repository_state"} == {"ok"}
    failures = {one.get("failure", "") for one in records if one["kind"] == "integrity_check"}
    assert failures <= {"", "lock_seen"}


def test_none_of_us_writes_into_a_repository(
    repository: Repository, tmp_path: Path, restic: str, source: Path
) -> None:
    """Not even for a moment: a folder's time would tell. Nor when the deadline ends one of us."""
    repository.restic("backup", str(source))
    before = tree(repository)
    codes = [call() for call in Ours(repository, restic, tmp_path, source / "1").all()]
    hasty = Ours(repository, restic, tmp_path, source / "1")
    verify_config(tmp_path, repository, {"deadline_seconds": 0.2}, restic=restic)
    late = hasty.metadata()

    assert codes == [0] * len(codes)
    assert late in {0, 75}
    assert tree(repository) == before


def tree(repository: Repository) -> list[tuple[Path, int]]:
    """Every file and folder with the time it was written."""
    found = [repository.path, *repository.path.rglob("*")]
    return sorted((path, path.stat().st_mtime_ns) for path in found)
