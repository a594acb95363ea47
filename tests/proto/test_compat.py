"""What an older Python reads is what a newer one reads."""

import sys
from datetime import datetime, timedelta, timezone

import pytest

from tramgac_proto.compat import iso_time

HANOI = timezone(timedelta(hours=7))
TIMES = {
    "2026-11-22T08:46:48Z": datetime(2026, 11, 22, 8, 46, 48, tzinfo=timezone.utc),
    "2026-11-22T08:46:48.5Z": datetime(2026, 11, 22, 8, 46, 48, 500_000, tzinfo=timezone.utc),
    "2026-11-22T08:46:48.123456789+07:00": datetime(2026, 11, 22, 8, 46, 48, 123456, tzinfo=HANOI),
    "2026-11-22 08:46:48.000001": datetime(2026, 11, 22, 8, 46, 48, 1),  # noqa: DTZ001 - no zone said
    "2026-11-22T21:00": datetime(2026, 11, 22, 21, 0),  # noqa: DTZ001 - the same
}


@pytest.mark.parametrize("text", TIMES)
def test_times_are_read_alike(text: str) -> None:
    """A `Z`, nanoseconds and an odd number of decimals are no trouble for Python 3.10 either."""
    assert iso_time(text) == TIMES[text]
    assert iso_time(text).utcoffset() == TIMES[text].utcoffset()
    if sys.version_info >= (3, 11):
        assert datetime.fromisoformat(text) == TIMES[text]


@pytest.mark.parametrize("text", ["", "Z", "soon", "2026-13-01T00:00:00Z"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """The caller says unknown; nothing is guessed."""
    with pytest.raises(ValueError, match=r"isoformat|month"):
        iso_time(text)
