"""What each site has spent on tests within the last 24 hours."""

from collections import deque

DAY_MS = 86_400_000


class Account:
    """Granted bytes of one site; what was granted and not sent counts as spent."""

    def __init__(self) -> None:
        self._spent: deque[tuple[int, int]] = deque()
        self._total = 0

    def charge(self, at_ms: int, count: int) -> None:
        """Book a grant."""
        self._spent.append((at_ms, count))
        self._total += count
        self._forget(at_ms)

    def set_back(self, now_ms: int) -> None:
        """The clock was: nothing was spent later than now."""
        self._spent = deque((min(at_ms, now_ms), size) for at_ms, size in self._spent)

    def _forget(self, now_ms: int) -> None:
        while self._spent and self._spent[0][0] <= now_ms - DAY_MS:
            self._total -= self._spent.popleft()[1]

    def spent(self, now_ms: int) -> int:
        """Bytes of the last 24 hours."""
        self._forget(now_ms)
        return self._total

    def wait_ms(self, count: int, now_ms: int, budget: int) -> int:
        """How long until ``count`` more bytes fit; 0: they do now.

        A test that is larger than the whole budget never fits: a day.
        """
        left = self.spent(now_ms) + count - budget
        if left <= 0:
            return 0
        for at_ms, size in self._spent:
            left -= size
            if left <= 0:
                return at_ms + DAY_MS - now_ms
        return DAY_MS
