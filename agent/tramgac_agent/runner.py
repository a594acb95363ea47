"""Runs any check: schedule, deadline, duration, success, and what the outbox is handed.

A check works in a daemon thread of its own. A run that outlives its deadline is reported as
``deadline`` and the check is not started again until that thread is back, so a hung mount or
a silent DNS server holds nothing but itself.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from tramgac_agent.checks.base import (
    AgentView,
    Check,
    CheckFailed,
    Context,
    Detail,
    NotApplicable,
    Observation,
    Sample,
)

MIN_VALID_SECONDS = 180
_INTERVALS_VALID = 2.5

log = logging.getLogger(__name__)


class Appender(Protocol):
    """The outbox as the runner sees it."""

    def append(self, check: str, observations: Sequence[Observation], *, valid_seconds: int) -> int:
        """Store observations and return how many were new."""
        ...

    @property
    def durable(self) -> bool:
        """Whether what was appended last is on the disk, not only in memory."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finished run.

    Attributes:
        code: Empty, or the stable code of the failure.
        applicable: False when the check found nothing to measure here.
    """

    check: str
    observations: tuple[Observation, ...]
    seconds: float
    code: str = ""
    applicable: bool = True

    @property
    def success(self) -> bool:
        """Whether every subject was measured."""
        return not self.code and not any(one.failure for one in self.observations)


def stream_of(detail: Detail | None) -> str:
    """The key a typed message carries itself, e.g. ``backup_run:<series>``."""
    if detail is None:
        return ""
    kind = type(detail).__name__.lower()
    for name in ("series", "system", "target", "kind"):
        key = getattr(detail, name, "")
        if key:
            return f"{kind}:{key}"
    return kind


def _is_plain(one: Observation) -> bool:
    own = one.event or one.token or one.failure or one.age_seconds or one.detail is not None
    return not own


def arrange(observations: Iterable[Observation]) -> list[Observation]:
    """Give every observation its stream and merge the plain ones of each stream.

    The centre shows the newest record of a stream and forgets the one before. An event that
    shares a stream with plain values therefore hands them its samples: told apart, it would
    wipe them out. One with a token takes them along instead: should the outbox have it
    already, its samples must not come a second time.
    """
    named = [
        one if one.stream else replace(one, stream=stream_of(one.detail)) for one in observations
    ]
    plain: dict[tuple[str, str], list[Sample]] = {}
    for one in named:
        if _is_plain(one):
            plain.setdefault((one.subject, one.stream), []).extend(one.samples)
    result: list[Observation] = []
    carried: set[tuple[str, str]] = set()
    for one in named:
        key = (one.subject, one.stream)
        if _is_plain(one):
            continue
        if key not in plain or not one.samples:
            result.append(one)
        elif one.token:
            result.append(replace(one, samples=(*one.samples, *plain[key])))
            carried.add(key)
        else:
            plain[key].extend(one.samples)
            result.append(replace(one, samples=()))
    for (subject, stream), samples in plain.items():
        if (subject, stream) in carried:
            continue
        unique = {(s.name, tuple(sorted(s.labels.items()))): s for s in samples}
        valid = max(
            one.valid_seconds
            for one in named
            if _is_plain(one) and (one.subject, one.stream) == (subject, stream)
        )
        result.append(
            Observation(tuple(unique.values()), subject=subject, stream=stream, valid_seconds=valid)
        )
    return result


def measure(check: Check[Any], context: Context) -> Outcome:
    """Run ``check`` in this thread and turn whatever happens into an outcome."""
    started = time.monotonic()
    observations: list[Observation] = []
    code, applicable = "", True
    # On a read-only disk most checks can measure; one that needs its folder says so itself.
    with suppress(OSError):
        context.state_dir.mkdir(parents=True, exist_ok=True)
    try:
        observations.extend(check.run(context))
    except NotApplicable as reason:
        context.log.info("nothing to measure: %s", reason)
        applicable = False
    except CheckFailed as failure:
        context.log.warning("failed: %s", failure)
        code = failure.code
    except Exception:  # a check's bug must not stop the others
        context.log.exception("failed unexpectedly")
        code = "internal_error"
    return Outcome(check.name, tuple(observations), time.monotonic() - started, code, applicable)


def report_of(outcome: Outcome, missed: int = 0) -> list[Observation]:
    """What the outbox is handed for one run: the check's view and the runner's own."""
    if not outcome.applicable:
        return []
    labels = {"check": outcome.check}
    own = (
        Sample("tramgac_check_success", float(outcome.success), labels),
        Sample("tramgac_check_duration_seconds", round(outcome.seconds, 6), labels),
        Sample("tramgac_check_missed_runs", float(missed), labels),
    )
    if outcome.code:
        lost = Observation(own, failure=outcome.code)
        return [*arrange(outcome.observations), lost]
    return arrange([*outcome.observations, Observation(own)])


@dataclass(slots=True)
class _Slot:
    """One check and the thread it may be in."""

    check: Check[Any]
    interval: float
    deadline: float
    context: Context
    busy: threading.Thread | None = None
    finished: threading.Event = field(default_factory=threading.Event)
    missed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def _deadline(check: Check[Any]) -> float:
    return check.settings.deadline_seconds or check.deadline_seconds


def _interval(check: Check[Any]) -> float:
    return check.settings.interval_seconds or check.interval_seconds


def valid_seconds(check: Check[Any]) -> int:
    """How long a value of this check says something: two and a half intervals."""
    return max(MIN_VALID_SECONDS, math.ceil(_INTERVALS_VALID * _interval(check)))


class Runner:
    """Runs checks one by one on request; ``schedule`` decides when.

    Args:
        checks: The checks that are switched on.
        outbox: Where observations go.
        view: What checks may see of the agent.
        notify: Called after an event was stored, so that it is sent at once.
    """

    def __init__(
        self,
        checks: Iterable[Check[Any]],
        outbox: Appender,
        view: AgentView,
        notify: Callable[[], None] = lambda: None,
    ) -> None:
        self._outbox = outbox
        self._notify = notify
        self.stop = threading.Event()
        self._slots: Mapping[str, _Slot] = {
            check.name: _Slot(
                check,
                _interval(check),
                _deadline(check),
                self._context(check, view),
            )
            for check in checks
        }

    def _context(self, check: Check[Any], view: AgentView) -> Context:
        return Context(
            log=logging.getLogger(f"tramgac_agent.check.{check.name}"),
            state_dir=view.state_dir / "checks" / check.name,
            stop=self.stop,
            deadline_seconds=_deadline(check),
            agent=view,
        )

    @property
    def intervals(self) -> dict[str, float]:
        """Seconds between runs, by check."""
        return {name: slot.interval for name, slot in self._slots.items()}

    def shutdown(self) -> None:
        """Tell running checks to end and stop waiting for them."""
        self.stop.set()
        for slot in self._slots.values():
            slot.finished.set()

    def missed(self, name: str) -> None:
        """Count a run that the schedule had to skip."""
        self._slots[name].missed += 1

    def run(self, name: str) -> Outcome | None:
        """Run one check within its deadline and store what it saw.

        Returns:
            None when its last run has not come back yet.
        """
        slot = self._slots[name]
        with slot.lock:
            if slot.busy is not None and slot.busy.is_alive():
                slot.missed += 1
                self._store(slot, Outcome(name, (), 0.0, "still_running"))
                return None
            done: list[Outcome] = []
            finished = slot.finished = threading.Event()

            def work() -> None:
                done.append(measure(slot.check, slot.context))
                finished.set()

            slot.busy = threading.Thread(target=work, name=f"check-{name}", daemon=True)
            slot.busy.start()
        finished.wait(slot.deadline)
        if self.stop.is_set() and not done:
            return None
        outcome = done[0] if done else Outcome(name, (), slot.deadline, "deadline")
        self._store(slot, outcome)
        return outcome

    def _store(self, slot: _Slot, outcome: Outcome) -> None:
        observations = report_of(outcome, slot.missed)
        try:
            self._outbox.append(
                outcome.check, observations, valid_seconds=valid_seconds(slot.check)
            )
        except ValueError as error:
            # A check that speaks of unknown series is a bug; say so once a run and go on.
            log.error("%s: observations refused: %s", outcome.check, error)  # noqa: TRY400
            return
        slot.check.handed_over(outcome.observations)
        if self._outbox.durable:
            slot.check.stored(outcome.observations)
        if any(one.event for one in observations):
            self._notify()
