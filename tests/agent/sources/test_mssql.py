"""SQL Server. The answers are made by hand as the query would write them, not recorded."""

import os
import re
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
from tramgac_agent.sources.msdb import QUERY, parse

CASE = Path(__file__).parent / "cases/mssql/sqlcmd.txt"
NOW = unix_ms("2026-01-05T02:00:00Z")
HOUR = 3_600_000


def coded(text: str) -> str:
    return text.encode("utf-16-le").hex().upper()


def answer(*lines: str) -> str:
    body = [f"tramgac|{line}" for line in lines]
    return "\n".join(["tramgac|server|1|16.0.1000.6", *body, f"tramgac|end|{len(body)}"])


def saved(kind: str, hours_ago: float, *, device: str = "", damaged: int = 0) -> str:
    """A line for a backup of the database HIS."""
    start = (NOW - int(hours_ago * HOUR)) // 1000
    number = int(hours_ago * 10)
    return f"backup|{coded('HIS')}|{number}|{kind}|{start}|{start + 60}|9|{damaged}|{coded(device)}"


def database(recovery: str = "SIMPLE") -> str:
    return f"database|{coded('HIS')}|{recovery}"


def look_at(folder: Path, text: str, *, now_ms: int = NOW, **series: Any) -> list[Record]:
    """One visit, with the answer written a minute before."""
    export = folder / "answer"
    export.write_text(text)
    os.utime(export, (now_ms / 1000 - 60, now_ms / 1000 - 60))
    series = {"database": "HIS", **series}
    return look(probe_text("mssql", {"file": str(export)}, **series), folder, now_ms=now_ms)


def problem(folder: Path, *lines: str, **series: Any) -> str:
    return state_of(look_at(folder, answer(*lines), **series)).problem


def test_a_chain_of_full_differential_and_log_is_read(tmp_path: Path) -> None:
    """The differential is the newest backup, the log the latest point; times are UTC."""
    records = look_at(tmp_path, CASE.read_text())
    state = state_of(records)
    (full, differential) = [one for one in records if isinstance(one, BackupRun)]

    assert (state.snapshots, state.problem, state.bytes) == (1, "", 200_000_000)
    assert state.newest_unix_ms == unix_ms("2026-01-04T18:00:00Z")
    assert state.newest_end_unix_ms == unix_ms("2026-01-04T18:02:00Z")
    assert state.archived_unix_ms == unix_ms("2026-01-05T01:45:03Z")
    assert (state.oldest_unix_ms, state.months, state.medium) == (None, None, "unknown")
    assert (full.outcome, full.bytes, full.tool_version) == (
        "complete",
        5_000_000_000,
        "15.0.4312.2",
    )
    assert differential.started_unix_ms == state.newest_unix_ms


@pytest.mark.parametrize(
    ("name", "snapshots", "said", "medium"),
    [
        ("his", 1, "", "unknown"),  # names are compared as the server does
        ("LIS", 1, "damaged", "elsewhere"),
        ("PACS|khoa chẩn đoán", 1, "log_growing", "elsewhere"),
        ("new", 0, "", "unknown"),
        ("gone", 1, "no_database", "unknown"),
        ("never heard of", 0, "no_database", "unknown"),
    ],
)
def test_each_database_is_judged_by_itself(
    tmp_path: Path, name: str, snapshots: int, said: str, medium: str
) -> None:
    """One without a row was never saved; a name may hold what separates columns."""
    state = state_of(look_at(tmp_path, CASE.read_text(), database=name))

    assert (state.state, state.snapshots, state.problem) == ("ok", snapshots, said)
    assert state.medium == medium


def test_a_damaged_backup_is_partial(tmp_path: Path) -> None:
    """The server itself marked it: it went on after an error."""
    records = look_at(tmp_path, answer(database(), saved("D", 5, damaged=1)))

    assert [one[0] for one in runs_of(records)] == ["partial"]
    assert state_of(records).problem == "damaged"


def test_a_log_that_nobody_saves_is_said(tmp_path: Path) -> None:
    """In the full model only, and only when a log backup was due."""
    assert problem(tmp_path, database(), saved("D", 90)) == ""
    assert problem(tmp_path, database("FULL"), saved("D", 90)) == "log_growing"
    assert problem(tmp_path, database("FULL"), saved("D", 20)) == ""
    assert problem(tmp_path, database("FULL"), saved("D", 20), log_hours=2) == "log_growing"
    assert problem(tmp_path, database("BULK_LOGGED"), saved("D", 90), saved("L", 1)) == ""
    assert problem(tmp_path, database("FULL"), saved("D", 90), saved("L", 30)) == "log_growing"


def test_a_differential_needs_its_full_backup(tmp_path: Path) -> None:
    """Without one it restores nothing."""
    assert problem(tmp_path, database(), saved("I", 5)) == "no_full"


def test_success_in_msdb_is_no_proof_of_the_file(tmp_path: Path) -> None:
    """Where the probe sees the paths, all files of the newest backup and its base are there."""
    full, differential = tmp_path / "full.bak", tmp_path / "diff.bak"
    lines = (database(), saved("D", 30, device=str(full)), saved("I", 5, device=str(differential)))
    differential.touch()
    unasked = problem(tmp_path, *lines)
    missing = problem(tmp_path, *lines, check_files=True)
    full.touch()
    there = state_of(look_at(tmp_path, answer(*lines), check_files=True, paths=[str(tmp_path)]))

    assert (unasked, missing, there.problem) == ("", "file_missing", "")
    assert there.medium == "same_device"


def test_runs_are_told_twice_and_the_state_always(tmp_path: Path) -> None:
    """A repeated report is known by its content."""
    text = answer(database(), saved("D", 30), saved("D", 6))
    first, second, third = (look_at(tmp_path, text) for _ in range(3))

    assert first[:2] == second[:2]
    assert [len(runs_of(one)) for one in (first, second, third)] == [2, 2, 0]
    assert state_of(third).newest_unix_ms == NOW - 6 * HOUR


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("", "blind_tool"),
        (answer(database())[:-2], "blind_tool"),
        (answer(database()).replace("end|1", "end|2"), "blind_tool"),
        (answer("database|zz|FULL"), "blind_tool"),
        ("Msg 916, Level 14, State 2\nThe server principal is not able to access", "blind_auth"),
        ("Sqlcmd: Error: Login failed for user 'tramgac'.", "blind_auth"),
        ("Sqlcmd: Error: A network-related or instance-specific error", "blind_unreachable"),
    ],
)
def test_half_an_answer_is_no_answer(tmp_path: Path, text: str, state: str) -> None:
    """Cut short, refused and unreachable are told apart; none of them is no backups."""
    assert state_of(look_at(tmp_path, text)).state == state


def test_a_command_asks_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password comes by a variable that is named, and never shows."""
    monkeypatch.setenv("SQLCMDPASSWORD", "made-up")
    text = answer(database(), saved("D", 5))
    tool = script(tmp_path / "sqlcmd", f'[ "$SQLCMDPASSWORD" ] || exit 1\ncat <<"END"\n{text}\nEND')
    top = {"command": [str(tool)], "environment": ["SQLCMDPASSWORD"]}
    good = look(probe_text("mssql", top, database="HIS"), tmp_path)
    top["environment"] = []
    bad = look(probe_text("mssql", top, database="HIS"), tmp_path)

    assert (state_of(good).state, state_of(bad).state) == ("ok", "blind_tool")
    assert "made-up" not in repr([*good, *bad])


def test_the_query_only_reads() -> None:
    """One place, no word that changes anything, and every line ends as the reader expects."""
    words = set(re.findall(r"[A-Z]+", QUERY.upper()))

    assert not words & {"INSERT", "UPDATE", "DELETE", "EXEC", "EXECUTE", "DROP", "ALTER"}
    assert QUERY.isascii()
    assert QUERY.count("'tramgac|") == 4


@given(st.lists(st.text(alphabet="tramgc|0123456789ABDILend\n", max_size=60), max_size=5))
def test_garbage_is_refused_or_read(lines: list[str]) -> None:
    """Whatever comes, it is databases or blind."""
    for text in ("\n".join(lines), answer(*lines)):
        with suppress(SourceFailed):
            assert parse(text).version
