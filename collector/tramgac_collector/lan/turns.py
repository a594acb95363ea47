"""When those who must wait should ask again: one after another, never all at once."""

from collections.abc import Iterable

SLOT_MS = 30_000
LONGEST_MS = 3_600_000
_MOST = 20_000

Wish = tuple[str, str, str, str]


def share_of(name: str) -> float:
    """A share from 0 to 1 that is always the same for the same name."""
    number = 0xCBF29CE484222325  # FNV-1a, so that it does not change between processes
    for byte in name.encode():
        number = (number ^ byte) * 0x100000001B3 % 2**64
    return (number >> 11) / 2**53


class Turns:
    """A turn for each test that found its way taken. Not a reservation: nothing is held for it."""

    def __init__(self) -> None:
        self._next: dict[str, int] = {}
        self._promised: dict[Wish, int] = {}

    def promise(self, wish: Wish, locks: Iterable[str], free_ms: int, now_ms: int) -> int:
        """When to ask again, ms; asking too early does not lose the turn.

        Args:
            wish: Who wants which test.
            locks: What the test loads.
            free_ms: When all of it is free, as far as is known.
            now_ms: The centre's clock.
        """
        known = self._promised.get(wish, 0)
        if known > now_ms:
            return known
        locks = tuple(locks)
        turn = max(free_ms, *(self._next.get(one, 0) for one in locks))
        if turn > now_ms + LONGEST_MS:
            # The queue is longer than an hour: later turns share the next hour.
            return now_ms + LONGEST_MS + int(LONGEST_MS * share_of("/".join(wish)))
        if len(self._promised) >= _MOST:
            self._promised = {key: at for key, at in self._promised.items() if at > now_ms}
            self._next = {key: at for key, at in self._next.items() if at > now_ms}
        self._promised[wish] = turn
        for one in locks:
            self._next[one] = turn + SLOT_MS
        return turn

    def taken(self, wish: Wish) -> None:
        """The test was granted: its turn is used."""
        self._promised.pop(wish, None)
