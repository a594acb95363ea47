"""What the page reads from the store, and nothing else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from tramgac_collector.backups.records import evidence_of, get_drill, numbers_of
from tramgac_collector.backups.rows import BackupRow, list_rows
from tramgac_collector.facts.stored import StoredFacts
from tramgac_collector.identity.registry import RegisteredAgent, read_agents
from tramgac_collector.inventory.load import InventoryError, parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.versions import newest
from tramgac_collector.rules.library import Library
from tramgac_collector.rules.province import library_of
from tramgac_collector.rules.stored import Stored, read_results
from tramgac_collector.store.engine import open_engine, reading
from tramgac_collector.web.verdicts import VerdictCache, Verdicts


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
        self._verdicts = VerdictCache(self._judge)

    def read(self) -> Picture:
        """Inventory and agents now.

        Raises:
            StoreSilentError: There is no store, or it does not answer.
        """
        with self._reading() as connection:
            return Picture(self._in_force(connection), read_agents(connection))

    def backups(
        self, now_ms: int, facility: str = "", may_see: Callable[[str], bool] = lambda _: True
    ) -> Verdicts:
        """Backup series of one facility or of all, worst first, with their age.

        Raises:
            StoreSilentError: There is no store, or it does not answer.
        """
        picture = self.read()
        known = {one.id for one in picture.inventory.facilities}
        known |= {one.owner.facility for one in picture.agents}
        self._verdicts.keep_only(sorted(known))
        asked = [one for one in sorted(known) if facility in {"", one} and may_see(one)]
        return self._verdicts.of(asked, now_ms)

    def _judge(self, facility: str, now_ms: int) -> list[BackupRow]:
        with self._reading() as connection:
            facts = StoredFacts.load(connection, facility)
            return list_rows(facts, self._in_force(connection), now_ms, facility)

    def library(self) -> Library:
        """The packs in force, the province's own among them.

        Raises:
            StoreSilentError: There is no store, or it does not answer.
        """
        with self._reading() as connection:
            return library_of(connection)

    def results(self, facility: str) -> list[Stored]:
        """What the judge found of one facility, worst first.

        Raises:
            StoreSilentError: There is no store, or it does not answer.
        """
        with self._reading() as connection:
            return read_results(connection, facility)

    def drill_numbers(self, ended: dict[str, int]) -> dict[str, int]:
        """Numbers of the drills that ended then, by series.

        Raises:
            StoreSilentError: There is no store, or it does not answer.
        """
        with self._reading() as connection:
            return numbers_of(connection, ended)

    def drill(self, number: int) -> dict[str, Any] | None:
        """The evidence record of a drill.

        Raises:
            StoreSilentError: There is no store, or it does not answer.
        """
        with self._reading() as connection:
            found = get_drill(connection, number)
            return None if found is None else evidence_of(connection, found)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        if self._file is not None and not self._file.exists():
            raise StoreSilentError(f"{self._file}: no such file")
        try:
            with reading(self._engine) as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreSilentError(str(error)) from error

    def _in_force(self, connection: Connection) -> Inventory:
        version = newest(connection)
        if version is not None and version.number != self._version:
            try:
                self._inventory = parse_inventory(version.document, "inventory in force")
            except InventoryError as error:
                raise StoreSilentError(str(error)) from error
            self._version = version.number
        return self._inventory

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
