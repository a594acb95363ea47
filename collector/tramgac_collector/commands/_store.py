"""The store as a command uses it: brought up to date, one transaction, let go again."""

from argparse import ArgumentTypeError
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

_LARGEST = 2**63 - 1


def row_number(text: str) -> int:
    """Number of a row as somebody types it: more than 63 bits no store can look for.

    Raises:
        ArgumentTypeError: It is none.
    """
    digits = text.isascii() and text.isdecimal() and len(text) <= len(str(_LARGEST))
    if not digits or not 0 < int(text) <= _LARGEST:
        raise ArgumentTypeError(f"`{text[:32]}` is no number of a row: 1, 2, ...")
    return int(text)


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
