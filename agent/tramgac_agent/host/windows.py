"""Times of day in which something may happen once."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_PATTERN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
# Left at the end of a window for the last to begin.
_LAST_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class Window:
    """A time of day.

    Attributes:
        start: Minutes after midnight.
        length: Minutes; may reach into the next day.
    """

    start: int
    length: int

    def occurrence(self, now: datetime, share: float = 0.0) -> str:
        """The occurrence ``now`` lies in, as its start; empty outside, or before one's turn.

        Args:
            now: Local time, aware.
            share: Position of this one's turn, 0 to 1, so that a province does not begin at
                the same minute; ``share_of`` gives it.
        """
        minutes = now.hour * 60 + now.minute - self.start
        into = minutes % (24 * 60)
        if not share * _LAST_SHARE * self.length <= into < self.length:
            return ""
        return (now - timedelta(minutes=into)).strftime("%Y-%m-%dT%H:%M")

    def left(self, now: datetime) -> float:
        """Seconds to the end of the occurrence ``now`` lies in; 0 outside."""
        seconds = now.hour * 3600 + now.minute * 60 + now.second + now.microsecond / 1e6
        into = (seconds - self.start * 60) % (24 * 3600)
        return max(0.0, self.length * 60 - into)


def parse_window(text: str) -> Window:
    """Read ``HH:MM-HH:MM``.

    Raises:
        ValueError: It is not that, or it is empty.
    """
    match = _PATTERN.fullmatch(text)
    if not match:
        raise ValueError(f"`{text}` is not HH:MM-HH:MM")
    hour, minute, end_hour, end_minute = map(int, match.groups())
    start = hour * 60 + minute
    length = (end_hour * 60 + end_minute - start) % (24 * 60)
    if not length:
        raise ValueError(f"`{text}` has no length")
    return Window(start, length)


def share_of(name: str) -> float:
    """The same number from 0 to 1 for the same name, evenly spread over names."""
    digest = hashlib.blake2b(name.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**32


def check_hours(windows: Sequence[str], zone: str) -> None:
    """Refuse times of day, or a zone, that do not exist.

    Raises:
        ValueError: Says which.
    """
    for text in windows:
        parse_window(text)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"no time zone `{zone}`") from error


def time_left(windows: Sequence[str], zone: str, unix_seconds: float) -> float:
    """Seconds until the present window ends; 0 outside every one, infinite without any."""
    if not windows:
        return float("inf")
    now = datetime.fromtimestamp(unix_seconds, ZoneInfo(zone))
    return max(parse_window(text).left(now) for text in windows)
