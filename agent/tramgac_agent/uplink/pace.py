"""How fast the backlog may go beside live records."""

import time
from collections.abc import Callable

# 64 kbit/s, until the collector allows more.
DEFAULT_BYTES_PER_SECOND = 8_000
_MIN_BATCH = 16 * 1024
# A whole batch in memory, parsed, serialized and compressed, costs several times its size.
_MAX_BATCH = 512 * 1024
_BATCH_SECONDS = 2.0
# The collector counts calls as well as bytes.
_MIN_GAP_SECONDS = 1.0


class Pace:
    """A token bucket that may be overdrawn by one batch and then waits the debt out."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._rate = float(DEFAULT_BYTES_PER_SECOND)
        self._free_at = 0.0

    def allow(self, bytes_per_second: int) -> None:
        """Take the collector's word; 0 means it said nothing."""
        self._rate = float(bytes_per_second or DEFAULT_BYTES_PER_SECOND)

    @property
    def batch_bytes(self) -> int:
        """Size of one backlog batch at this rate."""
        return min(_MAX_BATCH, max(_MIN_BATCH, int(self._rate * _BATCH_SECONDS)))

    def wait_seconds(self) -> float:
        """Seconds until the next batch may go; 0 when it may go now."""
        return max(0.0, self._free_at - self._monotonic())

    def spend(self, size: int) -> None:
        """A batch of ``size`` bytes was sent."""
        now = self._monotonic()
        self._free_at = now + max(size / self._rate, _MIN_GAP_SECONDS)
