"""Stores to test on: every test that takes ``store_url`` runs on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.postgres import new_database, running_postgres
from sqlalchemy import Engine

from tramgac_collector.store.engine import open_engine, upgrade


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Socket folder of one PostgreSQL server for the whole session."""
    with running_postgres() as folder:
        yield folder


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return new_database(request.getfixturevalue("postgres"))


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    """An up-to-date store."""
    upgrade(store_url)
    engine = open_engine(store_url)
    yield engine
    engine.dispose()
