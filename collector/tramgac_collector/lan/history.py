"""What earlier tests of each path said, as far as it decides whether the next may run."""

from collections.abc import Iterable
from dataclasses import dataclass

HOUR_MS = 3_600_000
# A capacity test that came to nothing may be tried again the next night.
RETRY_MS = 20 * HOUR_MS
FAILED_TESTS = 3
# After any other verdict of a capacity test nothing is known of the path.
_MEASURED = frozenset({"measured", "lower_bound"})

Path = tuple[str, str, str]


@dataclass(slots=True)
class _Known:
    """One path in one direction.

    Attributes:
        failed: Floor tests in a row that the path did not hold.
        granted_ms: The newest capacity test.
        proven_ms: The newest one that measured.
    """

    failed: int = 0
    granted_ms: int = -RETRY_MS
    proven_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Past:
    """One earlier test, as the ledger keeps it."""

    initiator: str
    target: str
    direction: str
    proves: str
    granted_ms: int
    verdict: str


class History:
    """Which capacity tests are due: never measured, long ago, or the floor was missed thrice.

    Args:
        capacity_days: How often a path's capacity is measured.
    """

    def __init__(self, capacity_days: float) -> None:
        self._every_ms = int(capacity_days * 24 * HOUR_MS)
        self._paths: dict[Path, _Known] = {}

    def restore(self, tests: Iterable[Past]) -> None:
        """Bring back earlier tests, oldest first."""
        for one in tests:
            path = (one.initiator, one.target, one.direction)
            self.granted(path, one.proves, one.granted_ms)
            self.ended(path, one.proves, one.verdict, one.granted_ms)

    def due_ms(self, path: Path) -> int:
        """From when on a capacity test of the path may run."""
        known = self._paths.get(path)
        if known is None:
            return 0
        again = known.granted_ms + RETRY_MS
        if known.proven_ms is None or known.failed >= FAILED_TESTS:
            return again
        return max(again, known.proven_ms + self._every_ms)

    def set_back(self, now_ms: int) -> None:
        """The clock was: nothing happened later than now."""
        for known in self._paths.values():
            known.granted_ms = min(known.granted_ms, now_ms)
            if known.proven_ms is not None:
                known.proven_ms = min(known.proven_ms, now_ms)

    def granted(self, path: Path, proves: str, at_ms: int) -> None:
        """A test was permitted."""
        known = self._paths.setdefault(path, _Known())
        if proves == "capacity":
            known.granted_ms = max(known.granted_ms, at_ms)

    def ended(self, path: Path, proves: str, verdict: str, at_ms: int) -> None:
        """A test's result came; of a path nobody was granted it says nothing."""
        known = self._paths.get(path)
        if known is None:
            return
        if proves == "capacity":
            if verdict not in _MEASURED:
                return
            known.proven_ms = max(known.proven_ms or at_ms, at_ms)
            known.failed = 0
        elif verdict == "not_held":
            known.failed += 1
        elif verdict == "held":
            known.failed = 0
