"""Counts 1, 2, 3, ... and writes each number down before handing it over.

The store at the centre must afterwards equal the file, minus declared gaps: nothing on
the way lost, nothing doubled.
"""

import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path

from tramgac_agent.checks.base import (
    Check,
    CheckFailed,
    CheckSettings,
    Context,
    Observation,
    Sample,
)
from tramgac_agent.host.statefile import sync_directory

_TAIL_BYTES = 4096
# While so many are refused, no new ones are made.
_MAX_WAITING = 500
_WHOLE_LINE = re.compile(rb"(?:\A|(?<=\n))([1-9][0-9]{0,17})\n")


class TickCheck(Check[CheckSettings]):
    """A number an interval, fsynced to ``ticks`` in the check's folder."""

    name = "tick"
    interval_seconds = 60.0
    deadline_seconds = 10.0

    def __init__(self, settings: CheckSettings) -> None:
        super().__init__(settings)
        self._last: int | None = None
        self._waiting: list[int] = []

    def run(self, context: Context) -> list[Observation]:
        """Return the next number, after those not known to be in the outbox.

        On the first run that is the last number of the life before: only the outbox knows
        whether it got there, and it ignores tokens it has.
        """
        if len(self._waiting) < _MAX_WAITING:
            try:
                self._waiting.append(self._write_next(context))
            except OSError as error:
                raise CheckFailed("tick_file_unwritable", str(error)) from error
        return [_observation(number) for number in self._waiting]

    def stored(self, observations: Sequence[Observation]) -> None:
        """Stop repeating what the outbox has."""
        told = {one.token for one in observations}
        self._waiting = [number for number in self._waiting if str(number) not in told]

    def _write_next(self, context: Context) -> int:
        path = context.state_dir / "ticks"
        if self._last is None:
            self._last = repair(path, context.log)
            if self._last and self._last not in self._waiting:
                self._waiting.append(self._last)
        following = self._last + 1
        # Until the fsync has returned, what the file ends with is not known.
        self._last = None
        _append(path, following)
        self._last = following
        return following


def repair(path: Path, log: logging.Logger) -> int:
    """Cut off a torn end and return the last whole number, 0 in an empty file.

    Only the tail is read, however long the file has grown.
    """
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        number, end = _last_number(file.fileno(), max(0, size - _TAIL_BYTES), size)
        if end < size:
            log.warning("ticks: %d torn bytes cut off after %d", size - end, number)
            file.truncate(end)
            os.fsync(file.fileno())
    return number


def _last_number(descriptor: int, start: int, size: int) -> tuple[int, int]:
    tail = os.pread(descriptor, size - start, start)
    # A tail that begins inside a line must not take the rest of it for a number.
    found = list(_WHOLE_LINE.finditer(tail, 0 if start == 0 else 1))
    if found:
        return int(found[-1][1]), start + found[-1].end()
    return (0, 0) if start == 0 else _last_number(descriptor, 0, size)


def _append(path: Path, number: int) -> None:
    with path.open("ab") as file:
        file.write(b"%d\n" % number)
        file.flush()
        os.fsync(file.fileno())
    if number == 1:
        sync_directory(path.parent)


def _observation(number: int) -> Observation:
    sample = Sample("tramgac_tick_last", float(number))
    return Observation((sample,), event=True, token=str(number), stream="tick")
