"""Event time from three clocks: the agent's wall clock, its time since boot, and ours."""

from collections import deque

from tramgac_proto.v1 import fleet_pb2

# Minimum over so many reports: the one that travelled fastest tells the offset best.
_REPORTS = 10
# Wall clock against time since boot: beyond this the agent's clock was set.
_STEP_MS = 1_000
# From here on times built on the agent's wall clock are marked unreliable.
UNRELIABLE_MS = 24 * 3600 * 1000


class ClockEstimate:
    """One agent's clock as the centre sees it.

    Attributes:
        offset_ms: Add this to the agent's wall clock to get true time. Includes the
            fastest way there; 0 until the first report.
    """

    __slots__ = ("_boot_id", "_differences", "_wall_minus_boot", "offset_ms")

    def __init__(self) -> None:
        self.offset_ms = 0
        self._boot_id = b""
        self._wall_minus_boot = 0
        self._differences: deque[int] = deque(maxlen=_REPORTS)

    def observe(self, status: fleet_pb2.AgentStatus, received_ms: int) -> int:
        """Take in one report's send time and return the new offset.

        A reboot or a set clock starts the estimate anew: the old minimum would hold a
        wrong offset for the next nine reports.
        """
        difference = status.sent_unix_ms - status.sent_boottime_ms
        if status.boot_id != self._boot_id or abs(difference - self._wall_minus_boot) > _STEP_MS:
            self._differences.clear()
        self._boot_id = status.boot_id
        self._wall_minus_boot = difference
        self._differences.append(received_ms - status.sent_unix_ms)
        self.offset_ms = min(self._differences)
        return self.offset_ms


class EventClock:
    """When the records of one report happened, by the centre's clock.

    Args:
        status: What the agent said of its clocks when it sent the report.
        received_ms: When the report arrived.
        offset_ms: The agent's ``ClockEstimate``.
    """

    __slots__ = ("_boot_id", "_booted_ms", "_offset_ms", "_received_ms")

    def __init__(self, status: fleet_pb2.AgentStatus, received_ms: int, offset_ms: int) -> None:
        self._boot_id = status.boot_id
        self._booted_ms = received_ms - status.sent_boottime_ms
        self._received_ms = received_ms
        self._offset_ms = offset_ms

    def at(self, record: fleet_pb2.Record) -> tuple[int, bool]:
        """Return when ``record`` happened, and whether that is exact.

        Within the boot that is reporting, time since boot tells it, whatever the wall clock
        said; for an earlier boot the wall clock corrected by today's offset must do. Never
        in the future, never negative, never refused.
        """
        exact = record.boot_id == self._boot_id
        if exact:
            at = self._booted_ms + record.boottime_ms
        else:
            at = record.wall_unix_ms + self._offset_ms
        if at > self._received_ms:
            return self._received_ms, exact
        return (max(0, at)), exact
