"""Trees kept by the real rsync: how new they are, and what is in them."""

import os
import subprocess
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from helpers.looking import look, probe_text, state_of
from hypothesis import given
from hypothesis import strategies as st

from tramgac_agent.drop import RepositoryState
from tramgac_agent.restic.runner import Budget
from tramgac_agent.sources import walk as walking
from tramgac_agent.sources.rsync import date_of
from tramgac_agent.sources.settings import read_source
from tramgac_proto.configfile import ConfigError

FORMAT = "%Y-%m-%d_%H%M"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Three files of 600 bytes, one of them deeper."""
    made = tmp_path / "source"
    (made / "deep/er").mkdir(parents=True)
    for name, size in (("a", 100), ("b", 200), ("deep/er/c", 300)):
        (made / name).write_bytes(b"x" * size)
    then = time.time() - 7200
    os.utime(made / "deep/er/c", (then - 60, then - 60))
    os.utime(made / "a", (then, then))
    os.utime(made / "b", (then - 90, then - 90))
    return made


@pytest.fixture
def target(tmp_path: Path) -> Path:
    made = tmp_path / "target"
    made.mkdir()
    return made


def sync(source: Path, target: Path, *flags: str) -> None:
    subprocess.run(["rsync", "-a", *flags, f"{source}/", f"{target}/"], check=True)


def look_at(target: Path, *, seconds: float = 30.0, **series: Any) -> RepositoryState:
    text = probe_text("rsync", folder=str(target), **series)
    return state_of(look(text, target.parent, seconds=seconds))


def named(hours: float) -> str:
    return (datetime.now(timezone.utc) - timedelta(hours=hours)).strftime(FORMAT)


def milliseconds(name: str) -> int:
    return int(datetime.strptime(name, FORMAT).replace(tzinfo=timezone.utc).timestamp() * 1000)


def test_a_mirror_is_one_copy_as_new_as_its_newest_file(source: Path, target: Path) -> None:
    """Its files have the times of the source: so new was the data at least."""
    sync(source, target)
    state = look_at(target, layout="mirror")

    assert (state.state, state.snapshots, state.files, state.bytes) == ("ok", 1, 3, 600)
    assert state.newest_unix_ms == (source / "a").stat().st_mtime_ns // 1_000_000
    assert state.newest_end_unix_ms is None
    assert state.months == 1 or datetime.now(timezone.utc).day == 1


def test_a_marker_says_when_the_mirror_was_finished(source: Path, target: Path) -> None:
    """The marker's own time is the end; it is no file of the copy; without it nothing counts."""
    sync(source, target)
    unfinished = look_at(target, layout="mirror", marker=".done")
    (target / ".done").touch()
    finished = look_at(target, layout="mirror", marker=".done")

    assert (unfinished.snapshots, unfinished.newest_unix_ms) == (0, None)
    assert finished.newest_end_unix_ms == (target / ".done").stat().st_mtime_ns // 1_000_000
    assert (finished.snapshots, finished.files, finished.bytes) == (1, 3, 600)
    assert unfinished.newest_id != finished.newest_id


def test_an_empty_mirror_holds_nothing(target: Path) -> None:
    """As an unmounted share leaves it: readable, and no copy."""
    state = look_at(target, layout="mirror")

    assert (state.state, state.snapshots, state.newest_unix_ms) == ("ok", 0, None)


def test_dated_folders_are_counted_and_the_newest_is_walked(source: Path, target: Path) -> None:
    """Hard links count in each; folders with other names and plain files are none."""
    names = [named(70 * 24), named(30), named(5)]
    for older, name in zip([None, *names], names, strict=False):
        sync(source, target / name, *([f"--link-dest=../{older}"] if older else []))
    (target / "lost+found").mkdir()
    (target / named(1)).write_text("a file")

    state = look_at(target, layout="dated", date_format=FORMAT, zone="UTC")

    assert (state.snapshots, state.files, state.bytes) == (3, 3, 600)
    assert state.newest_unix_ms == milliseconds(names[2])
    assert state.oldest_unix_ms == milliseconds(names[0])
    assert state.months in (2, 3)
    assert (target / names[0] / "a").stat().st_nlink == 3


@pytest.mark.parametrize("sign", ["marker", "latest"])
def test_a_dated_folder_counts_when_the_job_says_it_is_done(
    source: Path, target: Path, sign: str
) -> None:
    """The one that is being written, or was broken off, is not the newest."""
    done, running = named(30), named(1)
    sync(source, target / done)
    sync(source, target / running)
    rule: dict[str, Any] = {"layout": "dated", "date_format": FORMAT, "zone": "UTC", sign: "done"}
    nothing = look_at(target, **rule)
    if sign == "marker":
        (target / done / "done").touch()
    else:
        (target / "done").symlink_to(done)
    state = look_at(target, **rule)

    assert (nothing.state, nothing.snapshots) == ("ok", 0)
    assert (state.snapshots, state.newest_unix_ms) == (1, milliseconds(done))
    assert (state.newest_end_unix_ms is not None) == (sign == "marker")
    assert state.files == 3


def test_the_future_is_said_and_never_the_newest(source: Path, target: Path) -> None:
    """Neither a folder dated ahead nor a file changed ahead makes a copy fresh."""
    good, ahead = named(30), named(-48)
    sync(source, target / good)
    sync(source, target / ahead)
    dated = look_at(target, layout="dated", date_format=FORMAT, zone="UTC")
    later = time.time() + 86400
    os.utime(source / "b", (later, later))
    sync(source, target / "mirror")
    mirror = look_at(target / "mirror", layout="mirror")

    assert dated.future_dated
    assert dated.newest_unix_ms == milliseconds(good)
    assert mirror.future_dated
    assert mirror.newest_unix_ms == (source / "a").stat().st_mtime_ns // 1_000_000


def test_half_a_count_is_no_count(
    source: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too much or too slow leaves files and bytes unknown, and the copy counted."""
    sync(source, target)
    (target / ".done").touch()
    late = walking.walk(target, "", 2**53, Budget(0))
    monkeypatch.setattr(walking, "MAX_WALKED", 4)
    state = look_at(target, layout="mirror", marker=".done")
    bare = look_at(target, layout="mirror")

    assert late is None
    assert (state.snapshots, state.files, state.bytes) == (1, None, None)
    assert state.newest_unix_ms
    assert (bare.snapshots, bare.newest_unix_ms) == (1, None)


def test_links_lead_nowhere(source: Path, target: Path) -> None:
    """A link in a copy is neither followed nor counted, even round in circles."""
    (source / "loop").symlink_to(source)
    (source / "out").symlink_to("/usr")
    sync(source, target)

    assert look_at(target, layout="mirror").files == 3


def test_a_folder_that_is_not_there_is_missing(target: Path) -> None:
    """Also when there is a file in its place."""
    (target / "file").touch()

    assert look_at(target / "absent", layout="mirror").state == "missing"
    assert look_at(target / "file", layout="dated", date_format=FORMAT).state == "missing"


@pytest.mark.parametrize(
    ("series", "key"),
    [
        ({"folder": "half/a/path", "layout": "mirror"}, "folder"),
        ({"folder": "/srv", "layout": "dated"}, "date_format"),
        ({"folder": "/srv", "layout": "mirror", "date_format": "%Y"}, "date_format"),
        ({"folder": "/srv", "layout": "mirror", "latest": "latest"}, "latest"),
        ({"folder": "/srv", "layout": "mirror", "marker": "a/b"}, "marker"),
        ({"folder": "/srv", "layout": "dated", "date_format": "%Y", "zone": "Mars/Base"}, "zone"),
        ({"folder": "/srv", "layout": "pile"}, "layout"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    tmp_path: Path, series: dict[str, Any], key: str
) -> None:
    """With the key in the message."""
    config = tmp_path / "probe.toml"
    config.write_text(probe_text("rsync", **series))

    with pytest.raises(ConfigError, match=key):
        read_source(config)


def test_a_date_is_read_in_its_own_zone() -> None:
    """Seven hours lie between Hue and Greenwich; a zone in the name itself wins."""
    assert date_of("2026-01-05_0700", FORMAT, "Asia/Ho_Chi_Minh") == milliseconds("2026-01-05_0000")
    assert date_of("20260105T0700+0700", "%Y%m%dT%H%M%z", "") == milliseconds("2026-01-05_0000")


@given(st.text(max_size=40), st.sampled_from([FORMAT, "%Y", "%G-%V", "%j", "%%", "%Z"]))
def test_any_name_is_a_date_or_none(name: str, date_format: str) -> None:
    """Whatever a folder is called, the answer is a number."""
    assert date_of(name, date_format, "UTC") >= 0
