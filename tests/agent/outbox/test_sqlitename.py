"""SQLite's names of its errors, also where Python does not pass them on."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tramgac_agent.host.sqlitename import name_by_words, sqlite_name


def filled(folder: Path) -> Path:
    path = folder / "some.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (x)")
        database.executemany("INSERT INTO t VALUES (?)", [("x" * 500,)] * 500)
        database.commit()
    return path


def ask(address: str, *orders: str) -> None:
    with closing(sqlite3.connect(address, uri=True, timeout=0)) as database:
        for order in orders:
            database.execute(order).fetchall()


def corrupt(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    ask(f"file:{path}", "SELECT sum(length(x)) FROM t")


def schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.executescript("PRAGMA writable_schema=1; UPDATE sqlite_master SET sql='CREATE no'")
    ask(f"file:{path}", "SELECT * FROM t")


def no_database(path: Path) -> None:
    path.write_bytes(b"no such thing, but long enough " * 200)
    ask(f"file:{path}", "SELECT * FROM t")


def full(path: Path) -> None:
    ask(f"file:{path}", "PRAGMA max_page_count=1", "INSERT INTO t SELECT * FROM t")


def locked(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        ask(f"file:{path}", "INSERT INTO t VALUES (1)")


WAYS: list[tuple[str, Callable[[Path], None]]] = [
    ("SQLITE_CORRUPT", corrupt),
    ("SQLITE_CORRUPT", schema),
    ("SQLITE_NOTADB", no_database),
    ("SQLITE_FULL", full),
    ("SQLITE_BUSY", locked),
    ("SQLITE_READONLY", lambda path: ask(f"file:{path}?mode=ro", "DELETE FROM t")),
    ("SQLITE_CANTOPEN", lambda path: ask(f"file:{path.parent}", "SELECT 1")),
    ("SQLITE_ERROR", lambda path: ask(f"file:{path}", "SELECT * FROM malformed")),
    ("SQLITE_ERROR", lambda path: ask(f"file:{path}", "SELECT x FROM t ORDER BY x COLLATE vi")),
]


@pytest.mark.parametrize(("name", "spoil"), WAYS)
def test_words_tell_what_the_name_tells(
    name: str, spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    """A damaged file must not pass for one that cannot be written, on no Python."""
    path = filled(tmp_path)

    with pytest.raises(sqlite3.Error) as raised:
        spoil(path)

    assert name_by_words(raised.value) == name
    assert sqlite_name(raised.value).startswith(name)


def test_an_error_of_python_itself_has_no_such_name() -> None:
    """A closed database is a defect of ours, not of the file."""
    database = sqlite3.connect(":memory:")
    database.close()
    with pytest.raises(sqlite3.ProgrammingError) as raised:
        database.execute("SELECT 1")

    assert name_by_words(raised.value) == ""
    assert sqlite_name(raised.value) == ""
