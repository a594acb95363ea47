"""The SQLite file: how it is opened, what is in it, and what its errors mean."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

from tramgac_agent.host.sqlitename import sqlite_name
from tramgac_agent.outbox.model import State

LAYOUT = 1

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE records (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  wall_ms INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  stream INTEGER NOT NULL,
  crc INTEGER NOT NULL,
  payload BLOB NOT NULL
);
CREATE INDEX records_stream ON records (stream, kind, wall_ms);
CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL, labels TEXT NOT NULL,
  UNIQUE (name, labels));
CREATE TABLE tokens (id INTEGER PRIMARY KEY, source TEXT NOT NULL, token TEXT NOT NULL,
  UNIQUE (source, token));
CREATE TABLE quarantine (seq INTEGER NOT NULL, epoch TEXT NOT NULL, wall_ms INTEGER NOT NULL,
  code TEXT NOT NULL, payload BLOB NOT NULL);
"""

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # The record is on the platter when append returns; NORMAL may lose the last minutes.
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 256",
    "PRAGMA journal_size_limit = 1048576",
    "PRAGMA cache_size = -512",
    "PRAGMA temp_store = MEMORY",
)


class DamagedError(sqlite3.DatabaseError):
    """The file is not an outbox, or not a whole one."""


def connect(path: Path | str) -> sqlite3.Connection:
    """Open an outbox for writing and create its tables if it is new.

    Raises:
        sqlite3.Error: See ``trouble_of``.
    """
    connection = sqlite3.connect(
        path, timeout=10.0, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    try:
        # Only effective before the first table: freed pages can be given back to the disk.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_readonly(path: Path) -> sqlite3.Connection:
    """Open the outbox of a running agent to look at it; nothing is ever written.

    Raises:
        sqlite3.Error: No such file, or not readable.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, timeout=5.0, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM meta").fetchone()
    except sqlite3.OperationalError:
        # A read-only disk: nobody writes, so the file can be taken as it lies.
        connection.close()
        connection = sqlite3.connect(f"{uri}&immutable=1", uri=True, isolation_level=None)
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if not tables:
            for statement in _SCHEMA.split(";\n"):
                connection.execute(statement)
            put_meta(connection, "layout", LAYOUT)
            put_meta(connection, "epoch", uuid4().hex)
            put_meta(connection, "settled", 0)
            put_meta(connection, "sent", 0)
    try:
        layout = int(get_meta(connection, "layout"))
        get_meta(connection, "epoch")
        connection.execute("SELECT seq, crc, payload FROM records ORDER BY seq LIMIT 1").fetchone()
        connection.execute("SELECT max(id) FROM tokens").fetchone()
    except (KeyError, ValueError, sqlite3.OperationalError) as error:
        if isinstance(error, sqlite3.OperationalError) and trouble_of(error) != "corrupt":
            raise
        raise DamagedError(f"not an outbox: {error}") from error
    if layout > LAYOUT:
        raise DamagedError(f"written by a newer agent (layout {layout})")


def waiting_in(path: Path) -> int:
    """How many numbers of a damaged outbox were given and not settled.

    At least 1 when it cannot be told: a loss of unknown size must not pass for none.
    """
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            last, settled = connection.execute(
                "SELECT (SELECT seq FROM sqlite_sequence WHERE name = 'records'),"
                " (SELECT value FROM meta WHERE key = 'settled')"
            ).fetchone()
            return max(0, int(last or 0) - int(settled))
    except (sqlite3.Error, TypeError, ValueError, OverflowError):
        return 1


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; the write lock is taken at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # SQLite rolls back by itself on a full disk or an I/O error.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def get_meta(connection: sqlite3.Connection, key: str) -> str:
    """Value of one line of ``meta``.

    Raises:
        KeyError: No such line.
    """
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise KeyError(key)
    return str(row[0])


def put_meta(connection: sqlite3.Connection, key: str, value: str | int) -> None:
    """Set one line of ``meta``."""
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, str(value)))


def tokens(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    """Every token that is remembered, with its source, oldest first."""
    rows = connection.execute("SELECT source, token FROM tokens ORDER BY id")
    return [(source, token) for source, token in rows]


def live_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of all pages in use; freed pages do not count, so deleting shows at once."""
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    return int(size * (pages - free))


def trouble_of(error: sqlite3.Error, folder: Path | None = None) -> State:
    """Which of the three troubles an error is: ``corrupt``, ``disk_full`` or ``readonly``.

    An I/O error is a full disk when ``folder`` has no space left, since SQLite reports a
    short write of its index file that way.
    """
    name = sqlite_name(error)
    if isinstance(error, DamagedError) or name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return "corrupt"
    if name == "SQLITE_ERROR" and "no such" in str(error):  # table or column: another's file
        return "corrupt"
    if name == "SQLITE_FULL":
        return "disk_full"
    if name.startswith("SQLITE_IOERR") and folder is not None and free_bytes(folder) < LOW_BYTES:
        return "disk_full"
    return "readonly"


LOW_BYTES = 64 * 1024


def free_bytes(folder: Path) -> int:
    """Bytes an unprivileged user may still write below ``folder``; 0 when it cannot be asked."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0
