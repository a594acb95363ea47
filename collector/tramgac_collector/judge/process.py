"""One turn of the judge: look at what changed, then let each part do its step."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy import Engine

from tramgac_collector.config import Config
from tramgac_collector.inventory.load import parse_inventory
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.inventory.versions import newest
from tramgac_collector.judge.feed import Changed, FactsFeed
from tramgac_collector.judge.health import Health, Incomplete, noted_ms
from tramgac_collector.judge.tick import Tick
from tramgac_collector.store.engine import read_generation, reading
from tramgac_proto.configfile import ConfigError

Part = Callable[[Tick], None]

# The system's clock was set, or the machine slept.
_STEP_MS = 30_000

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Lane:
    """One part, and what it has not been told of yet.

    Attributes:
        news: Kept until the part has done a step with it: what is lost would be silence.
    """

    part: Part
    name: str
    news: Changed = field(default_factory=lambda: defaultdict(set))

    def tell(self, changed: Changed) -> None:
        """Add to what it must be told."""
        for facility, names in changed.items():
            self.news[facility] |= names


def _name_of(part: Part) -> str:
    """Of the class it is, or is a method of."""
    return type(getattr(part, "__self__", part)).__name__


class Judge:
    """Keeps facts and inventory, and hands each turn to the parts, in order.

    Args:
        engine: The store.
        config: What is in force.
        now_ms: The centre's clock.
        parts: What is done each turn, in order; telling people is the last.
        steady_ms: A clock that nobody sets; without one, a clock that was set is not noticed.
    """

    def __init__(
        self,
        engine: Engine,
        config: Config,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        *,
        parts: tuple[Part, ...],
        steady_ms: Callable[[], int] | None = None,
    ) -> None:
        self._engine = engine
        self._config = config
        self._now_ms = now_ms
        self._steady_ms = steady_ms
        self._set_ms = self._ahead_ms()
        self._inventory = Inventory()
        self._generation = -1
        self._version = 0
        self._lanes = [_Lane(part, _name_of(part)) for part in parts]
        self._begin()

    def _begin(self) -> None:
        self._started_ms = self._now_ms()
        self._facts = FactsFeed()
        self.health = Health(self._started_ms)

    def _ahead_ms(self) -> int:
        return 0 if self._steady_ms is None else self._now_ms() - self._steady_ms()

    def _notice_set_clock(self) -> None:
        """Begin anew where the clock was set: what was timed by it means nothing any more."""
        ahead = self._ahead_ms()
        if abs(ahead - self._set_ms) >= _STEP_MS:
            log.warning(
                "the clock moved by %d s; judging begins anew", (ahead - self._set_ms) / 1e3
            )
            self._begin()
        self._set_ms = ahead

    def turn(self) -> None:
        """Look once, then let every part do its step; a fault of one does not stop the others."""
        self._notice_set_clock()
        now_ms = self._now_ms()
        with reading(self._engine) as connection:
            changed = self._facts.look(connection, now_ms)
        for lane in self._lanes:
            lane.tell(changed)
        self._follow()
        self.health.came_in(noted_ms(self._facts, self._inventory), now_ms)
        for lane in self._lanes:
            self._step(lane, now_ms)
        if self.health.due(now_ms):
            with self._engine.begin() as connection:
                self.health.store(connection, now_ms)

    def _step(self, lane: _Lane, now_ms: int) -> None:
        tick = Tick(
            engine=self._engine,
            config=self._config,
            now_ms=now_ms,
            started_ms=self._started_ms,
            inventory=self._inventory,
            facts=self._facts,
            changed=lane.news,
            generation=self._generation,
            failing=tuple(self.health.failing(now_ms)),
        )
        began, well = time.perf_counter(), False
        try:
            lane.part(tick)
            well, lane.news = True, defaultdict(set)
        except Incomplete as error:
            # It keeps by itself what it owes.
            lane.news = defaultdict(set)
            log.warning("%s: %s", lane.name, error)
        except Exception:  # the next turn comes; the other parts must not wait for it
            log.exception("%s failed", lane.name)
        self.health.ran(lane.name, now_ms, time.perf_counter() - began, well=well)

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
