"""What is known of one series, from wherever facts are kept."""

from collections.abc import Mapping
from dataclasses import dataclass

from tramgac_collector.facts import backups as bk
from tramgac_collector.facts.kinds import FactKind
from tramgac_collector.facts.ledger import Fact
from tramgac_collector.facts.mapping import AGENT_SEEN
from tramgac_collector.facts.recent import Past
from tramgac_collector.facts.stored import Facts

FUTURE_MS = 300_000
# The store may have the newest look and not yet everything it confirmed.
_LAG_MS = 360_000
# Restic named snapshots by 8 digits before 0.15, by 64 since.
_LEAST_ID = 8
_NAMES = tuple(kind.name for kind in bk.BACKUP_KINDS)
_RECENT_NAMES = tuple(kind.name for kind in bk.BACKUP_KINDS if kind.recent)
# What was proven by looking into one repository.
_PROVEN_THERE = frozenset(
    kind.name
    for kind in (
        *(bk.CHECK, bk.CHECK_GOOD, bk.DATA, bk.DATA_GOOD, bk.DATA_READ, bk.DATA_OLDEST),
        *(bk.RESTORE, *bk.DRILLS.values(), *bk.DRILLS_GOOD.values()),
        *(bk.RESTORE_RATE, bk.RESTORE_TIME, bk.IMMUTABLE),
    )
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Facts of one series; what nobody told is not there.

    Attributes:
        facts: Current facts by name, expired or not.
        recents: The newest values of some, oldest first.
        heard_ms: When the agent that tells of the series last called; None: not known.
    """

    series: str
    facts: Mapping[str, Fact]
    recents: Mapping[str, tuple[Past, ...]]
    heard_ms: int | None = None

    def of(self, kind: FactKind) -> Fact | None:
        """A fact, expired or not."""
        return self.facts.get(kind.name)

    def recent(self, kind: FactKind) -> tuple[Past, ...]:
        """Newest values, oldest first."""
        return self.recents.get(kind.name, ())

    def time_ms(self, kind: FactKind) -> int | None:
        """A fact whose value is a time, in ms."""
        fact = self.facts.get(kind.name)
        return None if fact is None or fact.value is None else round(fact.value * 1000)

    def shown(self, kind: FactKind, now_ms: int) -> Fact | None:
        """What the newest look at the repository showed, while that says anything."""
        fact, look = self.of(kind), self.of(bk.REPOSITORY)
        if fact is None or look is None or fact.expires_ms <= now_ms:
            return None
        replaced = look.text == "ok" and fact.collected_ms < look.collected_ms - _LAG_MS
        return None if replaced else fact

    def readable(self, now_ms: int) -> bool:
        """Whether the repository was read at the newest look, and that look still counts."""
        look = self.of(bk.REPOSITORY)
        return look is not None and look.text == "ok" and look.expires_ms > now_ms

    @property
    def tells_runs(self) -> bool:
        """Whether anybody ever told of a run."""
        return self.of(bk.LAST_RUN) is not None or self.of(bk.RUN_STARTED) is not None

    @property
    def seen(self) -> bool:
        """Whether a run or a snapshot of the series was ever seen."""
        return self.tells_runs or self.of(bk.NEWEST) is not None

    def newest_ms(self, now_ms: int) -> int | None:
        """Time of the newest snapshot ever seen; none that claims to come from the future."""
        newest = self.time_ms(bk.NEWEST)
        return None if newest is None or newest > now_ms + FUTURE_MS else newest

    def good_ms(self, now_ms: int) -> tuple[int, int] | None:
        """Start and end of the newest complete run.

        Where nobody tells of runs, the newest snapshot is all there is.
        """
        end = self.time_ms(bk.LAST_GOOD)
        if end is not None:
            start = self.time_ms(bk.GOOD_STARTED)
            return (end if start is None else min(start, end)), end
        untold = self.tells_runs or self.is_emptied(now_ms)
        newest = None if untold else self.newest_ms(now_ms)
        return None if newest is None else (newest, newest)

    def point_ms(self, now_ms: int) -> int | None:
        """To when could be recovered: the good copy, or the logs archived since."""
        good = self.good_ms(now_ms)
        if good is None or self.is_emptied(now_ms):
            return None
        archived = self.shown(bk.ARCHIVED, now_ms)
        until = 0 if archived is None or archived.value is None else round(archived.value * 1000)
        usable = self.readable(now_ms) and until <= now_ms + FUTURE_MS
        return max(good[1], until) if usable else good[1]

    def is_emptied(self, now_ms: int) -> bool:
        """Whether a look since the last complete run showed not one snapshot.

        Where a run names none, the list may be the product's log, which forgets.
        """
        look, good = self.of(bk.REPOSITORY), self.of(bk.LAST_GOOD)
        count = self.shown(bk.SNAPSHOTS, now_ms)
        if look is None or count is None or count.value or not self.readable(now_ms):
            return False
        return good is None or (bool(good.text) and look.collected_ms > good.collected_ms)

    def newest_is_partial(self, now_ms: int) -> bool:
        """Whether the newest snapshot is one a run left incomplete; it looks like any other."""
        newest, good = self.shown(bk.NEWEST, now_ms), self.of(bk.LAST_GOOD)
        if newest is None or (good is not None and good.collected_ms > newest.collected_ms):
            return False
        return any(same_id(past.text, newest.text) for past in self.recent(bk.PARTIAL))


def same_id(one: str, other: str) -> bool:
    """Whether two ids name the same snapshot, one of them perhaps cut short."""
    length = min(len(one), len(other))
    return length >= _LEAST_ID and one[:length] == other[:length]


def gather(facts: Facts, series: str, place: str = "") -> Evidence:
    """Everything the judge needs of one series.

    Args:
        facts: The ledger, or a snapshot of the store.
        series: ``facility/host/dataset@destination``.
        place: ``facility/site/host`` the inventory says it lies on.
    """
    found = {}
    for name in _NAMES:
        fact = facts.get(name, series)
        if fact is not None:
            found[name] = fact
    recents = {name: facts.recent(name, series) for name in _RECENT_NAMES if name in found}
    moved_ms = _moved_ms(found, recents)
    found = {name: one for name, one in found.items() if not _is_elsewhere(one, moved_ms)}
    return Evidence(series, found, recents, _heard_ms(facts, found, place))


def _moved_ms(found: Mapping[str, Fact], recents: Mapping[str, tuple[Past, ...]]) -> int:
    """When the repository was first seen, where another one was seen before it; else 0."""
    places = recents.get(bk.PLACE.name, ())
    if not places or places[0].text == found[bk.PLACE.name].text:
        return 0
    return next((p.collected_ms for p in places if p.text == found[bk.PLACE.name].text), 0)


def _is_elsewhere(fact: Fact, moved_ms: int) -> bool:
    """Whether a proof is of a repository that is not the series' own any more."""
    if fact.name not in _PROVEN_THERE:
        return False
    read_ms = (fact.value or 0.0) * 1000 if fact.name == bk.DATA_OLDEST.name else moved_ms
    return fact.collected_ms < moved_ms or read_ms < moved_ms


def _heard_ms(facts: Facts, found: Mapping[str, Fact], place: str) -> int | None:
    """Who tells of runs counts first, then who reads the repository, then the host itself."""
    for kind in (bk.LAST_RUN, bk.RUN_STARTED, bk.REPOSITORY):
        teller = found.get(kind.name)
        heard = None if teller is None else facts.heard(teller.agent_id)
        if heard is not None:
            return heard.collected_ms
    seen = facts.get(AGENT_SEEN.name, place) if place else None
    return None if seen is None else seen.collected_ms
