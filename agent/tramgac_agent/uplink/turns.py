"""When the next call is due: report, heartbeat, events pulled forward, waits after failures."""

import time
from collections.abc import Callable

_MAX_GAP_SECONDS = 5.0


class Turns:
    """The timetable of one agent, in monotonic seconds.

    Args:
        report_seconds: Time between reports; a heartbeat goes out at half of it.
        monotonic: Seconds; tests move it by hand.
    """

    def __init__(
        self, report_seconds: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._period = report_seconds
        self._now = monotonic
        self._report_at = 0.0
        self._beat_at = 0.0
        self._not_before = 0.0
        self._reported_at = 0.0

    def held_seconds(self) -> float:
        """Seconds in which no call at all may be made."""
        return max(0.0, self._not_before - self._now())

    def report_due(self) -> bool:
        """Whether live records are to be sent now."""
        return self._now() >= self._report_at

    def beat_due(self) -> bool:
        """Whether the centre must hear from us now, if only an empty call."""
        return self._now() >= self._beat_at

    def idle_seconds(self) -> float:
        """Seconds until report or heartbeat."""
        return max(0.0, min(self._report_at, self._beat_at) - self._now())

    def called(self, *, report: bool) -> None:
        """A call was answered."""
        now = self._now()
        self._beat_at = now + self._period / 2
        if report:
            self._reported_at = now
            self._report_at = now + self._period

    def hold(self, seconds: float) -> None:
        """Make no call for ``seconds``."""
        self._not_before = self._now() + seconds

    def report_now(self) -> None:
        """Let the next call be a report."""
        self._report_at = 0.0

    def pull_forward(self) -> None:
        """Report events soon; a flood of them does not become a flood of calls."""
        soon = self._reported_at + min(_MAX_GAP_SECONDS, self._period / 4)
        self._report_at = min(self._report_at, max(self._now(), soon))
