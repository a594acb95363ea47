"""When a disk will be full, by the Theil-Sen estimator.

Sen, "Estimates of the Regression Coefficient Based on Kendall's Tau", JASA 63 (1968): the median
of the slopes of all pairs of points. Up to 29 % of them may be wrong: a nightly clean-up or one
large copy changes nothing.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import combinations
from statistics import median

# Fewer points, or over less time, are no trend.
_LEAST_POINTS = 8
_MOST_POINTS = 28
_LEAST_MS = 24 * 3_600_000

# (ms, value), oldest first; a value holds until the next.
Steps = Sequence[tuple[int, float]]


def value_at(steps: Steps, at_ms: int) -> float | None:
    """What was so at a time; None before the first."""
    place = bisect_right(steps, at_ms, key=lambda step: step[0])
    return steps[place - 1][1] if place else None


def samples(steps: Steps, until_ms: int, every_ms: int, count: int) -> list[float]:
    """The last ``count`` values at equal distances, the newest last; fewer if it is younger."""
    found = (value_at(steps, until_ms - back * every_ms) for back in range(count - 1, -1, -1))
    return [value for value in found if value is not None]


def slope(steps: Steps, until_ms: int) -> float | None:
    """Change a millisecond up to ``until_ms``; None where too little is known."""
    if not steps or until_ms - steps[0][0] < _LEAST_MS:
        return None
    every = (until_ms - steps[0][0]) // _MOST_POINTS
    values = samples(steps, until_ms, every, _MOST_POINTS)
    if len(values) < _LEAST_POINTS:
        return None
    pairs = combinations(enumerate(values), 2)
    return median((later - earlier) / ((b - a) * every) for (a, earlier), (b, later) in pairs)


def full_in_ms(steps: Steps, until_ms: int) -> int | None:
    """Time until the value reaches 1; None where it does not grow, or too little is known."""
    growth = slope(steps, until_ms)
    if growth is None or growth <= 0:
        return None
    return max(0, round((1 - steps[-1][1]) / growth))
