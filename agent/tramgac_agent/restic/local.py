"""What the files of a repository on this machine show without opening it.

restic names a file after the SHA-256 of its content (restic: doc/design.rst, "Repository
Format"), so a damaged one shows without a key, also where restic's own cache would hide it.
"""

import hashlib
import os
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_MAX_NAMES = 100_000
# Beyond this, files are taken for whole; a snapshot file is less than a kilobyte.
_MAX_HASHED_FILES = 10_000
_MAX_HASHED_BYTES = 64 * 1024 * 1024
_PIECE_BYTES = 1024 * 1024
_ID = re.compile(r"\A[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Files:
    """Names by kind.

    Attributes:
        config: SHA-256 of the config file: another one is another repository.
        snapshots: All there are, damaged ones included.
        damaged: Snapshots whose content is not what their name says.
        locks: None when there is no such folder.
        damaged_locks: Locks that nobody can read.
        keys: None when there is no such folder.
    """

    folder: Path
    config: str
    snapshots: frozenset[str]
    damaged: frozenset[str]
    locks: frozenset[str] | None
    damaged_locks: frozenset[str]
    keys: int | None

    def has_lock(self, identity: str) -> bool:
        """Whether a lock is there now."""
        return (self.folder / "locks" / identity).exists()

    def unreadable(self, listed: Collection[str]) -> int:
        """Damaged snapshots, and those that are still there and were not ``listed``.

        The latter are whole and yet nothing restic can open, such as another repository's.
        """
        left_out = self.snapshots - self.damaged - frozenset(listed)
        there = sum((self.folder / "snapshots" / one).exists() for one in left_out)
        return len(self.damaged) + there


def read(folder: Path) -> Files | None:
    """Names and damage of a repository; None when there is none.

    Raises:
        OSError: Something in it cannot be read by this user, or at all.
    """
    try:
        config = hashlib.sha256((folder / "config").read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
    snapshots = _names(folder / "snapshots") or frozenset()
    locks = _names(folder / "locks")
    keys = _names(folder / "keys")
    return Files(
        folder=folder,
        config=config,
        snapshots=snapshots,
        damaged=frozenset(_damaged(folder / "snapshots", snapshots)),
        locks=locks,
        damaged_locks=frozenset(_damaged(folder / "locks", locks or ())),
        keys=None if keys is None else len(keys),
    )


def _names(folder: Path) -> frozenset[str] | None:
    try:
        with os.scandir(folder) as entries:
            found = (entry.name for entry, _ in zip(entries, range(_MAX_NAMES), strict=False))
            return frozenset(name for name in found if _ID.match(name))
    except FileNotFoundError:
        return None


def _damaged(folder: Path, names: frozenset[str] | tuple[()]) -> Iterator[str]:
    """Which of ``names`` hold something else than they say; one that goes meanwhile is none."""
    left = _MAX_HASHED_BYTES
    for name in sorted(names)[:_MAX_HASHED_FILES]:
        with suppress(FileNotFoundError), (folder / name).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            left -= size
            if left < 0:
                return
            if hash_of(file.fileno(), size).hex() != name:
                yield name


def hash_of(file: int, size: int) -> bytes:
    """SHA-256 of an open file; a file that grows meanwhile is read no further than ``size``."""
    digest = hashlib.sha256()
    while size > 0:
        piece = os.read(file, min(_PIECE_BYTES, size))
        if not piece:
            break
        digest.update(piece)
        size -= len(piece)
    return digest.digest()
