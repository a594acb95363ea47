"""When a drill is due, and where a file stands in a snapshot."""

import os
from pathlib import Path

import msgspec
import pytest

from tramgac_agent import drop
from tramgac_agent.drill import plan
from tramgac_agent.drill.live import Saved, snapshot_places, unix_ns
from tramgac_agent.drill.plan import Done, due
from tramgac_agent.drill.settings import DrillSettings

HOUR, DAY = 3_600_000, 86_400_000
NOW = 1000 * DAY
SETTINGS = DrillSettings(scratch="/s", canary="/c")


@pytest.mark.parametrize(
    ("last", "is_due"),
    [
        (None, True),
        (Done(NOW - 6 * DAY, NOW - 6 * DAY, passed=True), False),
        (Done(NOW - 8 * DAY, NOW - 8 * DAY, passed=True), True),
        (Done(NOW - 8 * DAY, NOW - HOUR // 2, passed=True), False),
        (Done(NOW - 2 * DAY, NOW - 2 * DAY, passed=False), True),
        (Done(NOW - HOUR * 2, NOW - HOUR * 2, passed=False), False),
        (Done(0, NOW - 2 * HOUR, passed=False), True),
        (Done(NOW + 50 * DAY, NOW + 50 * DAY, passed=True), True),
    ],
)
def test_a_sample_is_due_after_a_week(last: Done | None, *, is_due: bool) -> None:
    """A failed one again within a day, one that said nothing within an hour."""
    found = due(SETTINGS, {"sample": last} if last else {}, NOW)

    assert ("sample" in found) == is_due


def test_what_is_not_set_up_is_never_due() -> None:
    """No canary without a place, no full drill without scratch, none with 0 days."""
    assert list(due(SETTINGS, {}, NOW)) == ["canary", "sample", "full"]
    assert list(due(DrillSettings(), {}, NOW)) == ["sample"]
    assert list(due(DrillSettings(sample_days=0), {}, NOW)) == []


def _drill(at: int, *, passed: bool, conclusive: bool = True) -> drop.Drill:
    return drop.Drill(
        version=1,
        series="a/b/c@d",
        scope="sample",
        drill_id="x",
        started_unix_ms=at,
        ended_unix_ms=at,
        passed=passed,
        conclusive=conclusive,
        failure="" if passed else "damaged",
    )


def test_what_said_nothing_does_not_forget_what_was_said(tmp_path: Path) -> None:
    """The last that said something stays, beside when it was tried last."""
    plan.remember(tmp_path, _drill(5, passed=True))
    plan.remember(tmp_path, _drill(9, passed=False, conclusive=False))

    assert plan.load(tmp_path) == {"a/b/c@d": {"sample": Done(5, 9, passed=True)}}
    (tmp_path / "drills.json").write_text("[]")
    assert plan.load(tmp_path) == {}


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"canary": "here"}, "absolute"),
        ({"proof": "postgres", "proof_path": "/d"}, "scratch"),
        ({"proof": "dicom", "scratch": "/s"}, "proof_path"),
        ({"proof": "hook", "scratch": "/s"}, "hook"),
        ({"window": ("25:00-26:00",)}, "HH:MM"),
        ({"zone": "Mars/North"}, "zone"),
    ],
)
def test_a_fault_in_the_table_is_named(table: dict[str, object], words: str) -> None:
    """Refused at once, not in the night of the drill."""
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(table, DrillSettings)


def test_a_file_is_looked_for_where_a_relative_backup_puts_it() -> None:
    """Whole path, from the root's own name, and from inside it."""
    found = snapshot_places("/srv/his/a/b", frozenset({"/srv/his", "/other"}))

    assert found == ["/srv/his/a/b", "/his/a/b", "/a/b"]
    assert snapshot_places("/b", frozenset({"/"})) == ["/b"]


def test_times_are_compared_as_fine_as_both_keep_them(tmp_path: Path) -> None:
    """Nanoseconds, or whole seconds where a file system has no more."""
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    exact = 1_700_000_000_123_456_789
    os.utime(path, ns=(0, exact))
    found = path.stat()

    assert unix_ns("2023-11-14T22:13:20.123456789Z") == exact
    assert unix_ns("2023-11-15T05:13:20.123456789+07:00") == exact
    assert unix_ns("2023-11-14T22:13:20.5Z") == 1_700_000_000_500_000_000
    assert unix_ns("2023-11-14T22:13:20") == unix_ns("never") == -1
    assert Saved(3, exact).is_still(found)
    assert Saved(3, 1_700_000_000_000_000_000).is_still(found)
    assert not Saved(3, exact + 1).is_still(found)
    assert not Saved(4, exact).is_still(found)
