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
        boot_id: The boot that reports.
        booted_ms: When that boot began, by our clock, with the same fastest way in it.
    """

    __slots__ = ("_boots", "_differences", "_wall_minus_boot", "boot_id", "booted_ms", "offset_ms")

    def __init__(self) -> None:
        self.offset_ms = 0
        self.boot_id = b""
        self.booted_ms = 0
        self._wall_minus_boot = 0
        self._differences: deque[int] = deque(maxlen=_REPORTS)
        self._boots: deque[int] = deque(maxlen=_REPORTS)

    def observe(self, status: fleet_pb2.AgentStatus, received_ms: int) -> int:
        """Take in one report's send time and return the new offset.

        A reboot or a set clock starts the estimate anew: the old minimum would hold a
        wrong offset for the next nine reports.
        """
        difference = status.sent_unix_ms - status.sent_boottime_ms
        rebooted = status.boot_id != self.boot_id
        if rebooted or abs(difference - self._wall_minus_boot) > _STEP_MS:
            self._differences.clear()
        if rebooted:
            self._boots.clear()
        self.boot_id = status.boot_id
        self._wall_minus_boot = difference
        self._boots.append(received_ms - status.sent_boottime_ms)
        self.booted_ms = min(self._boots)
        self._differences.append(received_ms - status.sent_unix_ms)
        self.offset_ms = min(self._differences)
        return self.offset_ms


class EventClock:
    """When the records of one report happened, by the centre's clock.

    Args:
        clock: The agent's clocks, this report taken in.
        received_ms: When the report arrived.
    """

    __slots__ = ("_boot_id", "_booted_ms", "_offset_ms", "_received_ms")

    def __init__(self, clock: ClockEstimate, received_ms: int) -> None:
        self._boot_id = clock.boot_id
        # Not this report's own: a slow way would date its records later than their successors.
        self._booted_ms = clock.booted_ms
        self._received_ms = received_ms
        self._offset_ms = clock.offset_ms

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
