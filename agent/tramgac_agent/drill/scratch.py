"""The folder a full drill restores into: private, with room, never near the data, never left.

A lock on the marker file tells a drill at work from what a killed one left behind.
"""

import fcntl
import json
import logging
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tramgac_agent.drill.tally import DrillFailed

PREFIX = "drill-"
MARKER = ".tramgac-drill"
_ROOM = 1.2  # what the content takes, in a file system that is never quite free
_MAX_LEFTOVERS = 1000

log = logging.getLogger(__name__)


def check_place(scratch: Path, protected: Iterable[str]) -> None:
    """Refuse a scratch folder that could reach, or be reached by, what is backed up.

    Args:
        scratch: As configured.
        protected: Paths of the snapshot and of a local repository.

    Raises:
        DrillFailed: ``config``, inconclusive.
    """
    if not scratch.is_dir() or scratch.is_symlink() or scratch.resolve() != scratch:
        raise _config(f"{scratch}: must be a folder that is there, and no link to one")
    found = scratch.stat()
    if found.st_uid not in {0, os.geteuid()}:
        raise _config(f"{scratch}: belongs to somebody else")
    if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
        raise _config(f"{scratch}: everybody may write there")
    for text in protected:
        for path in (Path(text), Path(text).resolve()):
            if path.is_absolute() and (
                scratch.is_relative_to(path) or path.is_relative_to(scratch)
            ):
                raise _config(f"{scratch}: lies in, or holds, what is backed up")


def check_room(scratch: Path, size: int) -> None:
    """Refuse to begin what would fill the volume.

    Raises:
        DrillFailed: ``no_space``, inconclusive.
    """
    if shutil.disk_usage(scratch).free < _ROOM * size:
        raise DrillFailed("no_space", f"{scratch}: less than 1.2 x {size} B free", conclusive=False)


@contextmanager
def opened(scratch: Path, drill_id: str) -> Iterator[Path]:
    """A fresh private folder below ``scratch``; nothing of it is left afterwards.

    Raises:
        DrillFailed: ``no_space`` or ``config``: it cannot be made.
    """
    sweep(scratch)
    folder = scratch / f"{PREFIX}{drill_id}"
    marker = -1
    try:
        try:
            folder.mkdir(mode=0o700)
            marker = os.open(folder / MARKER, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(marker, json.dumps({"pid": os.getpid()}).encode())
        except OSError as error:
            raise _config(f"{scratch}: {error.strerror}") from error
        yield folder
    finally:
        try:
            remove(folder)
        except OSError as error:  # the result still counts; the next drill tries again
            log.error("%s is NOT empty: %s", folder, error.strerror)  # noqa: TRY400 - as it says
        if marker >= 0:
            os.close(marker)


def sweep(scratch: Path) -> None:
    """Remove what drills left behind that were killed; those at work are left alone."""
    with os.scandir(scratch) as entries:
        names = [
            entry.name
            for entry, _ in zip(entries, range(_MAX_LEFTOVERS), strict=False)
            if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False)
        ]
    for name in names:
        _remove_if_left(scratch / name)


def _remove_if_left(folder: Path) -> None:
    try:
        flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        marker = os.open(folder / MARKER, flags)
    except OSError:
        return  # not ours
    try:
        fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove(folder)
    except OSError as error:
        log.info("%s stays: %s", folder, error.strerror)
    finally:
        os.close(marker)


def remove(folder: Path) -> None:
    """Delete a tree, also folders that were restored without a right to write.

    The marker goes last, so that what a crash leaves is known as ours.
    """
    if not folder.is_dir():
        return
    for place, names, _ in os.walk(folder):
        make_enterable(place, names)
    for child in folder.iterdir():
        if child.name == MARKER:
            continue
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()
    shutil.rmtree(folder)


def make_enterable(place: str, names: Iterable[str]) -> None:
    """Give ourselves the right to enter restored folders, links left alone."""
    for name in names:
        path = Path(place, name)
        if not path.is_symlink():
            path.chmod(0o700)


def _config(text: str) -> DrillFailed:
    return DrillFailed("config", text, conclusive=False)
