"""``statvfs`` that cannot hang the caller: a daemon thread for each call, one per path."""

import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

StatVfs = Callable[[str], os.statvfs_result]


@dataclass(frozen=True, slots=True)
class Usage:
    """What ``statvfs`` said, in bytes and inodes.

    Attributes:
        used_ratio: used / (used + avail) as df counts it: blocks reserved for root are
            neither. None where there is nothing to divide.
        files: None where the file system sets no limit (btrfs, some NFS servers).
    """

    size: int
    avail: int
    used_ratio: float | None
    files: int | None
    files_free: int | None


def usage_of(answer: os.statvfs_result) -> Usage:
    """Turn blocks into bytes and df's percentage."""
    used = answer.f_blocks - answer.f_bfree
    usable = used + answer.f_bavail
    return Usage(
        size=answer.f_blocks * answer.f_frsize,
        avail=answer.f_bavail * answer.f_frsize,
        used_ratio=used / usable if usable > 0 else None,
        files=answer.f_files or None,
        files_free=answer.f_ffree if answer.f_files else None,
    )


class _Call(threading.Thread):
    """One call under way. A daemon: it may never come back."""

    def __init__(self, path: str, statvfs: StatVfs) -> None:
        super().__init__(name=f"statvfs {path}", daemon=True)
        self._path = path
        self._statvfs = statvfs
        self.answer: os.statvfs_result | OSError | None = None

    def run(self) -> None:
        """Ask the kernel, for as long as it takes."""
        try:
            self.answer = self._statvfs(self._path)
        except OSError as error:
            self.answer = error


class StatfsDesk:
    """Asks many paths at once and remembers which still owe an answer."""

    def __init__(self, statvfs: StatVfs = os.statvfs) -> None:
        self._statvfs = statvfs
        self._owing: dict[str, _Call] = {}

    def ask(
        self, paths: Iterable[str], limit: float
    ) -> dict[str, os.statvfs_result | OSError | None]:
        """Return the answer for each path, None for one that hangs.

        Args:
            paths: Mount points.
            limit: Seconds for all of them together. A path that hung before and still does
                is not waited for again, and never gets a second thread.
        """
        self._owing = {path: call for path, call in self._owing.items() if call.is_alive()}
        hung = set(self._owing)
        calls = {path: self._owing.get(path) or self._begin(path) for path in paths}
        ends = time.monotonic() + limit
        for path, call in calls.items():
            if path not in hung:
                call.join(max(0.0, ends - time.monotonic()))
        return {path: call.answer for path, call in calls.items()}

    def _begin(self, path: str) -> _Call:
        call = self._owing[path] = _Call(path, self._statvfs)
        call.start()
        return call
