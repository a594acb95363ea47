"""Which sequence numbers of one outbox life are settled. Pure: no store, no clock."""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator

from tramgac_proto.limits import MAX_ACK_RANGES

Range = tuple[int, int]

MAX_SEQ = 2**63 - 1
# Newest-first sends and quarantine leave holes for a while; more scatter than this is a fault
# of the sender, which then waits until its backlog has closed some of them.
MAX_LEDGER_RANGES = 1_000
_PAIR = struct.Struct(">QQ")


class IntervalSet:
    """Whole numbers as disjoint, non-adjacent, inclusive ranges, lowest first."""

    __slots__ = ("_firsts", "_lasts")

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def __iter__(self) -> Iterator[Range]:
        return zip(self._firsts, self._lasts, strict=True)

    def __len__(self) -> int:
        return len(self._firsts)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    def copy(self) -> "IntervalSet":
        """Return an independent set."""
        twin = IntervalSet()
        twin._firsts = self._firsts.copy()
        twin._lasts = self._lasts.copy()
        return twin

    def add(self, first: int, last: int) -> None:
        """Add ``first..last``, joining whatever overlaps or touches."""
        if first > last:
            raise ValueError(f"empty range {first}..{last}")
        low = bisect_left(self._lasts, first - 1)
        high = bisect_right(self._firsts, last + 1)
        if low < high:
            first = min(first, self._firsts[low])
            last = max(last, self._lasts[high - 1])
        self._firsts[low:high] = [first]
        self._lasts[low:high] = [last]

    def remove(self, first: int, last: int) -> None:
        """Take ``first..last`` out."""
        kept: list[Range] = []
        for low, high in self.overlap(first, last, whole=True):
            if low < first:
                kept.append((low, first - 1))
            if high > last:
                kept.append((last + 1, high))
        at = bisect_left(self._lasts, first)
        end = bisect_right(self._firsts, last)
        self._firsts[at:end] = [low for low, _ in kept]
        self._lasts[at:end] = [high for _, high in kept]

    def overlap(self, first: int, last: int, *, whole: bool = False) -> list[Range]:
        """Return the parts of this set inside ``first..last``; ``whole``: uncut."""
        at = bisect_left(self._lasts, first)
        end = bisect_right(self._firsts, last)
        found = list(zip(self._firsts[at:end], self._lasts[at:end], strict=True))
        if whole:
            return found
        return [(max(low, first), min(high, last)) for low, high in found]

    def missing(self, first: int, last: int) -> list[Range]:
        """Return the parts of ``first..last`` that are not in this set."""
        holes: list[Range] = []
        for low, high in self.overlap(first, last):
            if low > first:
                holes.append((first, low - 1))
            first = high + 1
        if first <= last:
            holes.append((first, last))
        return holes

    def pop_from(self, number: int) -> int:
        """Forget the lowest range if it starts at or below ``number``; return its end, or 0."""
        if not self._firsts or self._firsts[0] > number:
            return 0
        del self._firsts[0]
        return self._lasts.pop(0)


class SeqLedger:
    """Settled numbers: all of ``1..contiguous``, and ``above`` it some ranges."""

    __slots__ = ("above", "contiguous")

    def __init__(self, contiguous: int = 0, above: Iterable[Range] = ()) -> None:
        self.contiguous = contiguous
        self.above = IntervalSet()
        for first, last in above:
            self.add(first, last)

    def copy(self) -> "SeqLedger":
        """Return an independent ledger."""
        twin = SeqLedger(self.contiguous)
        twin.above = self.above.copy()
        return twin

    def covers(self, seq: int) -> bool:
        """Whether ``seq`` is settled."""
        return seq <= self.contiguous or seq in self.above

    def admits(self, seq: int) -> bool:
        """Whether settling ``seq`` keeps the ledger within its bound."""
        if len(self.above) < MAX_LEDGER_RANGES or seq == self.contiguous + 1:
            return True
        return seq - 1 in self.above or seq + 1 in self.above

    def add(self, first: int, last: int) -> None:
        """Settle ``first..last``."""
        if last <= self.contiguous:
            return
        if first > self.contiguous + 1:
            self.above.add(first, last)
            return
        self.contiguous = last
        while end := self.above.pop_from(self.contiguous + 1):
            self.contiguous = max(self.contiguous, end)

    def missing(self, first: int, last: int) -> list[Range]:
        """Return the parts of ``first..last`` that are not settled."""
        first = max(first, self.contiguous + 1)
        return self.above.missing(first, last) if first <= last else []

    def ack(self, sent: Iterable[int] = ()) -> list[Range]:
        """Return at most ``MAX_ACK_RANGES`` settled ranges above ``contiguous``.

        Where there are more, those that hold a number of ``sent`` come first, so that
        the sender learns of what it has just sent, then the lowest.
        """
        if len(self.above) <= MAX_ACK_RANGES:
            return list(self.above)
        chosen: dict[Range, None] = {}
        for seq in sent:
            chosen.update(dict.fromkeys(self.above.overlap(seq, seq, whole=True)))
        chosen.update(dict.fromkeys(self.above))
        return sorted(list(chosen)[:MAX_ACK_RANGES])

    def pack(self) -> bytes:
        """Return ``above`` as big-endian uint64 pairs."""
        return b"".join(_PAIR.pack(*pair) for pair in self.above)

    @classmethod
    def unpack(cls, contiguous: int, ranges: bytes) -> "SeqLedger":
        """Read what ``contiguous`` and ``pack`` were stored as."""
        return cls(contiguous, _PAIR.iter_unpack(ranges))
