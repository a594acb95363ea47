"""Everything of incidents between the facts and the changes: no store, no clock of its own."""

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from tramgac_collector.backups.copies import Judged
from tramgac_collector.backups.declared import Declarations
from tramgac_collector.backups.judging import judge_all
from tramgac_collector.facts import stored
from tramgac_collector.facts.backups import BACKUP_KINDS, LAST_RUN, REPOSITORY, RUN_STARTED
from tramgac_collector.incidents import board
from tramgac_collector.incidents.codes import MINUTE, SECOND
from tramgac_collector.incidents.engine import step
from tramgac_collector.incidents.model import Change, Incident, Window
from tramgac_collector.incidents.scene import Scene
from tramgac_collector.incidents.symptoms import History
from tramgac_collector.incidents.tree import Tree
from tramgac_collector.inventory.model import Inventory
from tramgac_collector.judge.health import STALLED_MS, noted_ms
from tramgac_proto.limits import COLLECTOR_SETTLE_SECONDS

_SETTLE_MS = int(COLLECTOR_SETTLE_SECONDS * SECOND)
_TELLING = (REPOSITORY.name, RUN_STARTED.name, LAST_RUN.name)
_OF_BACKUPS = frozenset(kind.name for kind in BACKUP_KINDS)

log = logging.getLogger(__name__)


class Facts(board.Facts, stored.Facts, Protocol):
    """Facts of the fleet, those of backups with their newest values."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What there is at one moment.

    Attributes:
        changed: By facility, the names of facts that are news.
        incidents: Open ones, and those that ended lately.
        started_ms: When the judge began.
    """

    inventory: Inventory
    changed: Mapping[str, Collection[str]]
    incidents: Sequence[Incident]
    windows: Sequence[Window]
    now_ms: int
    started_ms: int


class Desk:
    """Keeps a board beside the facts.

    Args:
        facts: Followed by their owner.
        past: Earlier values of a fact.
    """

    def __init__(self, facts: Facts, past: History) -> None:
        self.board = board.Board(facts, past)
        self._facts = facts
        self._tree = Tree(Inventory())
        self._declared: dict[str, Declarations] = {}
        self._judged: dict[str, Mapping[str, Judged]] = {}
        self._owed: set[str] = set()
        self._backups_ms = self._unsettled_ms = 0

    def turn(self, turn: Turn) -> list[Change]:
        """What changes now."""
        if self._tree.inventory is not turn.inventory:
            self._follow(turn.inventory)
        was_open = {one.key for one in turn.incidents if one.closed_ms is None}
        self.board.take(turn.changed, self._tree, was_open, turn.now_ms)
        self._judge_backups(turn)
        settled = self._settled(turn)
        return step(
            Scene(self.board, self._tree, turn.incidents, turn.windows, turn.now_ms, settled)
        )

    def _follow(self, inventory: Inventory) -> None:
        self._tree = Tree(inventory)
        self._declared = {
            one.id: Declarations.of(Inventory(facilities=(one,))) for one in inventory.facilities
        }
        self._owed &= self._declared.keys()
        self._backups_ms = 0

    @property
    def owed(self) -> int:
        """Facts and facilities that a fault kept from being judged; the next turn tries again."""
        return self.board.owed + len(self._owed)

    def _judge_backups(self, turn: Turn) -> None:
        """All of them once a minute, and at once those of a facility of which there is news."""
        news = {key for key, names in turn.changed.items() if not _OF_BACKUPS.isdisjoint(names)}
        news |= self._owed
        if turn.now_ms - self._backups_ms >= MINUTE:
            news = set(self._declared)
            self._judged = {key: one for key, one in self._judged.items() if key in news}
        for facility in news & self._declared.keys():
            self._judge_facility(facility, turn.now_ms)
        if news:
            verdicts = chain.from_iterable(one.values() for one in self._judged.values())
            self.board.take_backups(verdicts, turn.now_ms)
        if turn.now_ms - self._backups_ms >= MINUTE:
            self._backups_ms = turn.now_ms

    def _judge_facility(self, facility: str, now_ms: int) -> None:
        """What cannot be judged is not known; it does not keep the others waiting."""
        try:
            self._judged[facility] = self._judge(facility, now_ms)
            self._owed.discard(facility)
        except Exception:  # whatever one facility's evidence runs into
            if facility not in self._owed:
                log.exception("the backups of %s cannot be judged", facility)
            self._judged.pop(facility, None)
            self._owed.add(facility)

    def _judge(self, facility: str, now_ms: int) -> Mapping[str, Judged]:
        seen = {subject for name in _TELLING for subject in self._facts.named(facility, name)}
        return judge_all(self._facts, self._declared[facility], now_ms, seen).series

    def _settled(self, turn: Turn) -> bool:
        """Whether silence means something: both processes run, and have for two minutes."""
        newest = noted_ms(self._facts, turn.inventory)
        if newest is not None and turn.now_ms - newest > STALLED_MS:
            if turn.now_ms - self._unsettled_ms > _SETTLE_MS:
                log.warning("ingest notes nothing any more; no incident is opened")
            self._unsettled_ms = turn.now_ms
        return turn.now_ms - max(self._unsettled_ms, turn.started_ms) >= _SETTLE_MS
