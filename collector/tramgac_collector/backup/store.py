"""Copying the store out and in: SQLite by its online backup, PostgreSQL by its own tools."""

import os
import sqlite3
import subprocess
from pathlib import Path

from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

SQLITE_FILE = "store.db"
POSTGRESQL_FILE = "store.pgdump"
_TIMEOUT_SECONDS = 6 * 3600.0


class StoreCopyError(Exception):
    """The store could not be copied; the text says why."""


def is_sqlite(url: str) -> bool:
    """Whether the store is a file."""
    return make_url(url).get_backend_name() == "sqlite"


def sqlite_path(url: str) -> Path:
    """File of a SQLite store.

    Raises:
        StoreCopyError: It has none.
    """
    database = make_url(url).database
    if not database or database == ":memory:":
        raise StoreCopyError("the store is not a file")
    return Path(database)


def _environment(url: URL) -> dict[str, str]:
    """Libpq's variables: a password in an argument could be read by every user."""
    found = {
        "PGHOST": url.host or "",
        "PGPORT": str(url.port or ""),
        "PGUSER": url.username or "",
        "PGPASSWORD": str(url.password or ""),
        "PGDATABASE": url.database or "",
    }
    found |= {f"PG{name.upper()}": str(value) for name, value in url.query.items()}
    keep = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return keep | {name: value for name, value in found.items() if value}


def _run(command: list[str], url: str) -> None:
    try:
        done = subprocess.run(
            command,
            env=_environment(make_url(url)),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise StoreCopyError(
            f"{command[0]} is not installed (package postgresql-client)"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise StoreCopyError(f"{command[0]} took longer than 6 h") from error
    if done.returncode != 0:
        raise StoreCopyError(f"{command[0]}: {done.stderr.strip()[-500:]}")


def _copy_sqlite(path: Path, target: Path) -> None:
    if not path.exists():
        raise StoreCopyError(f"{path}: no store here yet")
    source, copy = sqlite3.connect(path, timeout=30), sqlite3.connect(target)
    try:
        # In one step: in WAL mode it reads one snapshot and holds nobody up, while a copy in
        # several steps starts again whenever the running collector commits between two.
        source.backup(copy)
    finally:
        copy.close()
        source.close()


def copy_out(url: str, folder: Path) -> Path:
    """Write a consistent copy of a store that may be in use.

    Returns:
        ``store.db`` or ``store.pgdump`` in ``folder``.

    Raises:
        StoreCopyError: With the tool's own words.
    """
    if is_sqlite(url):
        target = folder / SQLITE_FILE
        try:
            _copy_sqlite(sqlite_path(url), target)
        except sqlite3.Error as error:
            raise StoreCopyError(f"SQLite: {error}") from error
        return target
    target = folder / POSTGRESQL_FILE
    _run(["pg_dump", "--format=custom", "--no-owner", f"--file={target}"], url)
    return target


def holds_tables(url: str) -> bool:
    """Whether a PostgreSQL store has anything that a restore would replace.

    Raises:
        StoreCopyError: It cannot be asked.
    """
    engine = create_engine(url)
    try:
        return bool(inspect(engine).get_table_names())
    except SQLAlchemyError as error:
        raise StoreCopyError(
            f"the store cannot be asked: {getattr(error, 'orig', error)}"
        ) from error
    finally:
        engine.dispose()


def copy_in_postgresql(url: str, dump: Path) -> None:
    """Replace the tables of a PostgreSQL store in one transaction.

    Raises:
        StoreCopyError: Nothing was changed.
    """
    options = ["--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error"]
    database = make_url(url).database or ""
    _run(["pg_restore", *options, f"--dbname={database}", str(dump)], url)
