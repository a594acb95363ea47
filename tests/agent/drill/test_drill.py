"""Drills on real restic repositories of two versions, through the command."""

import json
import os
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from helpers.backup import SERIES, dropped, script, until
from helpers.drilling import Drilling, drilling, flip_byte, largest_pack
from helpers.restic_versions import restics

from tramgac_agent.backup.running import mark

VERSIONS = restics()


@pytest.fixture(params=sorted(VERSIONS))
def each(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Drilling]:
    """One of each restic."""
    with drilling(tmp_path, VERSIONS[request.param]) as found:
        yield found


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Drilling]:
    """The installed restic."""
    with drilling(tmp_path) as found:
        yield found


def test_a_sample_of_a_good_backup_passes(each: Drilling) -> None:
    """Every file drawn is read back, has its size and equals the live file."""
    each.backup()

    assert each.drill(SERIES) == 0
    last = each.last
    assert last["passed"]
    assert last["files"] == last["files_expected"] == last["files_same"] == 8
    assert last["bytes"] == last["snapshot_bytes"] == 312_015
    assert last["started_by"] == "hand"
    assert len(last["digest"]) == len(last["snapshot_id"]) == 64
    assert last["tool_version"].startswith("0.1")


def test_a_full_drill_restores_counts_and_deletes_everything(each: Drilling) -> None:
    """All files and bytes of the listing are restored; the scratch folder is empty after."""
    each.backup()

    assert each.drill(SERIES, "--full") == 0
    last = each.last
    assert last["files"] == last["files_expected"] == 8
    assert last["bytes"] == 312_015
    assert last["restore_seconds"] > 0
    assert each.left_behind == []


def test_a_sample_and_a_full_drill_agree_on_the_content(bench: Drilling) -> None:
    """The digest depends on the content alone."""
    bench.backup()
    bench.drill(SERIES)
    first = bench.last["digest"]
    bench.drill(SERIES, "--full")

    assert bench.last["digest"] == first


@pytest.mark.parametrize("kind", ["--sample", "--full"])
def test_a_flipped_byte_fails_as_damaged(each: Drilling, kind: str) -> None:
    """Content that restic cannot verify fails the drill; nothing stays behind."""
    each.backup()
    flip_byte(largest_pack(each.repository))

    assert each.drill(SERIES, kind) == 1
    assert each.last["failure"] == "damaged"
    assert "conclusive" not in each.last
    assert each.left_behind == []


@pytest.mark.parametrize("kind", ["--sample", "--full"])
def test_a_deleted_pack_fails_as_damaged(each: Drilling, kind: str) -> None:
    """0.14 would ask for it for a quarter of an hour; we do not wait for that."""
    each.backup()
    largest_pack(each.repository).unlink()

    assert each.drill(SERIES, kind) == 1
    assert each.last["failure"] == "damaged"
    assert each.left_behind == []


def test_a_repository_that_is_gone_is_not_called_damaged(bench: Drilling) -> None:
    """Where nothing can be opened, nothing is said of the data."""
    bench.backup()
    bench.repository.path.rename(bench.folder / "elsewhere")

    assert bench.drill(SERIES, "--full") == 75
    assert bench.last["failure"] == "missing"
    assert bench.last["conclusive"] is False


def test_a_wrong_password_says_nothing_of_the_backup(each: Drilling) -> None:
    """It is inconclusive, with the reason."""
    each.backup()
    each.repository.password_file.write_text("another")

    assert each.drill(SERIES) == 75
    assert (each.last["failure"], each.last["conclusive"]) == ("blind_auth", False)


def test_without_a_snapshot_there_is_nothing_to_restore(bench: Drilling) -> None:
    """An empty repository fails the drill."""
    assert bench.drill(SERIES) == 1
    assert bench.last["failure"] == "no_snapshot"


def test_a_live_file_changed_behind_its_times_is_found(bench: Drilling) -> None:
    """Same size, same time, other content: one of the two is not what it was."""
    bench.backup()
    path = bench.tree / "large.bin"
    found = path.stat()
    flip_byte(path)
    os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))

    assert bench.drill(SERIES) == 1
    assert bench.last["failure"] == "content_differs"
    assert bench.last["files_same"] == 7


def test_a_live_file_written_since_is_not_compared(bench: Drilling) -> None:
    """It is read from the backup all the same."""
    bench.backup()
    (bench.tree / "large.bin").write_bytes(b"new")
    (bench.tree / "empty").unlink()

    assert bench.drill(SERIES) == 0
    assert (bench.last["files"], bench.last["files_same"]) == (8, 6)


def test_relative_arguments_of_the_backup_are_found_again(bench: Drilling) -> None:
    """The tree in such a snapshot lacks the folders above; files and canary are found there."""
    assert bench.drill("--due") == 1  # plants, though there is no snapshot yet
    bench.backup("tree", cwd=bench.folder)

    assert bench.drill(SERIES) == 0
    assert bench.last["files_same"] == 9
    assert bench.drill(SERIES, "--canary") == 0

    bench.backup(".", cwd=bench.tree)
    assert bench.drill(SERIES, "--canary") == 0


def test_nothing_begins_without_room(bench: Drilling, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than 1.2 times the size is no room."""
    bench.backup()
    usage = type("usage", (), {"free": int(312_015 * 1.19)})
    monkeypatch.setattr("tramgac_agent.drill.scratch.shutil.disk_usage", lambda _: usage)

    assert bench.drill(SERIES, "--full") == 75
    assert (bench.last["failure"], bench.last["conclusive"]) == ("no_space", False)


@pytest.mark.parametrize("place", ["", "sub", "..", "../repository", "../link"])
def test_a_scratch_folder_near_the_data_is_refused(bench: Drilling, place: str) -> None:
    """Not the source, nothing in it or above it, not the repository, and no link."""
    bench.backup()
    (bench.folder / "link").symlink_to(bench.scratch)
    bench.table["scratch"] = os.path.normpath(bench.tree / place)

    assert bench.drill(SERIES, "--full") == 78
    assert (bench.last["failure"], bench.last["conclusive"]) == ("config", False)
    assert not list(bench.tree.glob("**/drill-*"))


def test_a_drill_does_not_begin_beside_a_backup(bench: Drilling) -> None:
    """The mark of a running backup puts it off."""
    bench.backup()
    with mark(bench.drop, SERIES):
        assert bench.drill(SERIES) == 75

    assert (bench.last["failure"], bench.last["conclusive"]) == ("backup_running", False)


def _hanging(bench: Drilling) -> None:
    """A restic whose restore never ends."""
    bench.backup()
    text = 'case "$*" in *restore*) exec sleep 30;; *) exec restic "$@";; esac'
    bench.restic = str(script(bench.folder / "restic", text))


def test_a_drill_told_to_end_leaves_nothing(bench: Drilling) -> None:
    """SIGTERM empties the scratch folder at once, and ends restic."""
    _hanging(bench)
    with bench.start(SERIES, "--full") as drill:
        until(lambda: list(bench.scratch.glob("*/restored")))
        drill.send_signal(signal.SIGTERM)
        assert drill.wait(30) == 143

    assert bench.left_behind == []


def test_what_a_killed_drill_left_is_removed_by_the_next(bench: Drilling) -> None:
    """But not what belongs to one at work, nor what is not ours."""
    _hanging(bench)
    (bench.scratch / "drill-of-somebody").mkdir()
    with bench.start(SERIES, "--full") as killed:
        until(lambda: list(bench.scratch.glob("*/restored")))
        with bench.start(SERIES, "--full") as at_work:
            until(lambda: len(list(bench.scratch.glob("*/restored"))) == 2)
            killed.kill()
            killed.wait(10)
            bench.restic = "restic"
            assert bench.drill(SERIES, "--full") == 0
            assert len(bench.left_behind) == 2
            at_work.terminate()

    assert bench.left_behind == ["drill-of-somebody"]


def test_a_restore_that_restores_nothing_fails(bench: Drilling) -> None:
    """An exit code of 0 is not believed."""
    bench.backup()
    text = 'case "$*" in *restore*) exit 0;; *) exec restic "$@";; esac'
    bench.restic = str(script(bench.folder / "restic", text))

    assert bench.drill(SERIES, "--full") == 1
    assert bench.last["failure"] == "nothing_restored"


def test_a_deadline_ends_a_drill_inconclusive(bench: Drilling) -> None:
    """Time passed says nothing of the backup."""
    _hanging(bench)
    bench.table["deadline_seconds"] = 3

    assert bench.drill(SERIES, "--full") == 75
    assert (bench.last["failure"], bench.last["conclusive"]) == ("deadline", False)
    assert bench.left_behind == []


def test_what_is_due_is_done_once(bench: Drilling, capsys: pytest.CaptureFixture[str]) -> None:
    """The timer plants, samples and restores; at its next start nothing is due."""
    bench.backup()
    bench.drill("--due")
    bench.backup()
    capsys.readouterr()
    assert bench.drill(SERIES, "--canary") == 0

    assert bench.drill("--due", "--json") == 0
    assert capsys.readouterr().out.count("\n") == 1
    done = {one["scope"]: one for one in dropped(bench.drop)}
    assert set(done) == {"canary", "sample", "full"}
    assert done["full"]["passed"]
    assert "started_by" not in done["full"]  # schedule is the default


def test_outside_its_window_nothing_is_due(bench: Drilling) -> None:
    """A drill by hand is done at any time."""
    bench.backup()
    later = datetime.now(timezone.utc) + timedelta(hours=6)
    bench.table |= {"window": [f"{later:%H}:00-{later:%H}:30"], "zone": "UTC"}

    assert bench.drill("--due") == 0
    assert dropped(bench.drop) == []
    assert bench.drill(SERIES) == 0


def test_no_name_leaves_the_host(bench: Drilling) -> None:
    """Neither files nor folders nor users are in the evidence."""
    bench.backup()
    for kind in ("--sample", "--full", "--canary"):
        bench.drill(SERIES, kind)

    text = json.dumps(dropped(bench.drop))
    assert len(dropped(bench.drop)) == 3
    assert not [word for word in ("benh-nhan", "large", "tree", "scratch", "/var") if word in text]


def test_mistakes_are_told_apart(bench: Drilling, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown series, a wrong table and a missing word each name what to mend."""
    assert bench.drill("bv-hue/his01/other@nas") == 78
    assert bench.drill() == 1
    bench.table["proof"] = "sqlite"
    assert bench.drill(SERIES) == 78
    assert "proof_path" in capsys.readouterr().err
