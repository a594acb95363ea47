"""Calendar months that have a backup."""

from collections.abc import Iterable
from datetime import datetime, timezone

_MONTHS = 12


def months_of(times_ms: Iterable[int], now_ms: int) -> int:
    """How many of the last 12 calendar months (UTC, the present one included) are among them.

    Args:
        times_ms: Unix milliseconds of backups; those of the future do not count.
        now_ms: Unix milliseconds.
    """
    present = _month(now_ms)
    months = {_month(one) for one in times_ms if one <= now_ms}
    return sum(present - _MONTHS < month <= present for month in months)


def _month(unix_ms: int) -> int:
    moment = datetime.fromtimestamp(unix_ms / 1000, timezone.utc)
    return moment.year * 12 + moment.month
