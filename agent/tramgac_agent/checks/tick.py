"""Counts 1, 2, 3, ... and writes each number down before handing it over.

The store at the centre must afterwards equal the file, minus declared gaps: nothing on
the way lost, nothing doubled.
"""

import logging
import os
import re
from collections.abc import Iterator
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
_WHOLE_LINE = re.compile(rb"(?:\A|(?<=\n))([1-9][0-9]{0,17})\n")


class TickCheck(Check[CheckSettings]):
    """A number an interval, fsynced to ``ticks`` in the check's folder."""

    name = "tick"
    interval_seconds = 60.0
    deadline_seconds = 10.0

    def __init__(self, settings: CheckSettings) -> None:
        super().__init__(settings)
        self._last: int | None = None

    def run(self, context: Context) -> Iterator[Observation]:
        """Return the next number, and on the first run the last one again.

        Only the outbox knows whether the last number of an earlier life reached it; it
        ignores tokens it has.
        """
        path = context.state_dir / "ticks"
        handed: list[int] = []
        try:
            if self._last is None:
                handed.append(repair(path, context.log))
            following = (handed or [self._last or 0])[-1] + 1
            # Until the fsync has returned, what the file ends with is not known.
            self._last = None
            _append(path, following)
        except OSError as error:
            raise CheckFailed("tick_file_unwritable", str(error)) from error
        self._last = following
        return (_observation(number) for number in (*handed, following) if number)


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
