"""Counts what a restore really put there: its exit code alone proves nothing."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from tramgac_agent.drill.scratch import make_enterable
from tramgac_agent.drill.tally import DrillFailed, Tally
from tramgac_agent.restic.local import hash_of


def count(restored: Path, tally: Tally, tick: Callable[[], None]) -> None:
    """Read every restored file into ``tally``; links are not followed, nothing else is opened.

    Args:
        restored: Where the restore went.
        tally: Gets ``files``, ``size`` and the digests.
        tick: Called before each file; may raise to end it.

    Raises:
        DrillFailed: ``damaged``: a file cannot be read back.
    """
    for place, folders, names in os.walk(restored, onerror=_unreadable):
        make_enterable(place, folders)
        for name in names:
            tick()
            found = os.lstat(f"{place}/{name}")
            if stat.S_ISREG(found.st_mode):
                tally.digests.append(_digest(f"{place}/{name}", found.st_size))
                tally.files += 1
                tally.size += found.st_size


def _unreadable(error: OSError) -> None:
    raise DrillFailed("count_differs", f"a restored folder cannot be read: {error.strerror}")


def _digest(path: str, size: int) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except PermissionError:
        # Saved without a right to read, and we are not root: it is ours to change here.
        os.chmod(path, 0o600, follow_symlinks=False)  # noqa: PTH101 - by name, no link
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return hash_of(file, size)
    finally:
        os.close(file)


def compare(tally: Tally, expected_bytes: int) -> None:
    """Whether all of the listing is there.

    Raises:
        DrillFailed: ``nothing_restored``, ``count_differs`` or ``size_differs``.
    """
    if not tally.files:
        raise DrillFailed("nothing_restored")
    if tally.files != tally.files_expected:
        raise DrillFailed("count_differs", f"{tally.files} of {tally.files_expected} files")
    if tally.size != expected_bytes:
        raise DrillFailed("size_differs", f"{tally.size} of {expected_bytes} B")
