"""What the agent itself costs: memory, CPU time, and since when it runs."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from tramgac_agent.checks.base import (
    Check,
    CheckSettings,
    Context,
    NotApplicable,
    Observation,
    Sample,
)


class SelfCheck(Check[CheckSettings]):
    """Resident memory, CPU seconds with ended children, start time."""

    name = "self"
    interval_seconds = 60.0
    deadline_seconds = 5.0

    def __init__(self, settings: CheckSettings) -> None:
        super().__init__(settings)
        self._started: float | None = None

    def run(self, context: Context) -> Iterator[Observation]:  # noqa: ARG002 - the contract's
        """Read ``/proc/self`` and ``getrusage``.

        Raises:
            NotApplicable: No ``/proc`` here.
        """
        own = Path("/proc/self")
        try:
            memory = resident_bytes((own / "statm").read_text(encoding="ascii"))
            age = time.clock_gettime(time.CLOCK_BOOTTIME) - start_after_boot(
                (own / "stat").read_text(encoding="utf-8", errors="replace")
            )
        except FileNotFoundError as error:
            raise NotApplicable("no /proc/self") from error
        if self._started is None:
            # Fixed once, so that a later clock step does not look like a restart.
            self._started = time.time() - age
        yield Observation(
            (
                Sample("tramgac_agent_resident_memory_bytes", memory),
                Sample("tramgac_agent_cpu_seconds_total", cpu_seconds()),
                Sample("tramgac_agent_start_timestamp_seconds", self._started),
            )
        )


def resident_bytes(statm: str) -> float:
    """Second field of ``/proc/PID/statm``, pages, as bytes (proc(5))."""
    return float(int(statm.split()[1]) * os.sysconf("SC_PAGESIZE"))


def start_after_boot(stat: str) -> float:
    """``starttime``, field 22 of ``/proc/PID/stat``, in seconds after boot (proc(5)).

    The command name, field 2, may hold blanks and brackets: count from its last bracket.
    """
    after_name = stat.rpartition(")")[2].split()
    return int(after_name[19]) / os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> float:
    """User and system time of this process and of its children that have ended."""
    import resource  # noqa: PLC0415 - POSIX only

    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)
