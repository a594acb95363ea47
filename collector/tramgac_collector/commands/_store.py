"""The store as a command uses it: brought up to date, one transaction, let go again."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from tramgac_collector.config import Config
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.versions import newest
from tramgac_collector.store.engine import open_engine, reading, upgrade
from tramgac_proto.commandline import CommandFailed
from tramgac_proto.privatefile import private_folder


@contextmanager
def looking(config: Config) -> Iterator[Connection]:
    """Read only; a running collector does not notice."""
    with _store(config) as engine, reading(engine) as connection:
        yield connection


@contextmanager
def changing(config: Config) -> Iterator[Connection]:
    """One transaction, committed at the end."""
    with _store(config) as engine, engine.begin() as connection:
        yield connection


@contextmanager
def _store(config: Config) -> Iterator[Engine]:
    """The store, up to date.

    Raises:
        CommandFailed: It does not answer; in the database's own words.
    """
    try:
        bring_up_to_date(config)
        engine = open_engine(config.store_url)
        try:
            yield engine
        finally:
            engine.dispose()
    except SQLAlchemyError as error:
        text = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise CommandFailed(f"the store does not answer: {text}") from error


def bring_up_to_date(config: Config) -> None:
    """Make the state folder and apply every missing revision."""
    private_folder(config.state_dir)
    upgrade(config.store_url)


def inventory_in_force(connection: Connection) -> Inventory:
    """The newest inventory of the store; an empty one if there is none."""
    version = newest(connection)
    if version is None:
        return Inventory()
    return parse_inventory(version.document, f"inventory {version.number} in force")
