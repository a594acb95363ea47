"""A judge on a real store with a clock to hold, and a ledger that writes to the same store."""

from pathlib import Path
from typing import Any, Self

from helpers.evidence import NOW
from sqlalchemy import Engine, insert, text

from tramgac_collector.config import Config
from tramgac_collector.facts.ledger import FactLedger
from tramgac_collector.identity.keyring import wall_ms
from tramgac_collector.inventory.versions import import_inventory
from tramgac_collector.judge.process import Judge
from tramgac_collector.judge.rulebook import RulesPart
from tramgac_collector.store import schema
from tramgac_collector.store.engine import bump_generation, open_engine, upgrade


class JudgedStore:
    """Time stands still until ``at`` or ``wait`` moves it."""

    def __init__(self, folder: Path, inventory: str, url: str = "") -> None:
        self.url = url or f"sqlite:///{folder / 'store.db'}"
        upgrade(self.url)
        self.engine: Engine = open_engine(self.url)
        self.folder = folder
        self.now_ms = NOW
        self.facts = FactLedger()
        self.declare(inventory)
        self.judge = self.new_judge()

    @classmethod
    def just_now(cls, folder: Path, inventory: str) -> Self:
        """One that was judged at this moment, with a configuration ``c.toml`` for commands."""
        store = cls(folder, inventory)
        store.now_ms = wall_ms()
        store.judge = store.new_judge()
        store.judge.turn()
        (folder / "c.toml").write_text(f'[collector]\nstate_dir = "{folder}"\n')
        return store

    def new_judge(self) -> Judge:
        """As after a restart of the process; rules only."""
        return Judge(self.engine, Config(), now_ms=lambda: self.now_ms, parts=(RulesPart(),))

    def declare(self, inventory: str) -> None:
        """Put an inventory into force."""
        path = self.folder / "inventory.yml"
        path.write_text(inventory)
        with self.engine.begin() as connection:
            import_inventory(connection, path)

    def turn(self, minutes: float = 0) -> None:
        """Let time pass, write what the ledger was told, judge."""
        self.now_ms += round(minutes * 60_000)
        with self.engine.begin() as connection:
            self.facts.settle()
            for step in self.facts.take_writes(self.now_ms):
                step.store(connection)
        self.judge.turn()

    def result(self, rule: str, facility: str = "bvdk") -> Any:
        """The stored row of a rule."""
        query = text("SELECT * FROM rule_results WHERE facility = :f AND rule = :r")
        with self.engine.connect() as connection:
            return connection.execute(query, {"f": facility, "r": rule}).one()

    def said(self, rule: str, facility: str = "bvdk") -> tuple[str, str]:
        """Status and reason."""
        row = self.result(rule, facility)
        return row.status, row.reason

    def count(self, table: str) -> int:
        """Rows of a table."""
        with self.engine.connect() as connection:
            return int(connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608

    def add(self, table: str, **values: Any) -> None:
        """A row an administrator entered."""
        with self.engine.begin() as connection:
            connection.execute(insert(schema.metadata.tables[table]).values(**values))
            bump_generation(connection)
