"""What a probe remembers from one hour to the next: what never changes, costs much or may go."""

import hashlib
import os
from pathlib import Path

import msgspec

from tramgac_agent.sources.vanished import Seen

_MAX_ENTRIES = 500


class KnownLock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Content of a lock; its id is the hash of it, so it never changes. No user names."""

    refreshed_ms: int
    host: str
    pid: int


class Memory(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Cached facts of one repository.

    Attributes:
        counts: Files and bytes by snapshot id; a snapshot never changes.
        locks: By lock id.
        repository_id: Empty when it is not known.
        config: SHA-256 of the config file the id was read from; empty when it is not local.
        numbers: What is asked once a day, and when it was told.
        asked_ms: When each costly question was answered last.
        seen: Young snapshots of each series as of the last look.
        listed: How many snapshots there were when their files were listed.
        damaged: Snapshots that are known to make no sense.
    """

    counts: dict[str, tuple[int, int]] = {}
    locks: dict[str, KnownLock] = {}
    repository_id: str = ""
    config: str = ""
    numbers: dict[str, tuple[int, int]] = {}
    asked_ms: dict[str, int] = {}
    seen: dict[str, Seen] = {}
    listed: int = -1
    damaged: list[str] = []


def memory_path(folder: Path, repository: str) -> Path:
    """File for one repository; its address may hold a password and is only hashed."""
    return folder / f"restic-{hashlib.sha256(repository.encode()).hexdigest()[:16]}.json"


def load(path: Path) -> Memory:
    """Return what is remembered; a missing or unreadable file is an empty memory."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Memory)
    except (OSError, msgspec.DecodeError):
        return Memory()


def save(path: Path, memory: Memory) -> None:
    """Write atomically, newest entries only.

    Raises:
        OSError: The folder is not writable.
    """
    memory.counts = dict(list(memory.counts.items())[-_MAX_ENTRIES:])
    memory.locks = dict(list(memory.locks.items())[-_MAX_ENTRIES:])
    memory.damaged = memory.damaged[:_MAX_ENTRIES]
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(msgspec.json.encode(memory))
    temporary.replace(path)
