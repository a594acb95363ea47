"""How the last stop of host and agent looked, judged from what was written before it.

Two files in the uptime check's folder: ``heartbeat.json`` (each run: this was alive then)
and ``clean-stop.json`` (the daemon's orderly stop, ``mark_clean_stop``).
"""

import logging
import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tramgac_agent.clock import SYSTEM_CLOCK, Clock
from tramgac_agent.host import statefile

# Wall clock and time since boot belong together only if read within this time.
_SAME_MOMENT_MS = 100
_TRIES = 5
_SYSTEMD = Path("/run/systemd/system")
_ASK_SYSTEMD_SECONDS = 2.0


class Moment(msgspec.Struct, frozen=True):
    """One point in time on both clocks.

    Attributes:
        boot_id: Hex; zeros where the system has none.
        wall_ms: May step.
        boottime_ms: Since boot; comparable only within one boot.
    """

    boot_id: str
    wall_ms: int
    boottime_ms: int

    @property
    def boot_wall_ms(self) -> int:
        """When the host booted, by its wall clock."""
        return self.wall_ms - self.boottime_ms

    def follows(self, earlier: "Moment") -> bool:
        """Whether this is later in the same boot (a snapshot rolled back is not)."""
        return self.boot_id == earlier.boot_id and self.boottime_ms >= earlier.boottime_ms


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """An ``OutageNote`` to be, with the token that keeps it single."""

    token: str
    kind: str
    from_ms: int
    to_ms: int
    seconds: float


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """Written each run.

    Attributes:
        at: When.
        boot_wall_ms: Boot time as told so far in this boot.
        last_stop_clean: How the boot before this one ended; None if not known.
        untold: Not known to be in the outbox; told again after a crash, by the same token.
    """

    at: Moment
    boot_wall_ms: int
    last_stop_clean: bool | None
    untold: tuple[Note, ...] = ()


class CleanStop(msgspec.Struct, frozen=True):
    """Written when the daemon stops in order.

    Attributes:
        at: When.
        host_stopping: Whether systemd said that the host was going down; None if it could
            not be asked.
    """

    at: Moment
    host_stopping: bool | None


@dataclass(frozen=True, slots=True)
class Start:
    """What a start of the agent says about the time before it.

    Attributes:
        notes: Oldest first.
        downtime_seconds: Unobserved time; None if not known.
        by_wall_clock: The figure spans a reboot, so only the wall clock could measure it.
        last_stop_clean: As in ``Heartbeat``.
    """

    notes: tuple[Note, ...]
    downtime_seconds: float | None = None
    by_wall_clock: bool = False
    last_stop_clean: bool | None = None


def now(clock: Clock) -> Moment:
    """Read both clocks at one moment, not around a pause of this process."""
    for _ in range(_TRIES):
        before = clock.boottime_ms()
        wall = clock.wall_ms()
        if clock.boottime_ms() - before <= _SAME_MOMENT_MS:
            break
    return Moment(clock.boot_id().hex(), wall, before)


def judge_start(before: Heartbeat | None, stop: CleanStop | None, at: Moment) -> Start:
    """Compare the last sign of life with the present moment."""
    if before is None:
        return Start((_started(at, at.wall_ms, 0.0),))
    orderly = stop if stop is not None and stop.at.follows(before.at) else None
    last = orderly.at if orderly else before.at
    if at.follows(last):
        seconds = (at.boottime_ms - last.boottime_ms) / 1000
        started = _started(at, at.wall_ms - round(seconds * 1000), seconds)
        return Start(
            (*before.untold, started),
            seconds,
            last_stop_clean=before.last_stop_clean,
        )
    clean: bool | None = False
    if orderly:
        clean = True if orderly.host_stopping else None
    unobserved = _elapsed(last.wall_ms, at.wall_ms)
    notes = (
        *before.untold,
        *_stopped(last, at, clean=clean),
        Note(
            token=f"boot-{at.boot_id}",
            kind="boot",
            from_ms=at.boot_wall_ms,
            to_ms=at.boot_wall_ms,
            seconds=0.0,
        ),
        _started(at, last.wall_ms, unobserved or 0.0),
    )
    return Start(notes, unobserved, by_wall_clock=True, last_stop_clean=clean)


def _started(at: Moment, since_ms: int, seconds: float) -> Note:
    return Note(
        token=f"start-{at.boot_id}-{at.boottime_ms}",
        kind="start",
        from_ms=since_ms,
        to_ms=at.wall_ms,
        seconds=seconds,
    )


def _stopped(last: Moment, at: Moment, *, clean: bool | None) -> tuple[Note, ...]:
    if clean is None:
        return ()
    note = Note(
        token=f"stop-{last.boot_id}-{last.boottime_ms}",
        kind="clean_stop" if clean else "unclean_stop",
        from_ms=last.wall_ms,
        to_ms=at.boot_wall_ms,
        seconds=_elapsed(last.wall_ms, at.boot_wall_ms) or 0.0,
    )
    return (note,)


def _elapsed(from_ms: int, to_ms: int) -> float | None:
    """Seconds between two wall times, None when they contradict each other."""
    return (to_ms - from_ms) / 1000 if to_ms >= from_ms else None


def mark_clean_stop(state_dir: Path, clock: Clock = SYSTEM_CLOCK) -> None:
    """Write down that the agent stops in order; the daemon's last act.

    It proves that the *host* went down in order only if systemd says at this moment that
    the system is stopping. A marker without that leaves the host's next stop unjudged: the
    agent was not there to see it.

    Args:
        state_dir: Folder of the ``uptime`` check.
        clock: The machine's clocks.

    Raises:
        OSError: The marker could not be written; the stop will count as unclean.
    """
    stopping = host_stopping()
    statefile.save(state_dir / "clean-stop.json", CleanStop(now(clock), stopping))


def host_stopping() -> bool | None:
    """Whether systemd is taking the system down; None if there is nobody to ask."""
    if not _SYSTEMD.is_dir():
        return None
    try:
        answer = subprocess.run(
            ["systemctl", "is-system-running"],  # noqa: S607 - found on PATH like every system tool
            capture_output=True,
            timeout=_ASK_SYSTEMD_SECONDS,
            check=False,
            text=True,
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if answer in {"", "offline", "unknown"} else answer == "stopping"


def load(state_dir: Path, log: logging.Logger) -> tuple[Heartbeat | None, CleanStop | None]:
    """Read both files; one that is missing or broken is None."""
    return (
        statefile.load(state_dir / "heartbeat.json", Heartbeat, log),
        statefile.load(state_dir / "clean-stop.json", CleanStop, log),
    )
