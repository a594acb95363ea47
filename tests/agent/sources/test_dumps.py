"""Dump folders: which file is the newest finished one, and whether it is what it should be."""

import gzip
import io
import os
import sqlite3
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from helpers.backup import script
from helpers.looking import SERIES, checks_of, look, probe_text, state_of
from helpers.postgres import new_database, running_postgres
from hypothesis import given
from hypothesis import strategies as st

from tramgac_agent.drop import Record
from tramgac_agent.sources.base import SourceFailed
from tramgac_agent.sources.dumpfiles import (
    NotInTime,
    edges,
    gzip_problem,
    is_blank,
    sqlite_problem,
    text_problem,
    zip_problem,
)
from tramgac_agent.sources.folders import within

HOUR = 3600.0
MYSQL = "-- MariaDB dump 10.19  Distrib 10.11\n--\n-- Host: localhost\nCREATE TABLE t (a INT);\n"
MYSQL_END = "-- Dump completed on 2026-01-05  2:00:07\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "dumps"
    made.mkdir()
    return made


def aged(path: Path, hours: float, content: bytes | None = None) -> Path:
    """A file last changed so many hours ago."""
    if content is not None:
        path.write_bytes(content)
    then = time.time() - hours * HOUR
    os.utime(path, (then, then))
    return path


def look_at(folder: Path, *, now_ms: int = 0, seconds: float = 30.0, **series: Any) -> list[Record]:
    text = probe_text("dumps", folder=str(folder), **series)
    return look(text, folder.parent, now_ms=now_ms, seconds=seconds)


def squeezed(text: str) -> bytes:
    return gzip.compress(text.encode())


@pytest.fixture(scope="module")
def postgres_dumps() -> Iterator[dict[str, bytes]]:
    """What the real pg_dump and pg_dumpall write of a small database."""
    with running_postgres() as socket:
        base = ["-h", socket, "-U", "tramgac"]
        name = new_database(socket).split("/")[3].partition("?")[0]
        rows = "CREATE TABLE t AS SELECT g, md5(g::text) FROM generate_series(1, 20000) g"
        subprocess.run(["psql", *base, "-q", "-c", rows, name], check=True)

        def said(*argv: str) -> bytes:
            return subprocess.run(argv, check=True, capture_output=True).stdout

        yield {
            "plain": said("pg_dump", *base, name),
            "all": said("pg_dumpall", *base),
            "custom": said("pg_dump", *base, "-Fc", name),
        }


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


@pytest.mark.parametrize(
    ("content", "series", "problem"),
    [
        (b"", {}, "empty"),
        (b"12345", {"min_bytes": 6}, "too_small"),
        (b"123456", {"min_bytes": 6}, ""),
        (b"hello", {"kind": "pg_custom"}, "bad_magic"),
        (b"\0" * 10_000, {}, "bad_magic"),
        (b"\0" * 10_000, {"kind": "any"}, ""),
        (MYSQL.encode(), {}, "truncated"),
        ((MYSQL + MYSQL_END).encode(), {"kind": "mysql"}, ""),
        (squeezed(MYSQL + MYSQL_END), {}, ""),
        (squeezed(MYSQL), {}, "truncated"),
        (squeezed("other" * 9000)[:-9], {"kind": "gzip"}, "truncated"),
        (squeezed("a") + squeezed("b") + b"\0" * 512, {}, ""),
        (squeezed("other" * 9)[:-6] + b"\1\1\1\1\1\1", {}, "corrupt"),
    ],
)
def test_what_is_wrong_with_the_newest_file_is_said(
    folder: Path, content: bytes, series: dict[str, Any], problem: str
) -> None:
    """Empty, too small, another format, broken off and damaged are told apart."""
    aged(folder / "a", 24, content)

    assert state_of(look_at(folder, **series)).problem == problem


def test_real_postgresql_dumps_are_told_from_broken_ones(
    folder: Path, postgres_dumps: dict[str, bytes]
) -> None:
    """All three formats pass whole and fail cut short; the custom one is read to its end."""
    found = {}
    for name, content in postgres_dumps.items():
        for cut in (0, 5000):
            aged(folder / "a", 24, content[: len(content) - cut])
            records = look_at(folder)
            checks = {scope: one.passed for scope, one in checks_of(records).items()}
            found[name, bool(cut)] = (state_of(records).problem, checks)
            (folder / "a").unlink()

    assert found["plain", False] == found["all", False] == ("", {"metadata": True})
    assert found["custom", False] == ("", {"metadata": True, "data": True})
    assert found["plain", True] == found["all", True] == ("truncated", {"metadata": False})
    assert found["custom", True][0] in {"truncated", "corrupt"}
    assert found["custom", True][1] == {"metadata": False, "data": False}


def test_a_cluster_dump_that_ends_after_one_of_its_databases_is_broken_off(
    folder: Path, postgres_dumps: dict[str, bytes]
) -> None:
    """pg_dumpall stops where one database fails; those before it end like whole dumps."""
    closing = b"-- PostgreSQL database dump complete\n--\n"
    content = postgres_dumps["all"]
    content = content[: content.rindex(closing) + len(closing)]
    aged(folder / "a.sql", 25, content)
    plain = state_of(look_at(folder)).problem
    aged(folder / "b.sql.gz", 24, gzip.compress(content))

    assert (plain, state_of(look_at(folder)).problem) == ("truncated", "truncated")


def test_a_check_that_sqlite_cannot_run_here_says_nothing(folder: Path) -> None:
    """Applications bring sort orders of their own; only the form is known then."""
    made = folder.parent / "own.db"
    with closing(sqlite3.connect(made)) as database:
        database.create_collation("OWN", lambda a, b: (a > b) - (a < b))
        database.execute("CREATE TABLE t (a TEXT COLLATE OWN UNIQUE)")
        database.executemany("INSERT INTO t VALUES (?)", [("a",), ("b",)])
        database.commit()
    aged(folder / "a.db", 24, made.read_bytes())
    records = look_at(folder)

    assert state_of(records).problem == ""
    assert {scope: one.passed for scope, one in checks_of(records).items()} == {"metadata": True}


def test_a_schema_that_is_no_text_is_damage(folder: Path) -> None:
    """Python cannot even read what SQLite complains of."""
    made = folder.parent / "schema.db"
    with closing(sqlite3.connect(made)) as database:
        database.execute("CREATE TABLE named (a)")
        database.commit()
    content = made.read_bytes().replace(b"CREATE TABLE named", b"CREATE TABLX \xe1\xff\xfe\xfd\xfc")
    aged(folder / "a.db", 24, content)

    assert state_of(look_at(folder)).problem == "corrupt"


def test_a_database_file_is_checked_by_sqlite_itself(folder: Path) -> None:
    """A whole one passes, one cut short or with a page overwritten does not."""
    whole = folder.parent / "whole.db"
    with closing(sqlite3.connect(whole)) as database:
        database.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
        database.executemany(
            "INSERT INTO t (b) VALUES (?)", [(f"row {n}" * 20,) for n in range(500)]
        )
        database.commit()
    content = whole.read_bytes()
    bad = content[:8192] + b"\xff" * 4096 + content[12288:]
    problems = []
    for number, one in enumerate((content, content[:-4096], bad)):
        aged(folder / f"{number}.db", 24 - number, one)
        problems.append(state_of(look_at(folder)).problem)

    assert problems == ["", "truncated", "corrupt"]
    assert sorted(path.name for path in folder.iterdir()) == ["0.db", "1.db", "2.db"]


def test_a_zip_file_without_its_directory_is_broken_off(folder: Path) -> None:
    """The directory is written last."""
    (folder.parent / "content").write_bytes(os.urandom(5000))
    made = folder.parent / "made.zip"
    with zipfile.ZipFile(made, "w") as archive:
        archive.write(folder.parent / "content", "content")
    content = made.read_bytes()
    aged(folder / "a.zip", 25, content)
    whole = state_of(look_at(folder, kind="zip")).problem
    aged(folder / "b.zip", 24, content[:-60])

    assert (whole, state_of(look_at(folder, kind="zip")).problem) == ("", "truncated")


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


def test_a_restore_tool_that_hangs_proves_nothing(
    folder: Path, postgres_dumps: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """pg_restore is ended with the time; a missing or older one leaves the content unread."""
    tools = folder.parent / "tools"
    tools.mkdir()
    aged(folder / "a", 24, postgres_dumps["custom"])
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    script(tools / "pg_restore", "exec sleep 60")
    hung = look_at(folder, seconds=1)
    script(tools / "pg_restore", "echo unsupported version '(1.99)' in file header >&2; exit 1")
    older = look_at(folder, seconds=30)

    assert checks_of(hung)["data"].failure == "deadline"
    assert set(checks_of(older)) == {"metadata"}


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


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x1f\x8b\x08\0", b"PK\x05\x06", b"PGDMP"]))
def test_garbage_is_judged_without_a_fall(data: bytes, magic: bytes) -> None:
    """Whatever the bytes, the answer is a code."""
    file = io.BytesIO(magic + data)
    head, tail = edges(file)

    assert text_problem(head, tail) in {"", "truncated"}
    assert gzip_problem(file, lambda: 1.0) in {"", "truncated", "corrupt"}
    assert zip_problem(file) in {"", "truncated"}
    assert sqlite_problem(head, len(magic + data)) in {"", "truncated"}
    assert is_blank(head) in {True, False}


def test_unpacking_stops_with_the_time() -> None:
    """A bomb costs what it is given and no more."""
    with pytest.raises(NotInTime):
        gzip_problem(io.BytesIO(squeezed("x")), lambda: 0.0)
