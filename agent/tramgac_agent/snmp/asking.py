"""One device's turns: what is due, how long to leave it alone, what its answers say."""

import logging
import math
import random
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from tramgac_agent.checks.base import Sample
from tramgac_agent.host import statefile
from tramgac_agent.snmp.errors import SnmpFailed
from tramgac_agent.snmp.families import load
from tramgac_agent.snmp.families.base import Family, Poll
from tramgac_agent.snmp.session import Engines, Session
from tramgac_agent.snmp.settings import Device
from tramgac_agent.snmp.values import Oid, Value, Walk, oid
from tramgac_agent.snmp.wire import Told

UPTIME = oid("1.3.6.1.2.1.1.3.0")
UP = "up"

# A device that does not answer is asked again after 1, 2, 4 ... 10 minutes.
_FIRST_PAUSE, _LONGEST_PAUSE = 60.0, 600.0
_POLL_SHARE, _LONGEST_POLL = 0.8, 120.0
# However often somebody wants it: a whole table every few seconds wears a weak device down.
_LEAST_INTERVAL, _LEAST_SHARE = 10.0, 1 / 6
_LONGEST_SPREAD = 30.0
_INTERVALS_VALID, _LEAST_VALID = 2.5, 180
_SAVE_SECONDS = 300.0
_TICKS = 100
_SILENCE = "timeout"

log = logging.getLogger(__name__)


class _Kept(msgspec.Struct):
    """What one device is known by after a restart."""

    repetitions: int = 0
    memory: msgspec.Raw = msgspec.Raw(b"{}")


class Turns:
    """All polls of one device, one after another.

    Args:
        device: Whom.
        engines: Shared by all devices.
        folder: Where its memory is kept.
    """

    def __init__(self, device: Device, engines: Engines, folder: Path) -> None:
        self.device = device
        self._session = Session(device, engines)
        self._path = folder / f"{device.name}.json"
        self._family = self._recall()
        self._opened = False
        self._pause = 0.0
        self._saved = time.monotonic()
        self._told: list[Told] = []
        self._asked: Poll | None = None
        self._flags: dict[str, dict[object, float]] = {}
        # Spread, so that devices do not fall into step.
        self._least = min(map(self.interval, self._family.polls), default=0.0)
        first = time.monotonic() + random.uniform(0, min(_LONGEST_SPREAD, self._least / 10))  # noqa: S311 - no secret
        self._due = {poll.name: first for poll in self._family.polls}
        self._early = {poll.name: early for poll, early in self._first_steps()}

    def _recall(self) -> Family[Any]:
        kind = load(self.device.kind)
        kept = statefile.load(self._path, _Kept, log) or _Kept()
        if kept.repetitions:
            self._session.repetitions = min(kept.repetitions, self.device.max_repetitions)
        try:
            memory = msgspec.json.decode(kept.memory, type=kind.memory_type)
        except msgspec.MsgspecError:
            memory = kind.memory_type()  # of another kind or version: begin anew
        return kind(self.device, memory)

    def interval(self, poll: Poll) -> float:
        """Seconds between two of these polls."""
        least = max(_LEAST_INTERVAL, _LEAST_SHARE * poll.interval_seconds)
        return max(least, self.device.interval_seconds or poll.interval_seconds)

    def _first_steps(self) -> Iterator[tuple[Poll, float]]:
        """How much earlier than an interval the second time comes, seconds.

        So that the first quick round does not decide for ever that all devices are asked in the
        same moment. The polls of one device stay in step with each other.
        """
        least = self._least
        early = least * random.uniform(0, 0.5)  # noqa: S311 - no secret
        for poll in self._family.polls:
            whole = int(self.interval(poll) / least / 2)
            yield poll, early + least * random.randint(0, whole)  # noqa: S311 - no secret

    @property
    def due(self) -> float:
        """When it is to be asked next, monotonic seconds."""
        return min(self._due.values(), default=math.inf)

    def longest(self) -> float:
        """How long the next turn may take, seconds: each poll that is due has its share."""
        now = max(time.monotonic(), self.due)
        due = (poll for poll in self._family.polls if self._due[poll.name] <= now)
        return min(_POLL_SHARE * sum(map(self.interval, due)) or _LONGEST_POLL, _LONGEST_POLL)

    async def turn(self) -> list[Told]:
        """Ask what is due; a device that is silent is left alone for a while."""
        started = time.monotonic()
        self._told, self._asked = [], None
        try:
            if self._pause or not self._opened:
                # The address may be another one now, and so may the secrets.
                await self._session.open()
                self._opened = True
            ticks = await self._ticks()
            for poll in self._family.polls:
                if self._due[poll.name] <= started:
                    self._asked = poll
                    if one := await self._poll(poll):
                        self._told.append(one)
                    self._due[poll.name] = self._next(poll, started)
        except SnmpFailed as failed:
            return self.failed(failed)
        back, self._pause = self._pause > 0, 0.0
        self._save()
        return [*self._told, self._up(ticks, time.monotonic() - started, back=back)]

    async def _ticks(self) -> int | None:
        """One small question: whether it answers at all, and since when it runs."""
        value = (await self._session.get([UPTIME])).get(UPTIME)
        return value if isinstance(value, int) else None

    async def _poll(self, poll: Poll) -> Told | None:
        """One poll. What this one cannot answer says nothing of the others."""
        wanted = self._family.wanted(poll)
        valid = max(_LEAST_VALID, round(_INTERVALS_VALID * self.interval(poll)))
        name = self.device.name
        if wanted.failure:
            return Told(device=name, stream=poll.name, failure=wanted.failure)
        if not wanted.scalars and not wanted.columns:
            return None
        try:
            scalars = await self._session.get([UPTIME, *wanted.scalars])
            columns = await self._session.walk(wanted.columns)
        except SnmpFailed as failed:
            if failed.code == _SILENCE:
                raise
            log.warning("%s: %s: %s", name, poll.name, failed)
            return Told(device=name, stream=poll.name, failure=failed.code)
        reading = self._family.read(poll, _walk(scalars, columns))
        return Told(
            device=name,
            stream=poll.name,
            samples=_wired(reading.samples),
            event=self._changed(poll, reading.samples),
            valid_seconds=valid,
        )

    def _changed(self, poll: Poll, samples: Iterable[Sample]) -> bool:
        """Whether something a person is told of is otherwise than the last time."""
        news = self._family.news
        now: dict[object, float] = {
            (one.name, *sorted(one.labels.items())): one.value
            for one in samples
            if one.name in news
        }
        before, self._flags[poll.name] = self._flags.get(poll.name), now
        return before is not None and any(
            value != before.get(key, 0.0) for key, value in now.items()
        )

    def _next(self, poll: Poll, started: float) -> float:
        """An interval later; turns that were missed are not made up for."""
        interval = self.interval(poll) - self._early.pop(poll.name, 0.0)
        due = self._due[poll.name] + interval
        return due if due > started else started + interval

    def failed(self, failed: SnmpFailed) -> list[Told]:
        """What is to be said when a turn came to no good end; leave the device alone for a while.

        One that answered the first small question is not silent: what it was asked then failed,
        and only that.
        """
        log.warning("%s: %s", self.device.name, failed)
        asked, told = self._asked, self._told
        if asked is not None:
            self._due[asked.name] = self._next(asked, time.monotonic())
            # It did answer: should it fall silent now, that is news.
            back, self._pause = self._pause > 0, 0.0
            self._leave_alone(_FIRST_PAUSE)
            one = Told(device=self.device.name, stream=asked.name, failure=failed.code)
            return [*told, one, self._up(None, None, back=back)]
        self._pause = min(_LONGEST_PAUSE, 2 * self._pause or _FIRST_PAUSE)
        self._leave_alone(self._pause)
        streams = [poll.name for poll in self._family.polls]
        unasked = [Told(device=self.device.name, stream=s, failure=failed.code) for s in streams]
        return [*told, *unasked, self._silent(failed.code)]

    def _leave_alone(self, seconds: float) -> None:
        again = time.monotonic() + seconds * random.uniform(0.9, 1.1)  # noqa: S311 - no secret
        self._due = {name: max(due, again) for name, due in self._due.items()}

    def _silent(self, code: str) -> Told:
        """Only silence says that it is off: a wrong pass phrase says nothing of the device."""
        if code != _SILENCE:
            return Told(device=self.device.name, stream=UP, failure=code)
        silent = list(self._family.silent())
        if not self._family.silent_is_normal:
            silent.append(Sample("tramgac_device_up", 0.0))
        return Told(
            device=self.device.name,
            stream=UP,
            samples=_wired(silent),
            valid_seconds=max(_LEAST_VALID, round(_INTERVALS_VALID * _LONGEST_PAUSE)),
            event=self._pause == _FIRST_PAUSE,
        )

    def _up(self, ticks: int | None, seconds: float | None, *, back: bool) -> Told:
        samples = [Sample("tramgac_device_up", 1.0)]
        if seconds is not None:
            samples.append(Sample("tramgac_device_poll_seconds", round(seconds, 4)))
        if ticks is not None and ticks >= 0:
            samples.append(Sample("tramgac_device_uptime_seconds", ticks / _TICKS))
        return Told(
            device=self.device.name,
            stream=UP,
            samples=_wired(samples),
            event=back,
            valid_seconds=max(_LEAST_VALID, round(_INTERVALS_VALID * self._least)),
        )

    def _save(self, *, now: bool = False) -> None:
        if not now and time.monotonic() - self._saved < _SAVE_SECONDS:
            return
        self._saved = time.monotonic()
        memory = msgspec.Raw(msgspec.json.encode(self._family.memory))
        try:
            statefile.save(self._path, _Kept(self._session.repetitions, memory))
        except OSError as error:
            log.warning("%s: not remembered: %s", self.device.name, error)

    def close(self) -> None:
        """Keep what must be known after a restart."""
        if self._opened:
            self._save(now=True)


def _wired(samples: Iterable[Sample]) -> tuple[tuple[str, float, dict[str, str]], ...]:
    return tuple((one.name, one.value, one.labels) for one in samples)


def _walk(scalars: dict[Oid, Value], columns: dict[Oid, dict[Oid, Value]]) -> Walk:
    ticks = scalars.pop(UPTIME, None)
    now = time.time_ns() // 1_000_000
    return Walk(scalars, columns, ticks if isinstance(ticks, int) else None, now)
