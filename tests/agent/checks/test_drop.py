"""The drop check takes good files once, puts bad ones aside, and trusts nobody."""

import errno
import json
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.backup import SERIES, drop_folder
from helpers.dropping import NOW, RUN, STATE, new_check, put
from helpers.onecheck import context, observe, values

from tramgac_agent import drop
from tramgac_agent.checks.base import AgentView, CheckFailed, LeaseDesk
from tramgac_agent.clock import SYSTEM_CLOCK
from tramgac_agent.outbox import Outbox, OutboxLimits
from tramgac_agent.runner import Runner


def refused(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "drop/refused").glob("*"))


def test_an_ended_run_shows_exit_code_and_length_and_keeps_its_times(tmp_path: Path) -> None:
    """The typed message carries everything; samples carry what a graph needs."""
    put(tmp_path, {**RUN, "bytes": 0, "files": 0})
    (one,) = observe(new_check(), tmp_path)

    assert values([one], series=SERIES) == {
        "backup_last_run_exit_code": 0.0,
        "backup_last_run_duration_seconds": 30.0,
    }
    assert one.detail is not None
    assert one.detail.DESCRIPTOR.name == "BackupRun"
    assert (one.detail.ended_unix_ms, one.detail.counts_known) == (NOW - 60_000, True)  # type: ignore[union-attr]
    assert one.event
    age = time.time() - (NOW - 60_000) / 1000
    assert age - 30 < one.age_seconds <= age


def test_a_start_does_not_replace_what_is_known_of_the_last_end(tmp_path: Path) -> None:
    """It has a stream of its own and no samples."""
    start = {key: RUN[key] for key in RUN if key not in {"ended_unix_ms", "exit_code"}}
    put(tmp_path, {**start, "outcome": "running"}, "a.json")
    put(tmp_path, RUN, "b.json")
    begun, ended = observe(new_check(), tmp_path)

    assert begun.samples == ()
    assert begun.stream != ended.stream
    assert begun.detail is not None


def test_a_readable_repository_shows_what_is_known_and_nothing_else(tmp_path: Path) -> None:
    """Unknown counts are absent, not zero."""
    put(tmp_path, STATE)
    shown = values(observe(new_check(), tmp_path), series=SERIES)

    assert shown == {
        "backup_repository_readable": 1.0,
        "backup_newest_snapshot_timestamp_seconds": (NOW - 86_400_000) / 1000,
        "backup_snapshots": 3.0,
        "backup_locks": 0.0,
    }


@pytest.mark.parametrize(
    "state", ["blind_auth", "blind_unreachable", "blind_timeout", "blind_tool", "missing"]
)
def test_a_blind_repository_shows_only_that(tmp_path: Path, state: str) -> None:
    """``readable`` is 0 and there is no newest snapshot, however old the last known one."""
    content = {key: STATE[key] for key in ("kind", "version", "series", "taken_unix_ms")}
    put(tmp_path, {**content, "state": state})

    assert values(observe(new_check(), tmp_path)) == {"backup_repository_readable": 0.0}


def test_files_go_only_when_the_outbox_has_them(tmp_path: Path) -> None:
    """An agent that dies in between reads the same file again, under the same token."""
    path = put(tmp_path, RUN)
    (first,) = observe(new_check(), tmp_path, stored=False)
    assert path.exists()
    (second,) = observe(new_check(), tmp_path, stored=True)

    assert first.token == second.token != ""
    assert not path.exists()


def test_a_crash_between_outbox_and_deletion_doubles_nothing(tmp_path: Path) -> None:
    """The real outbox takes the token once and dates the record by the event."""
    put(tmp_path, RUN)
    limits = OutboxLimits()
    outbox = Outbox.open(tmp_path / "outbox.db", limits=limits, clock=SYSTEM_CLOCK)
    try:
        stored = [
            outbox.append("drop", observe(new_check(), tmp_path, stored=False), valid_seconds=60)
            for _ in range(2)
        ]
    finally:
        outbox.close()

    assert stored == [1, 0]


def test_the_runner_dates_the_record_by_the_run_and_then_lets_the_file_go(tmp_path: Path) -> None:
    """The whole way from the file to the outbox, as in the daemon."""
    path = put(tmp_path, RUN)
    outbox = Outbox.open(tmp_path / "outbox.db", limits=OutboxLimits(), clock=SYSTEM_CLOCK)
    try:
        Runner([new_check()], outbox, AgentView(tmp_path, "", LeaseDesk())).run("drop")
        records = [one.message for one in outbox.read(0)]
    finally:
        outbox.close()
    (run,) = [one for one in records if one.observation.HasField("backup_run")]

    assert abs(run.wall_unix_ms - RUN["ended_unix_ms"]) < 5_000
    assert not path.exists()


def test_a_file_that_changed_after_reading_is_read_again(tmp_path: Path) -> None:
    """Only the very file that was read is deleted."""
    check = new_check()
    path = put(tmp_path, RUN)
    observations = observe(check, tmp_path, stored=False)
    path.unlink()
    put(tmp_path, {**RUN, "run_id": "r2"})
    check.stored(observations)

    assert path.exists()


def test_a_host_short_of_descriptors_loses_no_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is read a minute later, not put aside as unreadable."""
    put(tmp_path, RUN)
    opened = os.open

    def short(path: str | Path, *rest: Any, **more: Any) -> int:
        if str(path).endswith(".json"):
            raise OSError(errno.EMFILE, "Too many open files")
        return opened(path, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", short)
        with pytest.raises(CheckFailed, match="unreadable"):
            observe(new_check(), tmp_path)

    assert refused(tmp_path) == []
    assert len(observe(new_check(), tmp_path)) == 1


def test_the_same_file_twice_counts_once_and_both_go(tmp_path: Path) -> None:
    """A script that repeats itself is not a second backup."""
    paths = [put(tmp_path, RUN, name) for name in ("a.json", "b.json")]

    assert len(observe(new_check(), tmp_path)) == 1
    assert not any(path.exists() for path in paths)


BAD: dict[str, tuple[dict[str, Any] | bytes, str]] = {
    "empty": (b"", "bad_json"),
    "not json": (b"series=x", "bad_json"),
    "not utf-8": (b'{"kind":"\xff"}', "bad_json"),
    "deeply nested": (b'{"kind":' + b"[" * 60_000, "bad_json"),
    "a list": (b"[]", "bad_schema"),
    "unknown kind": ({**RUN, "kind": "rumour"}, "bad_schema"),
    "unknown key": ({**RUN, "file_names": []}, "bad_schema"),
    "unknown version": ({**RUN, "version": 2}, "bad_schema"),
    "no series": ({key: RUN[key] for key in RUN if key != "series"}, "bad_schema"),
    "a series with a line break": ({**RUN, "series": SERIES + "\n"}, "bad_schema"),
    "a negative count": ({**RUN, "bytes": -1, "files": 1}, "bad_schema"),
    "a number as text": ({**RUN, "exit_code": "0"}, "bad_schema"),
    "complete without exit 0": ({**RUN, "exit_code": 1}, "contradiction"),
    "complete without an end": ({**RUN, "ended_unix_ms": None}, "contradiction"),
    "running with an end": ({**RUN, "outcome": "running"}, "contradiction"),
    "ends before it starts": ({**RUN, "ended_unix_ms": NOW - 100_000}, "bad_times"),
    "from the future": ({**RUN, "ended_unix_ms": NOW + 3_600_000}, "future"),
    "blind yet sees": ({**STATE, "state": "blind_auth"}, "contradiction"),
    "newest of nothing": ({**STATE, "snapshots": 0}, "contradiction"),
    "newest in the future": ({**STATE, "newest_unix_ms": NOW + 3_600_000}, "future"),
    "too big": (b'{"kind":"' + b"x" * drop.MAX_FILE_BYTES, "too_big"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_is_put_aside_with_its_reason(tmp_path: Path, case: str) -> None:
    """It is told once, does not come back, and holds up no good file."""
    content, code = BAD[case]
    put(tmp_path, content, "a.json")
    put(tmp_path, RUN, "b.json")
    good, told = observe(new_check(), tmp_path)

    assert good.detail is not None
    assert told.failure == f"refused_{code}"
    assert observe(new_check(), tmp_path) == []
    assert refused(tmp_path) == ([] if code == "too_big" else [f"a.json.{code}"])


def link(path: Path) -> None:
    path.symlink_to("/etc/hostname")


def hard_link(path: Path) -> None:
    other = path.parent.parent / "other"
    other.write_text(json.dumps(RUN))
    path.hardlink_to(other)


def listening_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


@pytest.mark.parametrize("make", [link, hard_link, os.mkfifo, listening_socket])
def test_only_plain_files_are_opened(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """No link is followed, no pipe waited for; what was linked to stays as it is."""
    make(drop_folder(tmp_path) / "a.json")
    (told,) = observe(new_check(), tmp_path)

    assert told.failure == "refused_not_regular"
    assert not os.path.lexists(tmp_path / "drop/a.json")
    assert refused(tmp_path) == []


def test_a_folder_in_the_way_is_told_and_left(tmp_path: Path) -> None:
    """It cannot be read or moved, so it stays; other files are taken."""
    (drop_folder(tmp_path) / "a.json").mkdir()
    put(tmp_path, RUN, "b.json")
    good, told = observe(new_check(), tmp_path)

    assert good.detail is not None
    assert told.failure == "refused_not_regular"


def test_one_run_takes_a_bounded_number(tmp_path: Path) -> None:
    """The rest comes with the next run; nothing is skipped."""
    for number in range(drop.MAX_FILES_PER_READ + 5):
        put(tmp_path, {**RUN, "run_id": f"r{number}"}, f"{number:04}.json")
    check = new_check()

    assert len(observe(check, tmp_path)) == drop.MAX_FILES_PER_READ
    assert len(observe(check, tmp_path)) == 5
    assert observe(check, tmp_path) == []


def test_refused_files_do_not_pile_up(tmp_path: Path) -> None:
    """The newest are kept for a person to read."""
    for number in range(drop.MAX_REFUSED_KEPT + 20):
        put(tmp_path, b"no", f"{number:04}.json")
    observe(new_check(), tmp_path)

    assert len(refused(tmp_path)) == drop.MAX_REFUSED_KEPT


def test_half_written_files_are_left_alone_until_they_are_old(tmp_path: Path) -> None:
    """A writer at work is not disturbed; one that was killed leaves nothing for ever."""
    young, old = (put(tmp_path, b"{", f".{name}.json.tmp") for name in ("young", "old"))
    os.utime(old, (1, 1))

    assert observe(new_check(), tmp_path) == []
    assert young.exists()
    assert not old.exists()


def test_a_missing_folder_is_made_for_others_to_write(tmp_path: Path) -> None:
    """Group-writable, sticky and set-gid: others add, nobody removes another's file."""
    assert observe(new_check(), tmp_path) == []
    assert (tmp_path / "drop").stat().st_mode & 0o7777 == drop.FOLDER_MODE


def test_a_folder_that_cannot_be_read_fails_the_check(tmp_path: Path) -> None:
    """Silence would look like no backups."""
    (tmp_path / "drop").write_text("")
    with pytest.raises(CheckFailed, match="unreadable"):
        list(new_check().run(context(tmp_path)))


def test_files_that_stay_do_not_keep_others_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be deleted is told at every run, taken once, and passed by."""
    monkeypatch.setattr(drop.DropFolder.read, "__defaults__", (1, ()))
    real = os.unlink

    def unlink(name: str, **where: int) -> None:
        if name == "a.json":
            raise PermissionError(errno.EPERM, "not yours")
        real(name, **where)

    monkeypatch.setattr(os, "unlink", unlink)
    put(tmp_path, RUN, "a.json")
    put(tmp_path, {**RUN, "run_id": "r2"}, "b.json")
    check = new_check()

    assert [one.failure for one in observe(check, tmp_path)] == [""]
    second = observe(check, tmp_path)

    assert [one.failure for one in second] == ["", "not_deletable"]
    assert not (tmp_path / "drop/b.json").exists()
    (tmp_path / "drop/a.json").rename(tmp_path / "taken-away")
    assert observe(check, tmp_path) == []
