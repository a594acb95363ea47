"""One visit to a repository: one or two opens, and at most one costly question more."""

import logging
import os
import re
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec

from tramgac_agent.restic.adapter import ResticPy
from tramgac_agent.restic.failure import ResticFailed
from tramgac_agent.restic.memory import KnownLock, Memory
from tramgac_agent.restic.messages import count, parse_line
from tramgac_agent.restic.repository import (
    Counts,
    Lock,
    Look,
    Rule,
    newest_of,
    snapshot_of,
    unix_ms,
)
from tramgac_agent.restic.runner import Runner

# Every `cat lock` is one more open of the repository.
MAX_NEW_LOCKS = 4
_STORED_BYTES_EVERY_MS = 24 * 3600_000
_STORED_BYTES_FORGOTTEN_MS = 3 * _STORED_BYTES_EVERY_MS
_ID = re.compile(r"\A[0-9a-f]{64}\Z")

log = logging.getLogger(__name__)


class _Node(msgspec.Struct, frozen=True):
    """A line of ``ls --json``, of which there may be a million: no more than is needed."""

    type: str = ""
    size: Annotated[int, msgspec.Meta(ge=0)] = 0


_NODE = msgspec.json.Decoder(_Node)


class Visit:
    """Reads one repository.

    Args:
        resticpy: For version, snapshots and stats.
        runner: For everything else.
        memory: Read and filled.
        locks_folder: Of a repository on this machine: when it is empty, restic need not be
            asked for locks, which saves one open.
    """

    def __init__(
        self,
        resticpy: ResticPy,
        runner: Runner,
        memory: Memory,
        locks_folder: Path | None = None,
    ) -> None:
        self._resticpy = resticpy
        self._runner = runner
        self._memory = memory
        self._locks_folder = locks_folder
        self.tool_version = ""
        self._asked = False

    def look(self, now_ms: int) -> Look:
        """Version, snapshots and locks.

        Raises:
            ResticFailed: The repository could not be read.
        """
        self.tool_version = self._resticpy.version()
        snapshots = [snapshot_of(one) for one in self._resticpy.snapshots()]
        return Look(now_ms, self.tool_version, snapshots, self._locks())

    def counts(self, rules: Sequence[Rule], look: Look) -> dict[str, Counts]:
        """Counts of the newest snapshots that carry no summary (restic before 0.17).

        One new snapshot a visit: the rest wait an hour, so that no visit costs more than
        three opens.
        """
        newest = (newest_of(rule, look.snapshots, look.taken_ms) for rule in rules)
        bare = {one.id for one in newest if one is not None and one.counts is None and one.id}
        unknown = sorted(bare - self._memory.counts.keys())
        if unknown:
            self._asked = True
            try:
                found = self._count(unknown[0])
                self._memory.counts[unknown[0]] = (found.files, found.bytes)
            except ResticFailed as failure:
                log.warning("cannot count a snapshot: %s", failure)
        return {key: Counts(*self._memory.counts[key]) for key in bare & self._memory.counts.keys()}

    def _count(self, identity: str) -> Counts:
        """Files and bytes as a backup summary counts them; ``stats`` counts folders as files."""
        files = size = 0

        def take(line: bytes) -> None:
            nonlocal files, size
            with suppress(msgspec.DecodeError):
                node = _NODE.decode(line)
                if node.type == "file":
                    files += 1
                    size += node.size

        self._runner.stream(["--json", "ls", identity], take)
        return Counts(files, size)

    def stored_bytes(self, now_ms: int) -> int | None:
        """Size of the whole repository, asked once a day and not beside a count."""
        memory = self._memory
        age = now_ms - memory.stored_bytes_ms
        if not self._asked and not 0 <= age < _STORED_BYTES_EVERY_MS:
            self._asked = True
            try:
                memory.stored_bytes = self._resticpy.stored_bytes()
                memory.stored_bytes_ms = now_ms
            except ResticFailed as failure:
                log.warning("stored size unknown: %s", failure)
                if not 0 <= age < _STORED_BYTES_FORGOTTEN_MS:
                    memory.stored_bytes = None
        return memory.stored_bytes

    def _locks(self) -> list[Lock]:
        found: list[str] = []
        if not _is_empty(self._locks_folder):
            found = [one for one in self._runner.lines("list", "locks") if _ID.match(one)]
        known = {key: lock for key, lock in self._memory.locks.items() if key in found}
        new = [one for one in found if one not in known]
        for identity in new[:MAX_NEW_LOCKS]:
            lock = self._read_lock(identity)
            if lock is not None:
                known[identity] = lock
        self._memory.locks = known
        unread = [Lock(0)] * len(new[MAX_NEW_LOCKS:])
        return [_lock_of(lock) for lock in known.values()] + unread

    def _read_lock(self, identity: str) -> KnownLock | None:
        """Content of a lock, or None when it was released meanwhile."""
        try:
            text = " ".join(self._runner.lines("cat", "lock", identity))
        except ResticFailed as failure:
            if failure.state == "blind_timeout":
                raise
            return None
        entry = parse_line(text.encode()) or {}
        refreshed = unix_ms(entry.get("time"))
        if not refreshed:
            return None
        return KnownLock(refreshed, str(entry.get("hostname", "")), count(entry, "pid"))


def _is_empty(folder: Path | None) -> bool:
    """Whether ``folder`` is surely there and surely empty."""
    if folder is None:
        return False
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return False


def _lock_of(lock: KnownLock) -> Lock:
    here = lock.host == socket.gethostname() and lock.pid > 0
    return Lock(lock.refreshed_ms, owner_gone=here and not _alive(lock.pid))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
