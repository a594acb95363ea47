"""Ends a restic of ours as soon as a backup begins beside it.

Give ``Neighbours`` (or any function that returns a reason, or an empty string) to a ``Runner``
as ``stop``; it raises ``Stopped`` when restic had to go.
"""

import os
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from tramgac_agent.backup.running import is_running
from tramgac_agent.restic.repository import STALE_LOCK_MS

if TYPE_CHECKING:  # Python 3.10 has no such name
    from typing_extensions import Self

Stop = Callable[[], str]

LOOK_EVERY_SECONDS = 2.0
# Longer than the wrapper's own grace time: it must have killed restic by then.
_KILL_AFTER_SECONDS = 15.0
_MAX_LOCKS = 1000


class Stopped(Exception):  # noqa: N818 - an outcome, not a defect
    """restic was ended, or not begun, because it would have been in the way.

    Attributes:
        reason: ``backup_running`` or ``lock_seen`` from ``Neighbours``.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Neighbours:
    """Whether a backup is at work on these series or in their repository.

    Args:
        folder: The drop folder, where ``backup-run`` leaves its marks.
        series: All series of the repository.
        locks_folder: Of a repository on this machine; None: locks cannot be watched.
    """

    def __init__(self, folder: Path, series: Sequence[str], locks_folder: Path | None) -> None:
        self._folder = folder
        self._series = tuple(series)
        self._locks_folder = locks_folder

    def __call__(self) -> str:
        """``backup_running``, ``lock_seen``, or empty when nobody is there."""
        if any(is_running(self._folder, series) for series in self._series):
            return "backup_running"
        if self._locks_folder is not None and _has_live_lock(self._locks_folder):
            return "lock_seen"
        return ""


class Watch:
    """While in context, ends ``process`` once ``stop`` gives a reason: first asked, then not.

    Attributes:
        reason: Why it was ended; empty when it was not.
    """

    def __init__(self, process: subprocess.Popen[bytes], stop: Stop | None) -> None:
        self.reason = ""
        self._process = process
        self._stop = stop
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Self":
        if self._stop is not None:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._done.set()
        if self._stop is not None:
            self._thread.join()

    def _look(self) -> None:
        while self._stop is not None and not self._done.wait(LOOK_EVERY_SECONDS):
            self.reason = self._stop()
            if self.reason:
                self._process.terminate()
                if not self._done.wait(_KILL_AFTER_SECONDS):
                    self._process.kill()
                return


def _has_live_lock(folder: Path) -> bool:
    """Whether somebody refreshes a lock; one that nobody does is a leftover, not a backup.

    restic refreshes by writing a new file, so a file's age is the lock's.
    """
    oldest = time.time() - STALE_LOCK_MS / 1000
    try:
        with os.scandir(folder) as entries:
            some = [entry for entry, _ in zip(entries, range(_MAX_LOCKS), strict=False)]
    except OSError:  # restic will say what is wrong with the place
        return False
    return any(_is_young(entry, oldest) for entry in some)


def _is_young(entry: os.DirEntry[str], oldest: float) -> bool:
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:  # released while we looked
        return False
    return stat.S_ISREG(found.st_mode) and found.st_mtime > oldest
