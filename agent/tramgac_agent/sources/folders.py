"""Looking into folders that may be anybody's: bounded, and never waited for too long."""

import errno
import hashlib
import logging
import os
import queue
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from tramgac_agent.drop import Record, State
from tramgac_agent.restic.runner import Budget
from tramgac_agent.sources.base import SeriesSettings, Source, SourceFailed, Visit

MAX_ENTRIES = 10_000
# Not every system knows all of them.
_UNREACHABLE = frozenset(
    getattr(errno, name, errno.EIO)
    for name in (
        *("EIO", "ESTALE", "ETIMEDOUT", "ENOTCONN", "ECONNREFUSED"),
        *("EHOSTDOWN", "EHOSTUNREACH", "ENETUNREACH", "EREMOTEIO"),
    )
)
_LOWEST_PRIORITY = 19

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Series = TypeVar("Series", bound=SeriesSettings)


@dataclass(frozen=True, slots=True)
class Entry:
    """Something in a folder; a link is a link, whatever it leads to.

    Attributes:
        key: Inode, size and time of change: another content is another key.
    """

    path: Path
    is_file: bool
    is_folder: bool
    size: int
    mtime_ms: int
    key: str

    @property
    def identity(self) -> str:
        """Tells this content from another, and does not give the name away."""
        return name_hidden(f"{self.path.name}\0{self.size}\0{self.mtime_ms}")


def name_hidden(text: str) -> str:
    """An identity made of ``text`` that does not tell it."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def entries_of(folder: Path, limit: int = MAX_ENTRIES) -> list[Entry]:
    """What lies in ``folder``; what goes away meanwhile is left out.

    Raises:
        OSError: The folder cannot be read.
        SourceFailed: ``blind_tool``: more than ``limit`` entries.
    """
    found = []
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= limit:
                raise SourceFailed("blind_tool", f"{folder}: more than {limit} entries")
            with suppress(FileNotFoundError):
                found.append(_entry_of(Path(entry.path), entry.stat(follow_symlinks=False)))
    return found


def _entry_of(path: Path, found: os.stat_result) -> Entry:
    return Entry(
        path=path,
        is_file=stat.S_ISREG(found.st_mode),
        is_folder=stat.S_ISDIR(found.st_mode),
        size=found.st_size,
        mtime_ms=found.st_mtime_ns // 1_000_000,
        key=f"{found.st_ino}-{found.st_size}-{found.st_mtime_ns}",
    )


def state_of(error: OSError) -> State:
    """What it means that a folder could not be read."""
    if isinstance(error, PermissionError):
        return "blind_auth"
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "missing"
    return "blind_unreachable" if error.errno in _UNREACHABLE else "blind_tool"


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """Do ``work`` in a thread of its own, which is left behind when it hangs in the kernel.

    Raises:
        SourceFailed: ``blind_timeout``, or what an ``OSError`` of ``work`` means.
    """
    answers: queue.SimpleQueue[Result | Exception] = queue.SimpleQueue()

    def do() -> None:
        _give_way()
        try:
            answers.put(work())
        except Exception as error:  # noqa: BLE001 - handed over to whoever waits
            answers.put(error)

    threading.Thread(target=do, daemon=True, name="folder").start()
    try:
        answer = answers.get(timeout=max(0.0, seconds))
    except queue.Empty:
        raise SourceFailed("blind_timeout", "the folder does not answer") from None
    if isinstance(answer, OSError):
        raise SourceFailed(state_of(answer), str(answer)) from answer
    if isinstance(answer, Exception):
        raise answer
    return answer


def _give_way() -> None:
    """On Linux the priority is the thread's own, not the process's."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, 0, _LOWEST_PRIORITY)


def look_each(
    source: Source[Any],
    visit: Visit,
    series: Iterable[Series],
    look: Callable[[Series, Visit], Iterable[Record]],
) -> Iterator[Record]:
    """Look at one series after the other; one that hangs uses up its own share of the time."""
    todo = list(series)
    for done, one in enumerate(todo):
        share = Budget(visit.budget.left / (len(todo) - done))
        own = replace(visit, budget=share)
        try:
            yield from look(one, own)
        except SourceFailed as failure:
            log.warning("%s: %s", one.id, failure)
            said = source.blind(failure.state, visit)
            yield from (state for state in said if state.series == one.id)
