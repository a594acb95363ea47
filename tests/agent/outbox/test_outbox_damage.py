"""What the outbox promises while the disk, the file or the process fails."""

import logging
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import pytest
from helpers.outboxes import WIDE, HandClock, event, everything, gaps, open_box, point, unaccounted

from tramgac_agent.checks.base import Observation
from tramgac_agent.outbox import OutboxLimits, disk, epochs
from tramgac_agent.outbox.store import Store

TESTS = Path(__file__).parents[2]
SMALL = OutboxLimits(3650, 1 << 30, 1.0, 256 * 1024)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB; needs root, as the whole suite does."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", f"h5-{os.getpid()}", folder], check=True
    )
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is tried again with every call."""
    monkeypatch.setattr(disk, "RETRY_SECONDS", 0.0)


def fill(folder: Path) -> Path:
    """Take all the space that is left."""
    hog = folder / "hog"
    with hog.open("wb", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
    return hog


def test_a_full_disk_loses_nothing_once_there_is_space(
    tiny_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The ballast helps first, memory after; the state is told once; nothing restarts."""
    box = open_box(tiny_disk, limits=SMALL)
    box.append("disk", [point()], valid_seconds=1)
    on_disk = box.epoch
    hog = fill(tiny_disk)
    number = 0
    while box.stats().state != "disk_full":
        number += 1
        assert number < 5_000
        assert box.append("disk", [point(number, width=200)], valid_seconds=1) == 1
    assert not (tiny_disk / "outbox.ballast").exists()
    assert box.epoch != on_disk
    box.append("outage", [event(42)], valid_seconds=1)
    assert everything(box)[-1].observation.outage.seconds == 42
    # The centre takes part of what passes through memory.
    sent = box.stats().last_seq - 1
    box.mark_sent(sent)
    box.settle(sent - 1, epoch=box.epoch)
    full = [one for one in caplog.records if "disk_full" in one.getMessage()]
    assert len(full) == 1
    hog.unlink()
    box.append("disk", [point()], valid_seconds=1)
    assert box.stats().state == "ok"
    assert box.epoch == on_disk
    records = everything(box)
    assert records[0].seq == 1
    assert [one.observation.outage.seconds for one in records if one.observation.HasField("outage")]
    told = {one.reason: one.records for one in gaps(box)}
    assert told["disk_full"] == 1
    assert unaccounted(box) == set()
    assert (tiny_disk / "outbox.ballast").exists()
    box.close()


def test_a_full_disk_still_lets_the_outbox_empty_itself(tiny_disk: Path) -> None:
    """Acknowledged records are deleted although not a byte is free."""
    box = open_box(tiny_disk, limits=SMALL)
    for number in range(300):
        box.append("disk", [point(number, width=100)], valid_seconds=1)
    box.mark_sent(300)
    fill(tiny_disk)
    box.settle(300, epoch=box.epoch)
    assert box.stats().records == 0
    assert box.append("disk", [point()], valid_seconds=1) == 1
    assert box.stats().state == "ok"
    box.close()


def test_a_read_only_disk_does_not_silence_the_agent(tiny_disk: Path) -> None:
    """Observations pass through memory and are on disk when it is writable again."""
    box = open_box(tiny_disk, limits=SMALL)
    box.append("disk", [point(1)], valid_seconds=1)
    box.close()
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    box = open_box(tiny_disk, limits=SMALL)
    assert box.stats().state == "readonly"
    assert box.append("disk", [point(2)], valid_seconds=1) == 1
    assert [one.observation.values[0] for one in everything(box)] == [2]
    subprocess.run(["mount", "-o", "remount,rw", tiny_disk], check=True)
    box.append("disk", [point(3)], valid_seconds=1)
    assert box.stats().state == "ok"
    assert sorted(one.observation.values[0] for one in everything(box)) == [1, 2, 3]
    assert gaps(box) == []
    box.close()


def test_a_damaged_file_on_a_read_only_disk_is_counted_once(
    tiny_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each try finds it damaged again; the loss is what was in it, not that times the tries."""
    monkeypatch.setattr(disk, "RETRY_SECONDS", 0.0)
    (tiny_disk / "outbox.db").write_bytes(b"nonsense" * 4096)
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    box = open_box(tiny_disk, limits=SMALL)
    for number in range(5):
        box.append("disk", [point(number)], valid_seconds=1)
    assert box.stats().state == "readonly"
    assert box.stats().lost == {}
    subprocess.run(["mount", "-o", "remount,rw", tiny_disk], check=True)
    box.append("disk", [point()], valid_seconds=1)
    assert box.stats().lost == {"corrupt": 1}
    assert [(one.reason, one.records) for one in gaps(box)] == [("corrupt", 1)]
    box.close()


def named(token: str) -> Observation:
    """An event that its source may hand over again."""
    return Observation(point().samples, event=True, token=token, stream="named")


def test_what_is_handed_over_again_is_taken_once_whatever_the_disk_does(tiny_disk: Path) -> None:
    """A source that cannot delete what was taken repeats it; disk and memory know it both."""
    box = open_box(tiny_disk, limits=SMALL)
    box.append("drop", [named("one")], valid_seconds=1)
    box.close()
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    box = open_box(tiny_disk, limits=SMALL)
    assert box.append("drop", [named("one"), named("two")], valid_seconds=1) == 1
    in_memory = box.epoch
    box.mark_sent(1)
    box.settle(1, epoch=in_memory)
    subprocess.run(["mount", "-o", "remount,rw", tiny_disk], check=True)
    assert box.append("drop", [named("one"), named("two")], valid_seconds=1) == 0
    assert not box.mark_sent(7, in_memory), "what memory held is not to be sent any more"
    assert len(everything(box)) == 1
    assert gaps(box) == []
    box.close()


def test_memory_is_kept_until_the_disk_has_it(
    tiny_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that comes back for a moment only does not cost what waited in memory."""
    box = open_box(tiny_disk, limits=SMALL)
    hog = fill(tiny_disk)
    number = 0
    while box.stats().state != "disk_full":
        number += 1
        box.append("disk", [point(number, width=200)], valid_seconds=1)
    waiting = len(everything(box))
    with monkeypatch.context() as patch:
        patch.setattr(epochs, "adopt", failing)
        patch.setattr(disk, "RETRY_SECONDS", 60.0)
        hog.unlink()
        box.append("disk", [point()], valid_seconds=1)
    assert len(everything(box)) == waiting + 1
    box._disk._retry_at = 0.0
    box.append("disk", [point()], valid_seconds=1)
    assert box.stats().state == "ok"
    assert gaps(box) == []
    box.close()


def failing(*_: object) -> int:
    """A write that fails."""
    raise io_error()


def io_error() -> sqlite3.OperationalError:
    """As from a disk whose fsync fails."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_FSYNC"
    return error


def test_a_write_of_unknown_outcome_is_not_there_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the fsync failed: what went through memory is taken back on the disk."""
    box = open_box(tmp_path)
    box.append("disk", [point(1)], valid_seconds=1)
    commit = Store.append

    def half(store: Store, check: str, found: Sequence[Observation], valid: int) -> int:
        stored = commit(store, check, found, valid)
        if store.connection.execute("PRAGMA database_list").fetchone()[2]:
            raise io_error()
        return stored

    with monkeypatch.context() as patch:
        patch.setattr(Store, "append", half)
        patch.setattr(disk, "RETRY_SECONDS", 60.0)
        box.append("disk", [point(2)], valid_seconds=1)
        assert [one.observation.values[0] for one in everything(box)] == [2]
    box._disk._retry_at = 0.0
    box.append("disk", [point(3)], valid_seconds=1)
    assert [one.observation.values[0] for one in everything(box)] == [1, 2, 3]
    assert unaccounted(box) == set()
    box.close()


def test_a_missing_folder_is_no_reason_to_stop(tmp_path: Path) -> None:
    """A state folder that cannot be made is a state of the outbox, not a crash."""
    (tmp_path / "file").write_text("")
    box = open_box(tmp_path / "file" / "state")
    assert box.stats().state == "readonly"
    assert box.append("disk", [point()], valid_seconds=1) == 1
    box.close()


@pytest.mark.parametrize("harm", ["garbage", "cut", "foreign", "empty pages"])
def test_a_damaged_file_is_moved_aside_at_start(
    tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not a crash loop: a new epoch, a gap record that says so, the old file kept."""
    box = open_box(tmp_path)
    for number in range(50):
        box.append("disk", [point(number, width=50)], valid_seconds=1)
    epoch = box.epoch
    box.close()
    path = tmp_path / "outbox.db"
    if harm == "garbage":
        path.write_bytes(b"not a database at all" * 1000)
    elif harm == "cut":
        os.truncate(path, 6000)
    elif harm == "foreign":
        path.unlink()
        sqlite3.connect(path).execute("CREATE TABLE something (x)").connection.close()
    else:
        data = bytearray(path.read_bytes())
        data[4096 : 4096 * 6] = bytes(4096 * 5)
        path.write_bytes(data)
    box = open_box(tmp_path)
    assert box.epoch != epoch
    assert [one.reason for one in gaps(box)] == ["corrupt"]
    assert box.append("disk", [point()], valid_seconds=1) == 1
    assert len(list(tmp_path.glob("outbox.db.corrupt-*"))) == 1
    assert "moved aside" in caplog.text
    box.close()


def test_a_file_that_breaks_while_in_use_is_replaced(tmp_path: Path) -> None:
    """Whoever notices first, the next observation is stored in a new file."""
    box = open_box(tmp_path)
    # More than SQLite keeps in memory.
    box.append("disk", [point(number, width=100) for number in range(2_000)], valid_seconds=1)
    epoch = box.epoch
    with (tmp_path / "outbox.db").open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(1 << 20))
    box.read(0)
    box.append("disk", [point(7)], valid_seconds=1)
    assert box.epoch != epoch
    records = everything(box)
    assert [one.gap.reason for one in records if one.HasField("gap")] == ["corrupt"]
    assert records[-1].observation.values[0] == 7
    box.close()


def test_only_two_damaged_files_are_kept(tmp_path: Path) -> None:
    """A dying disk must not be filled with the remains."""
    clock = HandClock()
    for _ in range(4):
        clock.now_ms += 1000
        (tmp_path / "outbox.db").write_bytes(b"garbage" * 1000)
        open_box(tmp_path, clock).close()
    assert len(list(tmp_path.glob("outbox.db.corrupt-*"))) == 2


def test_one_torn_record_does_not_cost_the_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A flipped bit in a payload puts that record into quarantine, with a gap."""
    box = open_box(tmp_path)
    box.append("disk", [point(n) for n in range(5)], valid_seconds=1)
    box.close()
    raw = sqlite3.connect(tmp_path / "outbox.db")
    raw.execute("UPDATE records SET payload = zeroblob(length(payload)) WHERE seq = 3")
    raw.commit()
    raw.close()
    box = open_box(tmp_path)
    box.read(0)
    assert [one.seq for one in everything(box)] == [1, 2, 4, 5, 6]
    assert gaps(box)[0].reason == "torn"
    assert unaccounted(box) == set()
    assert caplog.records
    box.close()


def test_rows_that_vanished_are_accounted_for_at_start(tmp_path: Path) -> None:
    """Else the centre would wait for their numbers for ever."""
    box = open_box(tmp_path)
    box.append("disk", [point(n) for n in range(9)], valid_seconds=1)
    box.close()
    raw = sqlite3.connect(tmp_path / "outbox.db")
    raw.execute("DELETE FROM records WHERE seq IN (2, 3, 9)")
    raw.commit()
    raw.close()
    box = open_box(tmp_path)
    (gap,) = gaps(box)
    assert [(one.first, one.last) for one in gap.ranges] == [(2, 3), (9, 9)]
    assert (gap.reason, gap.records) == ("torn", 3)
    assert unaccounted(box) == set()
    box.close()


def test_killed_anywhere_it_keeps_what_it_promised(tmp_path: Path) -> None:
    """Kill -9 in the middle of appending, settling and thinning, six times over."""
    random = Random(20260731)
    promised: set[str] = set()
    for _ in range(6):
        child = subprocess.Popen(
            [sys.executable, "-m", "helpers.appender", str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=TESTS,
        )
        if child.stdout is None:
            raise RuntimeError("no pipe")
        for _ in range(random.randrange(5, 40)):
            promised.add(child.stdout.readline().strip())
        time.sleep(random.uniform(0.0, 0.02))
        child.kill()
        promised.update(child.stdout.read().split())
        child.wait()
        child.stdout.close()
        limits = OutboxLimits(3650, 200_000, 1.0, 0)
        box = open_box(tmp_path, limits=limits)
        assert unaccounted(box) == set()
        assert not list(tmp_path.glob("*.corrupt-*"))
        again = [Observation(event=True, token=token) for token in promised]
        assert box.append("drop", again, valid_seconds=1) == 0
        box.close()


def test_a_copy_taken_in_the_middle_opens_again(tmp_path: Path) -> None:
    """What a power cut leaves behind: main file and log as they lie at that moment."""
    box = open_box(tmp_path)
    for number in range(40):
        box.append("disk", [point(number, width=30)], valid_seconds=1)
    cut = tmp_path / "cut"
    cut.mkdir()
    shutil.copy(tmp_path / "outbox.db", cut)
    log = (tmp_path / "outbox.db-wal").read_bytes()
    (cut / "outbox.db-wal").write_bytes(log[: len(log) - 5000])
    box.close()
    again = open_box(cut)
    stored = [one.observation.values[0] for one in everything(again)]
    assert stored == list(range(len(stored)))
    assert len(stored) >= 30
    assert unaccounted(again) == set()
    again.close()


def test_trouble_is_logged_once(tiny_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not once a minute for a month."""
    subprocess.run(["mount", "-o", "remount,ro", tiny_disk], check=True)
    box = open_box(tiny_disk, limits=WIDE)
    for _ in range(5):
        box.append("disk", [point()], valid_seconds=1)
    assert len([one for one in caplog.records if one.levelno >= logging.ERROR]) == 2
    box.close()
