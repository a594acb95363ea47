"""Whether a dump is what it should be: whole, of its kind, and read to its end."""

import gzip
import io
import os
import sqlite3
import subprocess
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from helpers.backup import script
from helpers.dumping import MYSQL, MYSQL_END, aged, look_at, squeezed
from helpers.looking import checks_of, state_of
from helpers.postgres import new_database, running_postgres
from hypothesis import given
from hypothesis import strategies as st

from tramgac_agent.sources.dumpfiles import (
    NotInTime,
    edges,
    gzip_problem,
    is_blank,
    sqlite_problem,
    text_problem,
    zip_problem,
)


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
