"""Verdicts of backups for the page: facility by facility, a bounded time a request, with their age.

Judging 100,000 series takes minutes. A page judges what is oldest for so long and shows the rest
as it was; what was never judged is counted, not left out in silence.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tramgac_collector.backups.findings import rank
from tramgac_collector.backups.rows import BackupRow

# A page that reloads by itself need not judge anew each time.
KEEP_SECONDS = 20.0
# Of judging for one request, one facility more at most.
BUDGET_SECONDS = 2.0
# However many series there are: judging for the page takes a sixth of one core at most.
_REST = 5.0


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What a page shows.

    Attributes:
        oldest_ms: When the oldest of these verdicts was judged; None where there is none.
        missing: Facilities that were not judged yet.
    """

    rows: list[BackupRow]
    oldest_ms: int | None
    missing: int


@dataclass(frozen=True, slots=True)
class _Kept:
    rows: list[BackupRow]
    judged_ms: int
    fresh_until: float


class VerdictCache:
    """Keeps the verdicts of each facility.

    Args:
        judge: Judges one facility at a time (ms).
        clock: Seconds of a steady clock.
    """

    def __init__(
        self,
        judge: Callable[[str, int], list[BackupRow]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._judge = judge
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._rest_until = 0.0
        self._lock = threading.Lock()

    def of(self, facilities: Sequence[str], now_ms: int) -> Verdicts:
        """Verdicts of these facilities, worst first; what is old is judged while there is time."""
        with self._lock:
            self._renew(facilities, now_ms)
            kept = [self._kept[one] for one in facilities if one in self._kept]
        rows = [row for one in kept for row in one.rows]
        rows.sort(key=lambda row: (rank(row.state), row.good_ms or 0, row.series))
        oldest = min((one.judged_ms for one in kept), default=None)
        return Verdicts(rows, oldest, len(facilities) - len(kept))

    def keep_only(self, facilities: Sequence[str]) -> None:
        """Forget facilities that are no more."""
        with self._lock:
            for gone in self._kept.keys() - set(facilities):
                del self._kept[gone]

    def _renew(self, facilities: Sequence[str], now_ms: int) -> None:
        begin = self._clock()
        due = [one for one in facilities if self._is_due(one, begin)]
        due.sort(key=lambda one: self._kept[one].judged_ms if one in self._kept else 0)
        if len(due) > 1 and begin < self._rest_until:
            return
        for one in due:
            started = self._clock()
            rows = self._judge(one, now_ms)
            ended = self._clock()
            fresh = ended + max(KEEP_SECONDS, _REST * (ended - started))
            self._kept[one] = _Kept(rows, now_ms, fresh)
            if ended - begin > BUDGET_SECONDS:
                break
        if len(due) > 1:
            ended = self._clock()
            self._rest_until = ended + _REST * (ended - begin)

    def _is_due(self, facility: str, now: float) -> bool:
        known = self._kept.get(facility)
        return known is None or now >= known.fresh_until
