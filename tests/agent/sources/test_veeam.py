"""Veeam. The cases are made by hand after Veeam's pages, not recorded."""

import json
import os
from contextlib import suppress
from pathlib import Path

import pytest
from helpers.looking import SERIES, look, probe_text, runs_of, state_of
from hypothesis import given
from hypothesis import strategies as st

from tramgac_agent.drop import BackupRun, Record
from tramgac_agent.restic.repository import unix_ms
from tramgac_agent.sources.base import SourceFailed
from tramgac_agent.sources.veeam import runs_of_sessions, sessions_of

CASES = Path(__file__).parent / "cases/veeam"
NOW = unix_ms("2026-01-08T02:00:00Z")


def look_at(folder: Path, name: str, job: str = "HIS nightly", more: str = "") -> list[Record]:
    """One visit, with the export written a minute before."""
    export = folder / name
    export.write_bytes((CASES / name).read_bytes())
    os.utime(export, (NOW / 1000 - 60, NOW / 1000 - 60))
    text = probe_text("veeam", {"file": str(export)}, job=job)
    return look(text + more, folder, now_ms=NOW)


def at(text: str) -> int:
    return unix_ms(f"2026-01-0{text}:00Z")


def test_event_190_tells_success_warning_and_failure(tmp_path: Path) -> None:
    """A warning is partial; a failure that will be tried again is not the end of it."""
    records = look_at(tmp_path, "events-named.xml")

    assert runs_of(records) == [
        ("complete", at("4T15:00"), at("4T15:30")),
        ("partial", at("5T15:30"), at("5T15:30")),
        ("failed", at("6T15:45"), at("6T15:45")),
    ]
    assert [one.exit_code for one in records if isinstance(one, BackupRun)] == [0, 1, 2]
    assert (state_of(records).snapshots, state_of(records).newest_unix_ms) == (1, at("4T15:00"))


def test_events_without_names_are_known_by_message_and_level(tmp_path: Path) -> None:
    """One without a level is no success."""
    outcomes = [one[0] for one in runs_of(look_at(tmp_path, "events-rendered.xml"))]

    assert outcomes == ["complete", "partial", "failed", "failed"]


@pytest.mark.parametrize("job", ["HIS nightly", "cccccccc-0000-0000-0000-000000000001"])
def test_sessions_tell_start_and_end(tmp_path: Path, job: str) -> None:
    """By the job's name or id; one that is running is left for later."""
    assert runs_of(look_at(tmp_path, "sessions.json", job)) == [
        ("complete", unix_ms("2026-01-04T15:00:00.123Z"), unix_ms("2026-01-04T15:30:00.5Z")),
        ("partial", at("5T15:00"), at("5T15:31")),
        ("interrupted", at("6T15:00"), at("6T15:05")),
        ("failed", at("6T16:00"), at("6T16:05")),
    ]


def test_each_series_has_its_own_job(tmp_path: Path) -> None:
    """A job whose name begins like another's is another job; one never run has nothing."""
    more = "".join(
        f'[[series]]\nid = "{SERIES}{number}"\njob = "{job}"\n'
        for number, job in enumerate(("HIS nightly copy", "HIS"))
    )
    records = look_at(tmp_path, "events-named.xml", more=more)
    counts = {
        series: sum(isinstance(one, BackupRun) and one.series == series for one in records)
        for series in (SERIES, f"{SERIES}0", f"{SERIES}1")
    }

    assert list(counts.values()) == [3, 1, 0]


@pytest.mark.parametrize(
    "text", ["{", '{"data": {}}', '{"data": [{"id": 5}]}', '{"data": [[]]}', "[" * 100_000]
)
def test_what_is_no_list_of_sessions_is_blind(text: str) -> None:
    """Never read as no sessions."""
    with pytest.raises(SourceFailed) as failure:
        sessions_of(text)

    assert failure.value.state == "blind_tool"


@given(
    st.dictionaries(
        st.sampled_from(["id", "name", "state", "creationTime", "endTime", "result", "jobId"]),
        st.one_of(st.none(), st.text(max_size=9), st.just({"result": "Success"})),
    )
)
def test_garbage_is_refused_or_read(entry: dict[str, object]) -> None:
    """Whatever a session holds, it is a run or blind."""
    with suppress(SourceFailed):
        assert len(runs_of_sessions(sessions_of(json.dumps({"data": [entry]})), "job")) <= 1
