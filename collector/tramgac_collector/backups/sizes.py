"""Whether a backup is as large as its series usually is.

Median and median absolute deviation (MAD) of the complete runs before the newest; the modified
z-score 0.6745 (x - median) / MAD is that of Iglewicz and Hoaglin, "How to Detect and Handle
Outliers" (1993), with MAD taken as at least 1 % of the median.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from tramgac_collector.backups.evidence import Evidence, same_id
from tramgac_collector.facts import backups as bk
from tramgac_collector.facts.kinds import FactKind
from tramgac_collector.facts.recent import Past

# Fewer say nothing of what is usual.
LEAST_RUNS = 5
_LEAST_SHARE = 0.5
_LEAST_Z = -6.0
_NORMAL = 0.6745
_JUMP = 10.0
# A jump from little to a little more is none.
_JUMP_SHARE = 0.05
_SHOCK = 0.5
_USUAL_SHOCK = 0.1
_SHOCK_FILES = 100
_SHOCK_RUNS = 3


def is_low(before: Sequence[float], newest: float) -> bool:
    """Whether ``newest`` is far below what came before: under half, or z under -6."""
    middle = median(before)
    if middle <= 0:
        return False
    spread = max(median(abs(one - middle) for one in before), 0.01 * middle)
    z = _NORMAL * (newest - middle) / spread
    return newest < _LEAST_SHARE * middle or z < _LEAST_Z


@dataclass(frozen=True, slots=True)
class Sizes:
    """What complete backups covered, oldest first; the last is the newest.

    Attributes:
        added: New data of each run, in bytes.
        changed: Share of files changed, of those that had been there before.
        untold: There were enough complete runs, and nobody tells the size of any.
    """

    bytes: tuple[float, ...] = ()
    files: tuple[float, ...] = ()
    added: tuple[float, ...] = ()
    changed: tuple[float, ...] = ()
    untold: bool = False

    @property
    def learning(self) -> bool:
        """Too few came before the newest to say what is usual."""
        return not self.untold and len(self.bytes) <= LEAST_RUNS

    def unusual(self) -> Iterator[str]:
        """Reasons why the newest is suspicious."""
        for reason, sizes in (("size_drop", self.bytes), ("files_drop", self.files)):
            if len(sizes) > LEAST_RUNS and is_low(sizes[:-1], sizes[-1]):
                yield reason
        if self._shock():
            yield "change_shock"
        if self._jump():
            yield "size_jump"

    def _shock(self) -> bool:
        before = self.changed[:-1]
        if len(before) < _SHOCK_RUNS or not self.files or self.files[-1] < _SHOCK_FILES:
            return False
        return self.changed[-1] > _SHOCK and median(before) < _USUAL_SHOCK

    def _jump(self) -> bool:
        if len(self.added) <= LEAST_RUNS or not self.bytes:
            return False
        newest = self.added[-1]
        much = newest > _JUMP_SHARE * self.bytes[-1]
        return much and newest > _JUMP * median(self.added[:-1])


def sizes_of(evidence: Evidence, now_ms: int) -> Sizes:
    """From the runs; where these tell no sizes, from the snapshots of the repository."""
    good = evidence.recent(bk.LAST_GOOD)[-LEAST_RUNS:]
    since = good[0].collected_ms if len(good) == LEAST_RUNS else 0
    # Another command than before may tell none: what the old one told is past.
    if any(one.collected_ms >= since for one in evidence.recent(bk.RUN_BYTES)):
        kinds = (bk.RUN_BYTES, bk.RUN_FILES, bk.RUN_ADDED, bk.RUN_CHANGED)
        newest_ms = good[-1].collected_ms if good else 0
        size, files, added, changed = (_up_to(evidence, kind, newest_ms) for kind in kinds)
        return Sizes(size, files, added, changed)
    shown = evidence.of(bk.SIZE)
    if shown is None or (evidence.readable(now_ms) and shown.expires_ms <= now_ms):
        return Sizes(untold=since > 0)
    if evidence.newest_is_partial(now_ms):
        return Sizes()
    return Sizes(_whole(evidence, bk.SIZE), _whole(evidence, bk.FILES))


def _values(pasts: Sequence[Past]) -> tuple[float, ...]:
    return tuple(one.value for one in pasts if one.value is not None)


def _up_to(evidence: Evidence, kind: FactKind, newest_ms: int) -> tuple[float, ...]:
    """Nothing if the newest complete run is not among them: an older one says nothing of it."""
    pasts = evidence.recent(kind)
    return _values(pasts) if pasts and pasts[-1].collected_ms == newest_ms else ()


def _whole(evidence: Evidence, kind: FactKind) -> tuple[float, ...]:
    """Snapshots that no run left incomplete."""
    partial = [one.text for one in evidence.recent(bk.PARTIAL)]
    return _values(
        [
            past
            for past in evidence.recent(kind)
            if not any(same_id(past.text, one) for one in partial)
        ]
    )
