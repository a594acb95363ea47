"""What is looked at in every visit: version, snapshots and locks."""

import os
import socket

from tramgac_agent.restic.adapter import ResticPy
from tramgac_agent.restic.failure import ResticFailed
from tramgac_agent.restic.local import Files
from tramgac_agent.restic.locks import read_lock
from tramgac_agent.restic.memory import KnownLock, Memory
from tramgac_agent.restic.messages import count
from tramgac_agent.restic.questions import ID
from tramgac_agent.restic.repository import Lock, Look, snapshot_of, unix_ms
from tramgac_agent.restic.runner import Runner

# Every `cat lock` is one more open of the repository.
MAX_NEW_LOCKS = 4
_UNREAD = Lock(0)


class Visit:
    """Reads one repository.

    Args:
        resticpy: For version and snapshots.
        runner: For everything else.
        memory: Read and filled.
        files: Of a repository on this machine: restic need not be asked which locks there
            are, which saves one open.
    """

    def __init__(
        self,
        resticpy: ResticPy,
        runner: Runner,
        memory: Memory,
        files: Files | None = None,
    ) -> None:
        self._resticpy = resticpy
        self._runner = runner
        self._memory = memory
        self._files = files
        self.tool_version = ""

    def look(self, now_ms: int) -> Look:
        """Version, snapshots and locks.

        Raises:
            ResticFailed: The repository could not be read.
        """
        self.tool_version = self._resticpy.version()
        snapshots = [snapshot_of(one) for one in self._resticpy.snapshots()]
        return Look(now_ms, self.tool_version, snapshots, self._locks())

    def _locks(self) -> list[Lock]:
        found, unreadable = self._found_locks()
        known = {key: lock for key, lock in self._memory.locks.items() if key in found}
        new = [one for one in found if one not in known]
        unread = [_UNREAD] * (len(new[MAX_NEW_LOCKS:]) + unreadable)
        for identity in new[:MAX_NEW_LOCKS]:
            lock = self._read_lock(identity)
            if lock is not None and lock.refreshed_ms:
                known[identity] = lock
            elif lock is not None:
                unread.append(_UNREAD)
        self._memory.locks = known
        return [_lock_of(lock) for lock in known.values()] + unread

    def _found_locks(self) -> tuple[list[str], int]:
        """Ids of the locks that can be read, and how many surely cannot."""
        files = self._files
        if files is not None and files.locks is not None:
            return sorted(files.locks - files.damaged_locks), len(files.damaged_locks)
        return [one for one in self._runner.lines("list", "locks") if ID.match(one)], 0

    def _read_lock(self, identity: str) -> KnownLock | None:
        """Content of a lock, empty when it cannot be read; None when it was released."""
        if self._files is not None and not self._files.has_lock(identity):
            return None
        try:
            entry = read_lock(self._runner, identity)
        except ResticFailed as failure:
            if failure.state == "blind_timeout":
                raise
            return KnownLock(0, "", 0)
        if entry is None:
            return None
        refreshed = unix_ms(entry.get("time"))
        return KnownLock(refreshed, str(entry.get("hostname", ""))[:255], count(entry, "pid"))


def _lock_of(lock: KnownLock) -> Lock:
    here = lock.host == socket.gethostname() and lock.pid > 0
    gone = here and not _alive(lock.pid)
    return Lock(lock.refreshed_ms, owner_gone=gone, host=lock.host, pid=lock.pid)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
