"""Spans of time in ms, begin included, end not: joined, cut and taken from each other."""

from collections.abc import Iterable
from typing import NamedTuple

Span = tuple[int, int]


class Window(NamedTuple):
    """What a report is about, and when it was known.

    Attributes:
        from_day: First day in Viet Nam, ``YYYY-MM-DD``; ``to_day`` is the last.
        until_ms: Its end, or the moment it is known at, if that comes first.
        known_ms: What the centre learnt later is left out.
    """

    from_day: str
    to_day: str
    since_ms: int
    until_ms: int
    known_ms: int

    @property
    def length_ms(self) -> int:
        """How long it is."""
        return self.until_ms - self.since_ms

    def cut(self, spans: Iterable[Span]) -> list[Span]:
        """What of them lies in the window."""
        inside = ((max(a, self.since_ms), min(b, self.until_ms)) for a, b in spans)
        return [(begin, end) for begin, end in inside if begin < end]


def join(spans: Iterable[Span]) -> list[Span]:
    """The same time, each moment of it once, the oldest first."""
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def total(spans: Iterable[Span]) -> int:
    """How long they are together, each moment counted once."""
    return sum(end - begin for begin, end in join(spans))


def common(one: Iterable[Span], other: Iterable[Span]) -> list[Span]:
    """What lies in both."""
    left, right = join(one), join(other)
    found: list[Span] = []
    a = b = 0
    while a < len(left) and b < len(right):
        begin, end = max(left[a][0], right[b][0]), min(left[a][1], right[b][1])
        if begin < end:
            found.append((begin, end))
        if left[a][1] < right[b][1]:
            a += 1
        else:
            b += 1
    return found


def without(one: Iterable[Span], other: Iterable[Span]) -> list[Span]:
    """What lies in the first and not in the second."""
    found = join(one)
    for begin, end in join(other):
        found = [
            part
            for a, b in found
            for part in ((a, min(b, begin)), (max(a, end), b))
            if part[0] < part[1]
        ]
    return found
