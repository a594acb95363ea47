"""How long the host is up, how it last went down, and whether its clock jumped."""

from collections.abc import Iterator, Sequence

import msgspec

from tramgac_agent.checks.base import Check, CheckSettings, Context, Observation, Sample
from tramgac_agent.clock import SYSTEM_CLOCK, Clock
from tramgac_agent.host import heartbeat, statefile
from tramgac_agent.host.heartbeat import Heartbeat, Moment, Note, Start
from tramgac_proto.v1 import fleet_pb2

STEP_SECONDS = 2.0
# The derived boot time wanders with NTP; node_exporter and psutil report such reboots.
BOOT_FUZZ_MS = 30_000
MAX_UNTOLD = 64


class UptimeCheck(Check[CheckSettings]):
    """Boot, uptime, last stop and clock steps."""

    name = "uptime"
    interval_seconds = 60.0
    deadline_seconds = 10.0

    def __init__(self, settings: CheckSettings) -> None:
        super().__init__(settings)
        self.clock: Clock = SYSTEM_CLOCK
        self._context: Context | None = None
        self._last: Heartbeat | None = None
        self._start: Start | None = None
        self._steps = 0
        self._step_seconds: float | None = None

    def run(self, context: Context) -> Iterator[Observation]:
        """Read the clocks, leave a heartbeat, tell what the last one reveals."""
        at = heartbeat.now(self.clock)
        last, start = self._last, self._start
        untold = last.untold if last else ()
        if start is None:
            last, stop = heartbeat.load(context.state_dir, context.log)
            start = heartbeat.judge_start(last, stop, at)
            untold = start.notes
        beat = Heartbeat(
            at=at,
            boot_wall_ms=stable_boot_time(last, at),
            last_stop_clean=start.last_stop_clean,
            untold=(*untold, *self._step(last, at))[-MAX_UNTOLD:],
        )
        self._context, self._start = context, start
        self._leave(beat, context)
        yield from map(_event, beat.untold)
        yield self._values(beat, start)

    def stored(self, observations: Sequence[Observation]) -> None:
        """Stop repeating what the outbox has."""
        if self._last is None or self._context is None:
            return
        told = {one.token for one in observations}
        untold = tuple(note for note in self._last.untold if note.token not in told)
        if untold != self._last.untold:
            self._leave(msgspec.structs.replace(self._last, untold=untold), self._context)

    def _leave(self, beat: Heartbeat, context: Context) -> None:
        self._last = beat
        try:
            statefile.save(context.state_dir / "heartbeat.json", beat)
        except OSError as error:
            context.log.warning("no heartbeat left, the next start will misjudge: %s", error)

    def _step(self, last: Heartbeat | None, at: Moment) -> tuple[Note, ...]:
        moved = clock_step(last, at)
        if moved is None:
            return ()
        self._steps += 1
        self._step_seconds = moved
        note = Note(
            token=f"step-{at.boot_id}-{at.boottime_ms}",
            kind="clock_step",
            from_ms=at.wall_ms - round(moved * 1000),
            to_ms=at.wall_ms,
            seconds=moved,
        )
        return (note,)

    def _values(self, beat: Heartbeat, start: Start) -> Observation:
        values: dict[str, float | bool | None] = {
            "tramgac_host_uptime_seconds": beat.at.boottime_ms / 1000,
            "tramgac_host_boot_timestamp_seconds": beat.boot_wall_ms / 1000,
            "tramgac_host_clock_steps_total": self._steps,
            "tramgac_host_clock_step_seconds": self._step_seconds,
            "tramgac_host_last_stop_clean": start.last_stop_clean,
            # A wall-clock age is worth nothing once the clock has stepped.
            "tramgac_host_last_downtime_seconds": None
            if self._steps and start.by_wall_clock
            else start.downtime_seconds,
        }
        return Observation(
            tuple(Sample(name, float(value)) for name, value in values.items() if value is not None)
        )


def clock_step(last: Heartbeat | None, at: Moment) -> float | None:
    """Seconds the wall clock moved against the time since boot, None within the limit."""
    if last is None or not at.follows(last.at):
        return None
    moved = (at.boot_wall_ms - last.at.boot_wall_ms) / 1000
    return moved if abs(moved) > STEP_SECONDS else None


def stable_boot_time(last: Heartbeat | None, at: Moment) -> int:
    """Boot time in wall milliseconds; the one told before unless it is off by the fuzz."""
    if last is None or not at.follows(last.at):
        return at.boot_wall_ms
    off = abs(at.boot_wall_ms - last.boot_wall_ms)
    return last.boot_wall_ms if off <= BOOT_FUZZ_MS else at.boot_wall_ms


def _event(note: Note) -> Observation:
    detail = fleet_pb2.OutageNote(
        kind=note.kind,
        from_unix_ms=note.from_ms,
        to_unix_ms=note.to_ms,
        seconds=note.seconds,
    )
    return Observation(detail=detail, event=True, token=note.token)
