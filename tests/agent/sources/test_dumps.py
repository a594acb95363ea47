"""Dump folders: which file is the newest finished one, and whether it is what it should be."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
from helpers.dumping import MYSQL, MYSQL_END, aged, look_at, squeezed
from helpers.looking import SERIES, checks_of, look, probe_text, state_of

from tramgac_agent.sources.base import SourceFailed
from tramgac_agent.sources.folders import within


def test_the_newest_finished_file_stands_for_the_series(folder: Path) -> None:
    """Count, oldest, newest, size and months come from the files that fit; no name leaves."""
    aged(folder / "his-1.sql", 80 * 24, b"x" * 7)
    aged(folder / "his-2.sql", 30, b"x" * 8)
    aged(folder / "his-3.sql", 5, b"x" * 9)
    aged(folder / "other.txt", 1, b"not ours")
    (folder / "sub").mkdir()
    aged(folder / "sub/his-4.sql", 1, b"deeper")
    (folder / "his-link.sql").symlink_to("/etc/hostname")

    records = look_at(folder, pattern="his-*.sql")
    state = state_of(records)

    assert (state.state, state.snapshots, state.files, state.bytes) == ("ok", 3, 1, 9)
    assert state.newest_unix_ms == int((folder / "his-3.sql").stat().st_mtime_ns // 1_000_000)
    assert state.oldest_unix_ms == int((folder / "his-1.sql").stat().st_mtime_ns // 1_000_000)
    assert state.months in (2, 3)
    assert state.problem == ""
    assert "his" not in str(state.newest_id)
    assert checks_of(records) == {}  # nothing is known of such files


def test_a_file_that_is_being_written_is_not_yet_the_newest(folder: Path) -> None:
    """A young file waits; it counts when it is a minute old or unchanged since the last look."""
    aged(folder / "old.sql", 24, b"old")
    aged(folder / "new.sql", 0, b"half")
    now = time.time_ns() // 1_000_000

    first = state_of(look_at(folder, now_ms=now))
    (folder / "new.sql").write_bytes(b"half and more")
    aged(folder / "new.sql", -0.02)  # a server whose clock runs 72 s ahead
    second = state_of(look_at(folder, now_ms=now + 90_000))
    third = state_of(look_at(folder, now_ms=now + 120_000))
    last = state_of(look_at(folder, now_ms=now + 180_001))

    assert [(one.snapshots, one.bytes) for one in (first, second, third, last)] == [
        (1, 3),
        (1, 3),
        (1, 3),
        (2, 13),
    ]


def test_a_file_from_the_future_is_said_and_never_the_newest(folder: Path) -> None:
    """A wrong clock must not look fresh for months."""
    aged(folder / "a.sql", 24, b"old")
    aged(folder / "b.sql", -48, b"tomorrow")

    state = state_of(look_at(folder))

    assert state.future_dated
    assert (state.snapshots, state.bytes) == (1, 3)


def test_an_empty_folder_is_readable_and_holds_nothing(folder: Path) -> None:
    """Nothing there is an answer, unlike a folder that cannot be read."""
    state = state_of(look_at(folder))

    assert (state.state, state.snapshots, state.newest_unix_ms) == ("ok", 0, None)


def test_each_file_is_read_to_its_end_once(folder: Path) -> None:
    """The checks come with the look that read the file and not again, its problem every time."""
    aged(folder / "a.gz", 24, squeezed(MYSQL))
    first, second = look_at(folder), look_at(folder)
    aged(folder / "b.gz", 12, squeezed(MYSQL + MYSQL_END))
    third = look_at(folder)

    assert {scope: one.failure for scope, one in checks_of(first).items()} == {
        "metadata": "damaged",
        "data": "damaged",
    }
    assert checks_of(second) == {}
    assert state_of(second).problem == "truncated"
    data = checks_of(third)["data"]
    assert (data.passed, data.slices_read, data.slices) == (True, 1, 1)
    assert data.bytes == (folder / "b.gz").stat().st_size


def test_a_file_too_long_for_the_time_proves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut short is said as inconclusive; it is tried again only with clearly more time."""
    aged(folder / "a.gz", 24, squeezed("other"))
    with monkeypatch.context() as none_left:
        none_left.setattr("tramgac_agent.sources.dumpproof._SHARE", 0.0)
        short = look_at(folder, seconds=20)
    again = look_at(folder, seconds=20)
    enough = look_at(folder, seconds=60)

    assert (state_of(short).problem, checks_of(short)["metadata"].passed) == ("", True)
    data = checks_of(short)["data"]
    assert (data.passed, data.conclusive, data.failure) == (False, False, "deadline")
    assert checks_of(again) == {}
    assert checks_of(enough)["data"].passed


def test_files_that_go_too_early_are_counted_once(folder: Path) -> None:
    """Only with ``keep_days``, and a renamed file is not gone."""
    for number, hours in enumerate((300, 48, 24)):
        aged(folder / f"{number}.sql", hours, b"x" * (number + 1))
    look_at(folder, keep_days=7)
    (folder / "0.sql").unlink()  # old enough
    (folder / "1.sql").rename(folder / "1-kept.sql")
    newest_ms = (folder / "2.sql").stat().st_mtime_ns // 1_000_000
    (folder / "2.sql").unlink()
    first = state_of(look_at(folder, keep_days=7))
    second = state_of(look_at(folder, keep_days=7))
    (folder / "1-kept.sql").unlink()

    assert (first.vanished, first.vanished_newest_unix_ms) == (1, newest_ms)
    assert second.vanished == 0
    assert state_of(look_at(folder)).vanished == 0


def test_a_folder_that_cannot_be_read_is_missing_or_blind(folder: Path) -> None:
    """Not there, too full and not allowed are three things; none of them is zero dumps."""
    absent = state_of(look_at(folder / "absent"))
    (folder / "file").write_text("x")
    no_folder = state_of(look_at(folder / "file"))
    for number in range(10_001):
        (folder / f"{number}.x").touch()
    full = state_of(look_at(folder))

    assert (absent.state, absent.snapshots) == ("missing", None)
    assert no_folder.state == "missing"
    assert full.state == "blind_tool"


def test_what_a_system_error_means() -> None:
    """No right is blind_auth, a dead server blind_unreachable."""

    def fails(error: OSError) -> str:
        def work() -> None:
            raise error

        with pytest.raises(SourceFailed) as failure:
            within(5, work)
        return failure.value.state

    assert fails(PermissionError(13, "no")) == "blind_auth"
    assert fails(OSError(116, "stale handle")) == "blind_unreachable"
    assert fails(OSError(40, "loop")) == "blind_tool"


def test_a_folder_that_hangs_blinds_its_own_series_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each series has its share of the time."""
    aged(folder / "a.sql", 24, b"x")
    real = os.scandir
    hung = folder.parent / "hung"

    def scandir(path: Path) -> Any:
        if path == hung:
            time.sleep(5)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    text = probe_text("dumps", folder=str(hung))
    text += f'[[series]]\nid = "{SERIES}2"\nfolder = "{folder}"\n'
    states = [getattr(one, "state", "") for one in look(text, folder.parent, seconds=1)]

    assert states == ["blind_timeout", "ok"]


def test_a_loss_that_could_not_be_reported_is_told_later(folder: Path) -> None:
    """A full disk must not swallow the only word of it."""
    from tramgac_agent.sources.probe import main  # noqa: PLC0415 - as the process would

    aged(folder / "a.sql", 30, b"x")
    aged(folder / "b.sql", 24, b"y")
    drop = folder.parent / "drop"
    drop.mkdir()
    config = folder.parent / "probe.toml"
    text = probe_text("dumps", folder=str(folder), keep_days=7)
    config.write_text(f'state_dir = "{folder.parent}/state"\n{text}')

    def run(place: Path) -> int:
        return main(["--config", str(config), "--drop", str(place)])

    assert run(drop) == 0
    (folder / "a.sql").unlink()
    assert run(folder.parent / "no-such-folder") == 1
    assert run(drop) == run(drop) == 0
    told = [path.read_text() for path in sorted(drop.iterdir())]

    assert [one.count('"vanished":1') for one in told] == [0, 1, 0]


def test_the_probe_reports_dumps(folder: Path) -> None:
    """Through the front door: a configuration with a wrong key or half a path is refused."""
    from tramgac_agent.sources.probe import main  # noqa: PLC0415 - as the process would

    aged(folder / "a.sql", 24, b"x")
    drop = folder.parent / "drop"
    drop.mkdir()
    config = folder.parent / "probe.toml"

    def run(text: str) -> int:
        config.write_text(f'state_dir = "{folder.parent}/state"\n{text}')
        return main(["--config", str(config), "--drop", str(drop)])

    assert run(probe_text("dumps", folder=str(folder))) == 0
    assert run(probe_text("dumps", folder="half/a/path")) == 78
    assert run(probe_text("dumps", folder=str(folder), patern="*")) == 78
    (report,) = drop.iterdir()
    assert '"source":"dumps"' in report.read_text()
