"""The drop folder: how a process of another user hands evidence to the agent.

``docs/formats/drop.md`` is the format for everyone else; both sides of it live here. The
writer never overwrites, the reader trusts nothing: neither kind, size, nor content.
"""

import errno
import hashlib
import logging
import os
import re
import secrets
import stat
import time
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tramgac_agent.drop.records import Entry, Maintenance

DEFAULT_FOLDER = Path("/var/lib/tramgac/agent/drop")
MAX_FILE_BYTES = 64 * 1024
MAX_FILES_PER_READ = 200
MAX_REFUSED_KEPT = 50
FOLDER_MODE = 0o3770  # set-gid: the agent's group may read; sticky: nobody removes another's file
_FILE_MODE = 0o640
_MAX_SCANNED = 10_000
_PLANNED = re.compile(r"[0-9]+-maintenance-[0-9a-f]+\.json")
_STALE_TEMPORARY_SECONDS = 3600.0
# Say nothing of the file; it is read again next time.
_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINTR})

log = logging.getLogger(__name__)

_DECODER: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)


class Refused(Exception):  # noqa: N818 - an outcome with a reason code, not a defect
    """A drop file that is not taken; ``code`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Dropped:
    """One accepted file.

    Attributes:
        token: SHA-256 of the content: the same evidence is the same token.
        mark: Inode and change time, so that only the very file that was read is removed.
    """

    name: str
    token: str
    mark: tuple[int, int]
    record: Entry


@dataclass(frozen=True, slots=True)
class Reading:
    """What one look at the folder gave.

    Attributes:
        refused: File name and reason code of each file that was put aside.
    """

    taken: tuple[Dropped, ...]
    refused: tuple[tuple[str, str], ...]


def write(folder: Path, record: Entry) -> str:
    """Put ``record`` into ``folder`` atomically and durably; return the file's name.

    Raises:
        OSError: The folder is missing, full or not writable.
    """
    data = msgspec.json.encode(record)
    kind = record.__struct_config__.tag
    name = f"{time.time_ns() // 1_000_000}-{kind}-{secrets.token_hex(4)}.json"
    temporary = f".{name}.tmp"
    with _opened(folder) as directory:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(temporary, flags, _FILE_MODE, dir_fd=directory)
        try:
            with os.fdopen(file, "wb") as out:
                os.fchmod(file, _FILE_MODE)  # whatever the umask: the agent's group must read
                out.write(data)
                out.flush()
                os.fsync(file)
            os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError:
            os.unlink(temporary, dir_fd=directory)
            raise
        os.fsync(directory)
    return name


def parse(data: bytes, now_ms: int) -> Entry:
    """Turn the content of a file into a record.

    Raises:
        Refused: ``bad_schema``, ``bad_json``, ``future``, ``bad_times`` or ``contradiction``.
    """
    try:
        record = _DECODER.decode(data)
    except msgspec.ValidationError as error:
        raise Refused("bad_schema") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("bad_json") from error
    code = record.objection(now_ms)
    if code:
        raise Refused(code)
    return record


def planned(folder: Path, now_ms: int) -> list[Maintenance]:
    """Word of planned work that the agent has not taken yet, oldest first; nothing is touched.

    Raises:
        OSError: The folder cannot be read.
    """
    found: list[Maintenance] = []
    with _opened(folder) as directory:
        with os.scandir(directory) as entries:
            names = [one.name for one, _ in zip(entries, range(_MAX_SCANNED), strict=False)]
        for name in sorted(filter(_PLANNED.fullmatch, names))[:MAX_FILES_PER_READ]:
            try:
                record = _take(directory, name, now_ms).record
            except (FileNotFoundError, Refused):
                continue  # the agent was quicker, or will say what is wrong with it
            if isinstance(record, Maintenance):
                found.append(record)
    return found


class DropFolder:
    """The reading side; only the agent uses it, and only the agent removes files."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ensure(self) -> None:
        """Create the folder where packaging has not.

        Raises:
            OSError: It can neither be found nor made.
        """
        if not self._path.is_dir():
            self._path.mkdir(parents=True)
            self._path.chmod(FOLDER_MODE)

    def read(
        self, now_ms: int, limit: int = MAX_FILES_PER_READ, skip: Container[str] = ()
    ) -> Reading:
        """Read up to ``limit`` files in order of name; bad ones are put aside at once.

        Args:
            now_ms: Wall clock.
            limit: Most files of one reading.
            skip: Names to leave alone.

        Raises:
            OSError: The folder itself cannot be read.
        """
        taken: list[Dropped] = []
        refused: list[tuple[str, str]] = []
        with _opened(self._path) as directory:
            names = [name for name in self._names(directory) if name not in skip]
            for name in names[:limit]:
                try:
                    taken.append(_take(directory, name, now_ms))
                except FileNotFoundError:
                    continue
                except Refused as reason:
                    refused.append((name, reason.code))
                    _put_aside(directory, name, reason.code)
        return Reading(tuple(taken), tuple(refused))

    def remove(self, files: Iterable[Dropped]) -> list[str]:
        """Delete files whose evidence is safe elsewhere; a file that changed since stays.

        Returns:
            Names of those that cannot be deleted.

        Raises:
            OSError: The folder itself cannot be opened.
        """
        stuck = []
        with _opened(self._path) as directory:
            for one in files:
                try:
                    found = os.stat(one.name, dir_fd=directory, follow_symlinks=False)
                    if (found.st_ino, found.st_mtime_ns) == one.mark:
                        os.unlink(one.name, dir_fd=directory)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    log.warning("%s cannot be deleted: %s", one.name, error.strerror)
                    stuck.append(one.name)
        return stuck

    @staticmethod
    def _names(directory: int) -> list[str]:
        names: list[str] = []
        with os.scandir(directory) as entries:
            for entry, _ in zip(entries, range(_MAX_SCANNED), strict=False):
                if entry.name.startswith("."):
                    _drop_stale_temporary(directory, entry.name)
                elif entry.name.endswith(".json"):
                    names.append(entry.name)
        return sorted(names)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield directory
    finally:
        os.close(directory)


def _take(directory: int, name: str, now_ms: int) -> Dropped:
    data, mark = _read_regular(directory, name)
    return Dropped(name, hashlib.sha256(data).hexdigest(), mark, parse(data, now_ms))


def _read_regular(directory: int, name: str) -> tuple[bytes, tuple[int, int]]:
    """Content of a plain file of bounded size; nothing else is opened or waited for."""
    file = -1
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        file = os.open(name, flags, dir_fd=directory)
        found = os.fstat(file)
        # A second name may belong to a file that is none of the writer's.
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise Refused("not_regular")
        with os.fdopen(file, "rb", closefd=False) as source:
            data = source.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in _SHORTAGES:
            raise
        special = error.errno in {errno.ELOOP, errno.ENXIO}
        raise Refused("not_regular" if special else "unreadable") from error
    finally:
        if file >= 0:
            os.close(file)
    if len(data) > MAX_FILE_BYTES:
        raise Refused("too_big")
    return data, (found.st_ino, found.st_mtime_ns)


def _put_aside(directory: int, name: str, code: str) -> None:
    """Keep small bad files in ``refused/`` for a person to read; delete the rest."""
    try:
        if code in {"too_big", "not_regular"}:
            os.unlink(name, dir_fd=directory)
            return
        kept = f"{re.sub(r'[^A-Za-z0-9._-]', '_', name)[:150]}.{code}"
        try:
            os.mkdir("refused", 0o750, dir_fd=directory)
        except FileExistsError:
            _prune_refused(directory)
        os.rename(name, f"refused/{kept}", src_dir_fd=directory, dst_dir_fd=directory)
    except OSError as error:  # for instance a folder with a name that ends in .json
        log.warning("%s cannot be put aside (%s): remove it by hand", name, error.strerror)


def _prune_refused(directory: int) -> None:
    folder = os.open("refused", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
    try:
        with os.scandir(folder) as entries:
            oldest_first = sorted(
                (entry.stat(follow_symlinks=False).st_ctime, entry.name) for entry in entries
            )
        for _, name in oldest_first[: max(0, len(oldest_first) - MAX_REFUSED_KEPT + 1)]:
            os.unlink(name, dir_fd=folder)
    finally:
        os.close(folder)


def _drop_stale_temporary(directory: int, name: str) -> None:
    """Remove what a writer left behind when it was killed half-way."""
    if not name.endswith(".tmp"):
        return
    try:
        age = time.time() - os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime
        if age > _STALE_TEMPORARY_SECONDS:
            os.unlink(name, dir_fd=directory)
    except OSError as error:
        log.debug("%s: %s", name, error.strerror)
