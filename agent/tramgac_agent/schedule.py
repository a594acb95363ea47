"""When checks run: APScheduler, with its traps closed, and a watchdog for stepping clocks.

APScheduler drops runs that are later than one second unless told otherwise, and a wall clock
that steps backwards makes it oversleep; both would be silent gaps.
"""

import logging
import threading
from datetime import datetime, timedelta, timezone
from typing import Any

from tramgac_agent.clock import Clock
from tramgac_agent.lean_apscheduler import (
    BackgroundScheduler,
    IntervalTrigger,
    ThreadPoolExecutor,
    events,
)
from tramgac_agent.runner import Runner

# Vietnam has no daylight saving; the zone only matters for what people read in logs.
_ZONE = timezone(timedelta(hours=7))
_FIRST_RUNS_SPREAD_SECONDS = 0.3
_MAX_JITTER_SECONDS = 10
_STEP_MS = 2_000
_WATCH_SECONDS = 5.0
_SKIPPED = events.EVENT_JOB_MISSED | events.EVENT_JOB_ERROR | events.EVENT_JOB_MAX_INSTANCES

log = logging.getLogger(__name__)


class SteadyInterval(IntervalTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Forgets the runs that a clock set ahead left behind.

    APScheduler lists every one of them before it coalesces: a host that thought it was 2000
    and is told the truth would need minutes and gigabytes for that.
    """

    def get_next_fire_time(
        self, previous_fire_time: datetime | None, now: datetime
    ) -> datetime | None:
        """The next run, at most one interval behind."""
        if previous_fire_time and now - previous_fire_time > self.interval * 2:
            previous_fire_time = now - self.interval
        found: datetime | None = super().get_next_fire_time(previous_fire_time, now)
        return found


def _trigger(interval: float) -> SteadyInterval:
    jitter = min(_MAX_JITTER_SECONDS, int(interval * 0.1)) or None
    return SteadyInterval(seconds=interval, jitter=jitter, timezone=_ZONE)


class Schedule:
    """Starts every check in turn, then at its own interval with jitter."""

    def __init__(self, runner: Runner, clock: Clock) -> None:
        self._runner = runner
        self._clock = clock
        self._halt = threading.Event()
        self._scheduler = BackgroundScheduler(
            timezone=_ZONE,
            executors={"default": ThreadPoolExecutor(max(1, len(runner.intervals)))},
            job_defaults={"coalesce": True, "max_instances": 1},
        )
        self._watchdog = threading.Thread(target=self._watch, name="clock-watch", daemon=True)

    def start(self) -> None:
        """Begin; the first run of every check comes within seconds."""
        now = datetime.now(_ZONE)
        for place, (name, interval) in enumerate(sorted(self._runner.intervals.items())):
            self._scheduler.add_job(
                self._runner.run,
                _trigger(interval),
                args=[name],
                id=name,
                misfire_grace_time=max(1, int(interval)),
                next_run_time=now + timedelta(seconds=place * _FIRST_RUNS_SPREAD_SECONDS),
            )
        self._scheduler.add_listener(
            self._count,
            events.EVENT_JOB_MISSED | events.EVENT_JOB_ERROR | events.EVENT_JOB_MAX_INSTANCES,
        )
        self._scheduler.start()
        self._watchdog.start()

    def stop(self) -> None:
        """End; a check that hangs is left behind, it dies with the process."""
        self._halt.set()
        self._runner.shutdown()
        self._scheduler.shutdown(wait=False)

    def _count(self, event: events.JobExecutionEvent) -> None:
        log.warning("%s: a run was skipped or failed (event %d)", event.job_id, event.code)
        self._runner.missed(event.job_id)

    def _offset(self) -> int:
        return self._clock.wall_ms() - self._clock.boottime_ms()

    def _watch(self) -> None:
        before = self._offset()
        while not self._halt.wait(_WATCH_SECONDS):
            after = self._offset()
            if abs(after - before) > _STEP_MS:
                log.warning("the wall clock stepped by %.1f s", (after - before) / 1000)
                self.realign()
            before = after

    def realign(self) -> None:
        """Plan every check from the clock as it is now."""
        now = datetime.now(_ZONE)
        jobs: list[Any] = self._scheduler.get_jobs()
        for place, job in enumerate(jobs):
            job.modify(next_run_time=now + timedelta(seconds=place * _FIRST_RUNS_SPREAD_SECONDS))
