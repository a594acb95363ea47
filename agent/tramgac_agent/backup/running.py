"""Whether a backup of a series is at work on this host: a shared lock on a file of its own.

The lock goes with the process that holds it, so a killed ``backup-run`` leaves no mark behind.
"""

import fcntl
import hashlib
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MODE = 0o660
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
# `is_running` holds the lock for an instant; nobody else should.
_TRIES = 5
_PAUSE_SECONDS = 0.02

log = logging.getLogger(__name__)


def _path(folder: Path, series: str) -> Path:
    return folder / f".running-{hashlib.sha256(series.encode()).hexdigest()[:16]}.lock"


@contextmanager
def mark(folder: Path, series: str) -> Iterator[None]:
    """Mark that a backup of ``series`` runs, as long as the context lasts.

    Several may hold the mark. If it cannot be had, the context is entered all the same.

    Args:
        folder: The drop folder.
        series: ``facility/host/dataset@destination``.
    """
    file = _marked(_path(folder, series))
    try:
        yield
    finally:
        if file >= 0:
            os.close(file)


def is_running(folder: Path, series: str) -> bool:
    """Whether somebody holds the mark of ``series``.

    It is advice, not a guard: without a file, or where the file may not be opened, nobody is
    known to run.
    """
    try:
        file = os.open(_path(folder, series), _FLAGS)
    except OSError:
        return False
    try:
        return not _locked(file, fcntl.LOCK_EX)
    finally:
        os.close(file)


def _marked(path: Path) -> int:
    """Descriptor that holds the lock, or -1."""
    try:
        file = _opened(path)
    except OSError as error:
        log.debug("no mark: %s", error.strerror)
        return -1
    for _ in range(_TRIES):
        if _locked(file, fcntl.LOCK_SH):
            return file
        time.sleep(_PAUSE_SECONDS)
    os.close(file)
    return -1


def _opened(path: Path) -> int:
    """The file, made if need be.

    Two calls: in a sticky folder the kernel refuses ``O_CREAT`` on another user's file that is
    there already, unless it is exclusive (``fs.protected_regular``).
    """
    try:
        file = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, _MODE)
    except FileExistsError:
        return os.open(path, _FLAGS)
    os.fchmod(file, _MODE)  # whatever the umask: the agent's group must be able to look
    return file


def _locked(file: int, kind: int) -> bool:
    """Whether the lock could be taken."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
