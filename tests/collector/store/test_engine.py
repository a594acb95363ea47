"""Opening and upgrading the store."""

import threading

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, func, insert, select

from tramgac_collector.store.engine import (
    bump_generation,
    open_engine,
    read_generation,
    reading,
    upgrade,
)
from tramgac_collector.store.schema import audit, metadata


def test_migrated_schema_is_the_declared_one(engine: Engine) -> None:
    """Migrations from nothing end at exactly the tables the code declares."""
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_upgrade_twice_changes_nothing(store_url: str) -> None:
    """An upgrade of an up-to-date store, as at every start, is harmless."""
    upgrade(store_url)
    engine = open_engine(store_url)
    with engine.begin() as connection:
        bump_generation(connection)
    upgrade(store_url)
    with reading(engine) as connection:
        assert read_generation(connection) == 1
    engine.dispose()


def test_two_upgrades_at_once(store_url: str) -> None:
    """Two processes that start together on an empty store both succeed."""
    errors: list[Exception] = []

    def work() -> None:
        try:
            upgrade(store_url)
        except Exception as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_sqlite_is_durable_and_checks_references(tmp_path: object) -> None:
    """SQLite runs with WAL, a full sync of every commit and foreign keys."""
    engine = open_engine(f"sqlite:///{tmp_path}/store.db")
    with engine.begin() as connection:
        pragma = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    engine.dispose()
    assert pragma == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 10_000,
    }


def test_writers_queue_instead_of_failing(engine: Engine) -> None:
    """Four threads that read and then write in one transaction all get through."""
    count = audit.select().with_only_columns(func.count())

    def work(actor: str) -> None:
        for _ in range(10):
            with engine.begin() as connection:
                connection.scalar(count)
                connection.execute(
                    insert(audit).values(at_ms=0, actor=actor, action="a", object="o")
                )

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        assert connection.scalar(select(func.count()).select_from(audit)) == 40
