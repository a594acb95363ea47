"""What two looks at a port's counters say of the time between them.

Time is the device's own (``sysUpTime``): a late answer changes no rate. An interval in which the
device restarted, or in which it says that its counters broke, says nothing.
"""

import msgspec

TICKS_PER_SECOND = 100
_WRAP = 2**32
# A clock that falls from further below its end was reset, not wrapped.
_NEAR_END_TICKS = 2 * 3600 * TICKS_PER_SECOND
_LEAST_SECONDS = 1.0
# Our clock may be set, and an answer late; more than this it does not go wrong between two looks.
_SLACK_SECONDS, _SLACK_SHARE = 60.0, 0.1


class Counters(msgspec.Struct, frozen=True, array_like=True):
    """A port's counters at one moment; None is not told.

    Attributes:
        ticks: ``sysUpTime`` of the same answer, 1/100 s; 0: not told.
        broken: ``ifCounterDiscontinuityTime``.
        octets_in, octets_out: 64 bits; 32 bits wrap within seconds and are not used.
        packets_in, packets_out: Those a station meant, and in ``packets_in`` all others too.
        errors: Frames received with errors.
        late: Late collisions. Only a port in half duplex can see one.
        discards: Frames thrown away on the way out.
    """

    ticks: int
    broken: int | None = None
    octets_in: int | None = None
    octets_out: int | None = None
    packets_in: int | None = None
    packets_out: int | None = None
    errors: int | None = None
    late: int | None = None
    discards: int | None = None


class Growth(msgspec.Struct, frozen=True):
    """By how much they grew; None where that is not known.

    Attributes:
        seconds: By the device's clock.
    """

    seconds: float
    octets_in: int | None = None
    octets_out: int | None = None
    packets_in: int | None = None
    packets_out: int | None = None
    errors: int | None = None
    late: int | None = None
    discards: int | None = None


_COUNTED = tuple(name for name in Growth.__struct_fields__ if name != "seconds")


def growth(before: Counters | None, now: Counters, passed: float = 0.0) -> Growth | None:
    """What happened between two looks; None when the interval says nothing.

    Args:
        before: The look before.
        now: This look.
        passed: Seconds between them by our clock. Where the device's clock tells of far less, it
            restarted meanwhile, and has been up for longer than the first time.
    """
    if before is None or before.broken != now.broken or not (before.ticks and now.ticks):
        return None
    ticks = now.ticks - before.ticks
    if ticks < 0:
        if before.ticks < _WRAP - _NEAR_END_TICKS:
            return None  # it restarted
        ticks += _WRAP
    seconds = ticks / TICKS_PER_SECOND
    slack = max(_SLACK_SECONDS, _SLACK_SHARE * passed)
    if seconds < _LEAST_SECONDS or passed - seconds > slack:
        return None
    return Growth(
        seconds, **{name: _grown(getattr(before, name), getattr(now, name)) for name in _COUNTED}
    )


def _grown(before: int | None, now: int | None) -> int | None:
    """None also where it fell: someone cleared it, or it wrapped."""
    return None if before is None or now is None or now < before else now - before


def share(part: int | None, whole: int | None) -> float | None:
    """A part of what passed, 0 to 1; None where either is not known or nothing passed."""
    if part is None or whole is None or part + whole <= 0:
        return None
    return part / (part + whole)


def utilization(octets: int | None, seconds: float, mbps: float | None) -> float | None:
    """100 % x 8 x octets / (seconds x speed), as a ratio; RFC 2863's own counters."""
    if octets is None or not mbps or seconds <= 0:
        return None
    return min(1.0, 8 * octets / (seconds * mbps * 1e6))
