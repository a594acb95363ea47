"""The three clocks on every record: wall, time since boot, and which boot."""

import time
from pathlib import Path
from uuid import UUID

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock:
    """Reads the machine's clocks; tests pass a subclass that they move by hand."""

    def wall_ms(self) -> int:
        """Wall clock, milliseconds since the epoch; may step."""
        return time.time_ns() // 1_000_000

    def boottime_ms(self) -> int:
        """Milliseconds since boot, suspend counted (CLOCK_BOOTTIME); never steps."""
        clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
        return time.clock_gettime_ns(clock) // 1_000_000

    def boot_id(self) -> bytes:
        """16 bytes that change with every boot; zeros where the system has none."""
        try:
            return UUID(_BOOT_ID.read_text(encoding="ascii").strip()).bytes
        except (OSError, ValueError):
            return bytes(16)


SYSTEM_CLOCK = Clock()
