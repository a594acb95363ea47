"""Opening the store and bringing its schema up to date, on SQLite and on PostgreSQL."""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from tramgac_collector.store.schema import settings
from tramgac_proto.configfile import ConfigError
from tramgac_proto.privatefile import follow_owner

BUSY_TIMEOUT_SECONDS = 10.0
_PATIENCE = {
    "connect_timeout": "5",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
}
_READ_ONLY = "tramgac_read_only"
_GENERATION = "generation"
# Two processes that upgrade one PostgreSQL at once must queue; any constant will do.
_UPGRADE_LOCK = 0x7472616D


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # SQLAlchemy says BEGIN itself (see _begin): the driver's own habit starts a
    # transaction only at the first write, which then may fail without waiting.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "auto_vacuum=INCREMENTAL",  # only a new file takes it
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "cache_size=-65536",
        # Undo logs of single statements: not worth a file each.
        "temp_store=MEMORY",
        "wal_autocheckpoint=4000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def open_engine(url: str) -> Engine:
    """Open the store named by a SQLAlchemy URL; nothing is connected yet.

    SQLite: WAL, ``synchronous=FULL``, foreign keys, and a write lock taken when the
    transaction begins, so that writers queue (10 s) instead of failing half-way.
    ``postgresql://`` means psycopg.

    Raises:
        ConfigError: The URL cannot be used. It is not repeated: it may hold a password.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, ValueError):
        backend = ""
    if backend == "sqlite":
        return _sqlite(parsed)
    if backend != "postgresql":
        raise ConfigError("[store] url: write sqlite:////PATH or postgresql://USER@HOST/DATABASE")
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    # A server that is gone without a word is noticed in half a minute, not in two hours.
    waits = {name: text for name, text in _PATIENCE.items() if name not in parsed.query}
    return create_engine(parsed, pool_pre_ping=True, connect_args=waits)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for reading only, which on SQLite never waits for the writer."""
    with engine.connect().execution_options(**{_READ_ONLY: True}) as connection:
        yield connection


def _make_private(url: URL) -> None:
    """Make a SQLite file that others cannot read, whoever runs the first command."""
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return
    path = Path(str(url.database))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    except OSError as error:
        raise ConfigError(f"[store] {path}: cannot be made: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        follow_owner(file.fileno(), path.parent)


def upgrade(url: str) -> None:
    """Bring the schema to the newest revision; safe to call at every start."""
    # Before the import: it says how it works at once, and at every command again.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    from alembic import command  # noqa: PLC0415 - heavy, and needed once per start
    from alembic.config import Config  # noqa: PLC0415

    engine = open_engine(url)
    _make_private(engine.url)
    config = Config()
    config.set_main_option("script_location", "tramgac_collector.store:migrations")
    config.set_main_option("path_separator", "os")
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def read_generation(connection: Connection) -> int:
    """Return the number of administrative changes so far."""
    query = select(settings.c.value).where(settings.c.key == _GENERATION)
    return int(connection.scalar(query) or 0)


def bump_generation(connection: Connection) -> None:
    """Tell running processes, within a second, that agents, tokens or inventory changed."""
    value: Any = str(read_generation(connection) + 1)
    changed = connection.execute(
        update(settings).where(settings.c.key == _GENERATION).values(value=value)
    )
    if changed.rowcount == 0:
        connection.execute(insert(settings).values(key=_GENERATION, value=value))
