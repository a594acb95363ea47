"""Which way packets were lost, and which way they waited, from a reflector's own times.

The two clocks need not agree: a delay is only compared with the shortest delay of the same
direction in the same run, and how fast the clocks drift apart is worked out from the quickest
round trips of its beginning and its end (as in RFC 5905, the clock filter).
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tramgac_proto.pathmetrics import DIRECTIONS

# With fewer answers the shortest of them says little.
LEAST_ANSWERS = 8
# A crystal's 100 ppm on either side, and the 500 ppm by which NTP may slew one.
_MOST_SKEW = 700e-6


class Leg(NamedTuple):
    """One question that was answered; nanoseconds.

    Attributes:
        arrived: Questions of the run that the reflector had received by then.
        sent_ns: Here, as is ``returned_ns``; the two between are the reflector's.
    """

    sequence: int
    arrived: int
    sent_ns: int
    received_ns: int
    transmitted_ns: int
    returned_ns: int

    @property
    def dwell_ns(self) -> int:
        """Time in the reflector."""
        return self.transmitted_ns - self.received_ns

    @property
    def round_trip_ns(self) -> int:
        """Time on the way, there and back."""
        return self.returned_ns - self.sent_ns - self.dwell_ns

    @property
    def offset_ns(self) -> float:
        """Reflector's clock minus ours, were both ways alike."""
        there, back = self.received_ns - self.sent_ns, self.returned_ns - self.transmitted_ns
        return (there - back) / 2


class OneWay(NamedTuple):
    """What is known of the two directions; what is not known is absent.

    Attributes:
        loss: Share lost, by direction.
        queue: Mean delay above the shortest, seconds, by direction.
        dwell: Mean time in the reflector, seconds.
    """

    loss: Mapping[str, float]
    queue: Mapping[str, float]
    dwell: float | None


def one_way(legs: Sequence[Leg]) -> OneWay:
    """Tell the directions apart.

    What came after the last answer may have been lost either way, and is left out.
    """
    dwell = math.fsum(leg.dwell_ns for leg in legs) / len(legs) / 1e9 if legs else None
    return OneWay(_losses(legs), _queues(legs), dwell)


def _losses(legs: Sequence[Leg]) -> dict[str, float]:
    if not legs:
        return {}
    last = max(legs)
    asked, arrived, answered = last.sequence + 1, last.arrived, len(legs)
    if not answered <= arrived <= asked:
        return {}  # the reflector forgot the run, or packets overtook each other
    return dict(zip(DIRECTIONS, (1 - arrived / asked, 1 - answered / arrived), strict=True))


def _queues(legs: Sequence[Leg]) -> dict[str, float]:
    if len(legs) < LEAST_ANSWERS:
        return {}
    ordered = sorted(legs)
    skew, begin = _skew(ordered), ordered[0].sent_ns
    there = [one.received_ns - one.sent_ns - skew * (one.sent_ns - begin) for one in ordered]
    back = [one.returned_ns - one.transmitted_ns + skew * (one.sent_ns - begin) for one in ordered]
    means = [math.fsum(delays) / len(delays) - min(delays) for delays in (there, back)]
    if max(means) > max(leg.round_trip_ns for leg in ordered):
        return {}  # no packet was under way so long: one of the clocks was not steady
    return {way: max(0.0, mean) / 1e9 for way, mean in zip(DIRECTIONS, means, strict=True)}


def _skew(ordered: Sequence[Leg]) -> float:
    """How much faster the reflector's clock runs than ours, as a share."""
    third = max(1, len(ordered) // 3)
    first = min(ordered[:third], key=lambda leg: leg.round_trip_ns)
    last = min(ordered[-third:], key=lambda leg: leg.round_trip_ns)
    if last.sent_ns <= first.sent_ns:
        return 0.0
    skew = (last.offset_ns - first.offset_ns) / (last.sent_ns - first.sent_ns)
    return max(-_MOST_SKEW, min(_MOST_SKEW, skew))
