"""What every part of the judge is given at each turn."""

from dataclasses import dataclass

from sqlalchemy import Engine

from tramgac_collector.config import Config
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.judge.feed import Changed, FactsFeed


@dataclass(frozen=True, slots=True)
class Tick:
    """One turn.

    Attributes:
        started_ms: When this process began: what was silent before is not silent now.
        changed: What is new since the last turn.
        generation: Raised by every administrative change.
        failing: Parts of the judge that do not work; `facts` where ingest writes none.
    """

    engine: Engine
    config: Config
    now_ms: int
    started_ms: int
    inventory: Inventory
    facts: FactsFeed
    changed: Changed
    generation: int = 0
    failing: tuple[str, ...] = ()
