"""One turn of the judge: look at what changed, then let each part do its step."""

import logging
import time
from collections.abc import Callable

from sqlalchemy import Engine

from tramgac_collector.config import Config
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.versions import newest
from tramgac_collector.judge.feed import FactsFeed
from tramgac_collector.judge.tick import Tick
from tramgac_collector.store.engine import read_generation, reading
from tramgac_proto.configfile import ConfigError

Part = Callable[[Tick], None]

log = logging.getLogger(__name__)


class Judge:
    """Keeps facts and inventory, and hands each turn to the parts, in order.

    Args:
        engine: The store.
        config: What is in force.
        now_ms: The centre's clock.
        parts: What is done each turn, in order.
    """

    def __init__(
        self,
        engine: Engine,
        config: Config,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        *,
        parts: tuple[Part, ...],
    ) -> None:
        self._engine = engine
        self._config = config
        self._now_ms = now_ms
        self._started_ms = now_ms()
        self._facts = FactsFeed()
        self._inventory = Inventory()
        self._generation = -1
        self._version = 0
        self._parts = parts

    def turn(self) -> None:
        """Look once, then let every part do its step; a fault of one does not stop the others."""
        now_ms = self._now_ms()
        with reading(self._engine) as connection:
            changed = self._facts.look(connection, now_ms)
        self._follow()
        tick = Tick(
            engine=self._engine,
            config=self._config,
            now_ms=now_ms,
            started_ms=self._started_ms,
            inventory=self._inventory,
            facts=self._facts,
            changed=changed,
            generation=self._generation,
        )
        for part in self._parts:
            try:
                part(tick)
            except Exception:  # the next turn comes; the other parts must not wait for it
                log.exception("%s failed", getattr(part, "__qualname__", part))

    def _follow(self) -> None:
        """Take over what an administrator changed; an unusable inventory changes nothing."""
        with reading(self._engine) as connection:
            generation = read_generation(connection)
            if generation == self._generation:
                return
            version = newest(connection)
        self._generation = generation
        if version is None or version.number == self._version:
            return
        self._version = version.number
        try:
            self._inventory = parse_inventory(version.document, f"inventory {version.number}")
        except ConfigError:
            log.exception("the inventory in the store cannot be used; the old one stays")
