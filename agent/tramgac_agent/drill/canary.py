"""A canary: a small file with a nonce of ours in the protected tree, looked for in the backup.

Only the nonce's hash and time are remembered, so that whoever reads the memory cannot forge
what is in the backup.
"""

import fcntl
import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

KIND = "tramgac_canary"
DEFAULT_STATE = Path("/var/lib/tramgac-drill")
MAX_BYTES = 1024
_KEPT = 100
_NONCE_BYTES = 32


class NotPlanted(Exception):  # noqa: N818 - an outcome; the backup runs all the same
    """No canary was planted; the text says why and names no file."""


class Canary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file's content, as JSON."""

    kind: str
    series: str
    unix_ms: int
    nonce: str


class Planted(msgspec.Struct, forbid_unknown_fields=True):
    """One that is remembered.

    Attributes:
        sha256: Of the whole file, hex.
        placed: It really was put in its place.
    """

    sha256: str
    unix_ms: int
    placed: bool = False


def plant(path: Path, series: str, state_folder: Path) -> Planted:
    """Write a new canary at ``path`` in place of the old one, and remember it.

    Raises:
        NotPlanted: Somebody else's file is there, or something cannot be written.
    """
    canary = Canary(KIND, series, time.time_ns() // 1_000_000, secrets.token_hex(_NONCE_BYTES))
    data = msgspec.json.encode(canary)
    new = Planted(hashlib.sha256(data).hexdigest(), canary.unix_ms)
    try:
        if not _is_ours(path):
            raise NotPlanted("the canary's place is taken by a file that is not ours")
        with _locked(_memory(state_folder, series)) as memory:
            known = [*planted(state_folder, series), new][-_KEPT:]
            _replace(memory, msgspec.json.encode(known))
            _replace(path, data)
            new.placed = True
            _replace(memory, msgspec.json.encode(known))
    except OSError as error:
        raise NotPlanted(f"cannot be written: {error.strerror}") from error
    return new


def planted(state_folder: Path, series: str) -> list[Planted]:
    """What is remembered, oldest first; a lost or unreadable memory is an empty one."""
    try:
        return msgspec.json.decode(_memory(state_folder, series).read_bytes(), type=list[Planted])
    except (OSError, msgspec.DecodeError):
        return []


def judge(
    sha256: str, known: list[Planted], snapshot_ms: int, period_ms: float
) -> tuple[str, Planted | None]:
    """What the canary of a snapshot proves.

    Args:
        sha256: Of the file in the snapshot, hex.
        known: What was planted, oldest first.
        snapshot_ms: Start of the snapshot.
        period_ms: How much older than the snapshot its canary may be.

    Returns:
        A failure code, empty when it is right, and the canary it is.
    """
    found = next((one for one in known if one.sha256 == sha256), None)
    if found is None:
        return "nonce_wrong", None
    newer = any(one.placed and found.unix_ms < one.unix_ms <= snapshot_ms for one in known)
    old = found.unix_ms < snapshot_ms - period_ms
    return ("nonce_old" if newer and old else ""), found


def _memory(folder: Path, series: str) -> Path:
    return folder / f"canary-{hashlib.sha256(series.encode()).hexdigest()[:16]}.json"


def _is_ours(path: Path) -> bool:
    """Whether nothing is lost when ``path`` is replaced."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    with os.fdopen(file, "rb") as source:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            return False
        try:
            return msgspec.json.decode(source.read(MAX_BYTES), type=Canary).kind == KIND
        except msgspec.DecodeError:
            return False


@contextmanager
def _locked(memory: Path) -> Iterator[Path]:
    """Hold the memory alone; never waits, since a backup may be waiting for us."""
    file = os.open(memory.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield memory
    finally:
        os.close(file)


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(temporary, flags, 0o600)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(file)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
