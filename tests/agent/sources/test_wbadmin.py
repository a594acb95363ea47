"""Windows Server Backup. The cases are made by hand after Microsoft's pages, not recorded."""

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from helpers.backup import script
from helpers.looking import look, probe_text, runs_of, state_of
from hypothesis import given
from hypothesis import strategies as st

from tramgac_agent.drop import BackupRun, Record
from tramgac_agent.restic.repository import unix_ms
from tramgac_agent.sources.base import SourceFailed
from tramgac_agent.sources.export import text_of
from tramgac_agent.sources.wbadmin import date_ms, runs_of_events, runs_of_summary
from tramgac_agent.sources.winevents import parse

CASES = Path(__file__).parent / "cases/wbadmin"
NOW = unix_ms("2026-01-07T02:00:00Z")
EVENT = "<Event><System><EventID>4</EventID>{}</System></Event>"


def look_at(folder: Path, content: bytes, *, now_ms: int = NOW, **top: Any) -> list[Record]:
    """One visit, with the export written a minute before."""
    export = folder / "export"
    export.write_bytes(content)
    os.utime(export, (now_ms / 1000 - 60, now_ms / 1000 - 60))
    return look(probe_text("wbadmin", {"file": str(export), **top}), folder, now_ms=now_ms)


def test_the_event_channel_tells_runs_apart(tmp_path: Path) -> None:
    """Good, with unreadable parts, failed and cancelled; entries of one run are one run."""
    records = look_at(tmp_path, (CASES / "events.xml").read_bytes())
    runs = [one for one in records if isinstance(one, BackupRun)]
    state = state_of(records)

    assert runs_of(records) == [
        ("complete", unix_ms("2026-01-04T19:00:04.6Z"), unix_ms("2026-01-04T19:40:11.5Z")),
        ("partial", unix_ms("2026-01-05T19:00:00Z"), unix_ms("2026-01-05T19:40:00Z")),
        ("failed", unix_ms("2026-01-06T19:00:00Z"), unix_ms("2026-01-06T19:10:01Z")),
        ("interrupted", unix_ms("2026-01-07T00:30:00Z"), unix_ms("2026-01-07T01:00:00Z")),
    ]
    assert [one.exit_code for one in runs] == [0, 1, 1, 1]
    assert (runs[0].bytes, runs[1].reason) == (42_000_000_000, "unreadable_files")
    assert (state.snapshots, state.newest_unix_ms) == (1, runs[0].started_unix_ms)
    assert (state.oldest_unix_ms, state.months) == (None, None)


def test_a_run_is_told_when_its_entries_are_all_there(tmp_path: Path) -> None:
    """And twice, in case the first report was lost; then never again."""
    content = (CASES / "events.xml").read_bytes()
    early = unix_ms("2026-01-07T01:02:00Z")
    visits = [
        look_at(tmp_path, content, now_ms=early),
        look_at(tmp_path, content),
        look_at(tmp_path, content),
        look_at(tmp_path, content),
    ]

    assert [len(runs_of(one)) for one in visits] == [3, 4, 1, 0]
    assert state_of(visits[3]).snapshots == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_summary_tells_the_last_run_and_the_versions(tmp_path: Path, encoding: str) -> None:
    """PowerShell writes dates and text in its own ways."""
    text = (CASES / "summary-powershell-5.json").read_text()
    records = look_at(tmp_path, text.encode(encoding), now_ms=unix_ms("2026-01-06T02:00:00Z"))

    assert [one[:2] for one in runs_of(records)] == [
        ("complete", 1767553204000),
        ("failed", 1767639604000),
    ]
    assert (state_of(records).snapshots, state_of(records).newest_unix_ms) == (14, 1767553204000)


def test_a_summary_with_offsets_is_read_as_well(tmp_path: Path) -> None:
    """Hue is seven hours ahead; a good run is one run."""
    records = look_at(tmp_path, (CASES / "summary-powershell-7.json").read_bytes())

    assert [one[:2] for one in runs_of(records)] == [
        ("complete", unix_ms("2026-01-04T19:00:04Z")),
    ]
    assert state_of(records).snapshots == 3


def test_versions_that_are_gone_leave_no_newest(tmp_path: Path) -> None:
    """The disk was exchanged: the product says zero, whatever it remembers of runs."""
    text = (CASES / "summary-powershell-7.json").read_text().replace(": 3,", ": 0,")
    state = state_of(look_at(tmp_path, text.encode()))

    assert (state.snapshots, state.newest_unix_ms) == (0, None)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<Events><Event><System><EventID>4</EventID></System>",
        b"<Events><Event></Events>x",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><Events></Events>",
        b"<Events><Event>&undefined;</Event></Events>",
        b"<Events>" + b"<Event></Event>" * 5001 + b"</Events>",
        b"{}",
        b'{"NumberOfVersions": "x", "LastBackupResultHR": 0}',
        b'{"NumberOfVersions": 1e999, "LastBackupResultHR": 0}',
        b"[1]",
        b"\xff\xfe\x00",
    ],
)
def test_what_is_no_whole_export_is_blind(tmp_path: Path, content: bytes) -> None:
    """Cut short, hostile or something else: never read as no backups."""
    assert state_of(look_at(tmp_path, content)).state == "blind_tool"


def test_an_empty_log_is_an_answer(tmp_path: Path) -> None:
    """Readable, and tells of no backup."""
    state = state_of(look_at(tmp_path, b"<Events/>\n"))

    assert (state.state, state.snapshots) == ("ok", 0)


def test_an_export_that_is_not_written_any_longer_is_blind(tmp_path: Path) -> None:
    """The task that writes it has stopped: what it says is not true any longer."""
    export = tmp_path / "export"
    export.write_text("<Events></Events>")
    os.utime(export, (time.time() - 9100, time.time() - 9100))
    states = [
        state_of(look(probe_text("wbadmin", {"file": str(path), **more}), tmp_path)).state
        for path, more in (
            (export, {}),
            (export, {"max_age_minutes": 200}),
            (tmp_path / "absent", {}),
            (tmp_path, {}),
        )
    ]

    assert states == ["blind_unreachable", "ok", "blind_unreachable", "blind_tool"]


def test_a_command_may_say_it_as_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its variables are named; a failing one is blind."""
    monkeypatch.setenv("EXPORT_TAG", "Events")
    good = script(tmp_path / "good", 'printf "<$EXPORT_TAG></$EXPORT_TAG>"')
    bad = script(tmp_path / "bad", "echo '<Events></Events>'; exit 5")

    def state(command: Path, *names: str) -> str:
        top = {"command": [str(command)], "environment": names}
        return state_of(look(probe_text("wbadmin", top), tmp_path)).state

    assert state(good, "EXPORT_TAG") == "ok"
    assert state(good) == "blind_tool"
    assert state(bad) == "blind_tool"


@given(st.text(max_size=200), st.text(alphabet="<>&;/Event =\"'#x1aData", max_size=60))
def test_garbage_is_refused_or_read(text: str, inner: str) -> None:
    """Whatever comes, it is runs or blind."""
    for one in (text, f"<Events>{text}</Events>", f"<Events>{EVENT.format(inner)}</Events>"):
        with suppress(SourceFailed):
            assert len(runs_of_events(parse(one), NOW)) <= 1
    with suppress(SourceFailed):
        assert runs_of_summary("{" + text)
    assert date_ms(text) >= 0
    assert isinstance(text_of(text.encode("utf-16")), str)
