"""The canary: planted, remembered, and found again or not."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.backup import AGENT, SERIES
from helpers.drilling import Drilling, drilling
from helpers.restic_versions import restics

from tramgac_agent.drill.canary import NotPlanted, Planted, judge, plant, planted

VERSIONS = restics()
DAY = 86_400_000


@pytest.fixture(params=sorted(VERSIONS))
def each(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Drilling]:
    """One of each restic."""
    with drilling(tmp_path, VERSIONS[request.param]) as found:
        yield found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Drilling]:
    """The installed restic."""
    with drilling(tmp_path) as found:
        found.state.mkdir()
        yield found


def _canary(bench: Drilling) -> Path:
    return bench.tree / ".tramgac-canary"


def test_a_canary_of_backup_run_is_found_in_the_newest_snapshot(each: Drilling) -> None:
    """It passes, and the evidence carries the canary's own time."""
    each.state.mkdir()
    start = [*AGENT, "backup-run", "--series", SERIES, "--drop"]
    words = ["--canary", str(_canary(each)), "--canary-state", str(each.state)]
    subprocess.run(
        [*start, str(each.drop), *words, "--", each.restic, "backup", str(each.tree)],
        env={**os.environ, **each.repository.environment},
        check=True,
        capture_output=True,
        timeout=60,
    )

    assert each.drill(SERIES, "--canary") == 0
    (one,) = planted(each.state, SERIES)
    assert each.last["snapshot_unix_ms"] == one.unix_ms
    assert (each.last["proof"], each.last["proof_count"]) == ("canary", 1)


def test_a_backup_runs_though_no_canary_can_be_planted(bench: Drilling) -> None:
    """A file of somebody else in its place is left alone, and the backup comes first."""
    data = bench.tree / "large.bin"
    before = data.read_bytes()
    start = [*AGENT, "backup-run", "--series", SERIES, "--drop"]
    words = ["--canary", str(data), "--canary-state", str(bench.state)]
    done = subprocess.run(
        [*start, str(bench.drop), *words, "--", "echo", "backed up"],
        check=False,
        capture_output=True,
        timeout=60,
    )

    assert done.returncode == 0
    assert done.stdout == b"backed up\n"
    assert b"no canary planted" in done.stderr
    assert data.read_bytes() == before


def test_a_canary_that_was_left_out_fails(bench: Drilling) -> None:
    """The backup excludes it, as it may exclude more."""
    plant(_canary(bench), SERIES, bench.state)
    bench.backup("--exclude", ".tramgac-canary", str(bench.tree))

    assert bench.drill(SERIES, "--canary") == 1
    assert bench.last["failure"] == "nonce_missing"


def test_before_the_first_canary_nothing_is_concluded(bench: Drilling) -> None:
    """A snapshot older than every canary cannot hold one."""
    bench.backup()
    plant(_canary(bench), SERIES, bench.state)

    assert bench.drill(SERIES, "--canary") == 75
    assert (bench.last["failure"], bench.last["conclusive"]) == ("nonce_missing", False)


def test_a_canary_that_is_not_ours_fails(bench: Drilling) -> None:
    """Another nonce than those remembered proves nothing."""
    plant(_canary(bench), SERIES, bench.state)
    _canary(bench).write_bytes(_canary(bench).read_bytes().replace(b'"nonce":"', b'"nonce":"0'))
    bench.backup()

    assert bench.drill(SERIES, "--canary") == 1
    assert bench.last["failure"] == "nonce_wrong"


def test_an_old_canary_in_a_new_snapshot_fails() -> None:
    """But only if a newer one was in its place when the backup began."""
    old, new = Planted("a", DAY, placed=True), Planted("b", 4 * DAY, placed=True)
    begun = 5 * DAY

    assert judge("a", [old, new], begun, DAY)[0] == "nonce_old"
    assert judge("b", [old, new], begun, DAY) == ("", new)
    assert judge("a", [old], begun, DAY) == ("", old)
    assert judge("a", [old, Planted("c", 6 * DAY, placed=True)], begun, DAY) == ("", old)
    assert judge("a", [old, Planted("c", 4 * DAY)], begun, DAY) == ("", old)
    assert judge("a", [old, new], 4 * DAY + 1, 10 * DAY) == ("", old)


def test_a_canary_is_private_new_each_time_and_a_hundred_are_known(tmp_path: Path) -> None:
    """Only hashes and times are remembered."""
    path = tmp_path / "canary"
    made = [plant(path, SERIES, tmp_path) for _ in range(103)]
    known = planted(tmp_path, SERIES)

    assert len({one.sha256 for one in made}) == 103
    assert known == made[-100:]
    assert path.stat().st_mode & 0o777 == 0o600
    (memory,) = tmp_path.glob("canary-*.json")
    nonce = path.read_text().split('"nonce":"')[1][:64]
    assert nonce not in memory.read_text()


@pytest.mark.parametrize("kind", ["link", "folder", "pipe", "data"])
def test_nothing_else_is_ever_overwritten(tmp_path: Path, kind: str) -> None:
    """A link, a folder, a pipe or a file of data stays what it is."""
    path = tmp_path / "canary"
    if kind == "link":
        path.symlink_to(tmp_path / "data")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_text('{"kind": "patient"}')
    before = os.lstat(path)

    with pytest.raises(NotPlanted):
        plant(path, SERIES, tmp_path)

    assert os.lstat(path).st_ino == before.st_ino


def test_a_lost_memory_is_an_empty_one(tmp_path: Path) -> None:
    """Then the next canary begins a new one."""
    plant(tmp_path / "canary", SERIES, tmp_path)
    (memory,) = tmp_path.glob("canary-*.json")
    memory.write_text("{")

    assert planted(tmp_path, SERIES) == []
    plant(tmp_path / "canary", SERIES, tmp_path)
    assert len(planted(tmp_path, SERIES)) == 1
