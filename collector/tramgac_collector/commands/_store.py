"""The store as a command uses it: brought up to date, one transaction, let go again."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from tramgac_collector.config import Config
from tramgac_collector.store.engine import open_engine, reading, upgrade


@contextmanager
def looking(config: Config) -> Iterator[Connection]:
    """Read only; a running collector does not notice."""
    engine = _open(config)
    try:
        with reading(engine) as connection:
            yield connection
    finally:
        engine.dispose()


@contextmanager
def changing(config: Config) -> Iterator[Connection]:
    """One transaction, committed at the end."""
    engine = _open(config)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _open(config: Config) -> Engine:
    config.state_dir.mkdir(parents=True, exist_ok=True)
    upgrade(config.store_url)
    return open_engine(config.store_url)
