"""What the page reads from the store, and nothing else."""

from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from tramgac_collector.identity.registry import RegisteredAgent, read_agents
from tramgac_collector.inventory.load import InventoryError, parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.versions import newest
from tramgac_collector.store.engine import open_engine, reading


class StoreSilentError(Exception):
    """The store cannot be read now; it may be able to later."""


class Picture(NamedTuple):
    """The store at one moment."""

    inventory: Inventory
    agents: list[RegisteredAgent]


def _only_read_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401
    connection.execute("PRAGMA query_only=ON")


def _only_read_postgresql(connection: Any, _record: object) -> None:  # noqa: ANN401
    connection.read_only = True


class StoreReader:
    """Reads through connections that cannot write.

    Args:
        url: SQLAlchemy URL.
    """

    def __init__(self, url: str) -> None:
        self._engine: Engine = open_engine(url)
        name = self._engine.dialect.name
        guard = _only_read_sqlite if name == "sqlite" else _only_read_postgresql
        event.listen(self._engine, "connect", guard)
        database = make_url(url).database
        # SQLite would make an empty file of a name that is not there yet.
        self._file = Path(database) if name == "sqlite" and database else None
        self._version = 0
        self._inventory = Inventory()

    def read(self) -> Picture:
        """Inventory and agents now.

        Raises:
            StoreSilentError: There is no store, or it does not answer.
        """
        if self._file is not None and not self._file.exists():
            raise StoreSilentError(f"{self._file}: no such file")
        try:
            with reading(self._engine) as connection:
                version = newest(connection)
                agents = read_agents(connection)
        except SQLAlchemyError as error:
            raise StoreSilentError(str(error)) from error
        if version is not None and version.number != self._version:
            try:
                self._inventory = parse_inventory(version.document, "inventory in force")
            except InventoryError as error:
                raise StoreSilentError(str(error)) from error
            self._version = version.number
        return Picture(self._inventory, agents)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
