"""Compares what came out of a backup with the file that is still there."""

import os
import re
import socket
import stat
from dataclasses import dataclass
from pathlib import Path

from tramgac_agent.drill.reading import Node
from tramgac_agent.restic.local import hash_of
from tramgac_agent.restic.repository import Snapshot
from tramgac_proto.compat import iso_time

_FRACTION = re.compile(r"\.(\d{1,9})\d*")
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Saved:
    """Size and time of a file when it was saved."""

    size: int
    mtime_ns: int

    def is_still(self, found: os.stat_result) -> bool:
        """Whether the live file has not been written since.

        Some file systems keep whole seconds; then these must do.
        """
        if not stat.S_ISREG(found.st_mode) or found.st_size != self.size:
            return False
        if self.mtime_ns % _NANO == 0 or found.st_mtime_ns % _NANO == 0:
            return found.st_mtime_ns // _NANO == self.mtime_ns // _NANO
        return found.st_mtime_ns == self.mtime_ns


def unix_ns(text: str) -> int:
    """Nanoseconds of an RFC 3339 time, which ``datetime`` would cut off; -1 when it is none."""
    fraction = _FRACTION.search(text)
    try:
        moment = iso_time(_FRACTION.sub("", text, count=1))
        if moment.tzinfo is None:
            return -1
        return int(moment.timestamp()) * _NANO + int(
            (fraction[1] if fraction else "").ljust(9, "0")
        )
    except (ValueError, OverflowError):
        return -1


def snapshot_places(path: str, roots: frozenset[str]) -> list[str]:
    """Where a file of this machine may stand in a snapshot, likeliest first.

    A relative argument of ``restic backup`` puts its own name, or nothing, in place of the
    folders above it, while the snapshot still names the absolute path.
    """
    found = [path]
    for root in sorted(roots - {"/"}):
        if path.startswith(root.rstrip("/") + "/"):
            rest = path[len(root.rstrip("/")) :]
            found += [f"/{Path(root).name}{rest}", rest]
    return list(dict.fromkeys(found))


def live_places(path: str, snapshot: Snapshot) -> list[Path]:
    """Where a listed file may be on this machine; nowhere when it was saved on another."""
    if snapshot.host != socket.gethostname():
        return []
    found = []
    for root in sorted(snapshot.paths):
        base = Path(root)
        if path == root or path.startswith(root.rstrip("/") + "/"):
            return [Path(path)]
        if path.startswith(f"/{base.name}/"):
            found.append(base.parent / path[1:])
        found.append(base / path[1:])
    return found


def differs(node: Node, sha256: bytes, snapshot: Snapshot) -> bool | None:
    """Whether the live file holds other content; None when it cannot be compared.

    It is compared only while its size and time are those of the snapshot, before and after
    it is read.
    """
    saved = Saved(node.size, unix_ns(node.mtime))
    for path in live_places(node.path, snapshot):
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (OSError, ValueError):
            continue
        try:
            live = _hash_unchanged(file, saved)
        except OSError:
            continue
        finally:
            os.close(file)
        if live is not None:
            return live != sha256
    return None


def _hash_unchanged(file: int, saved: Saved) -> bytes | None:
    before = os.fstat(file)
    if saved.mtime_ns < 0 or not saved.is_still(before):
        return None
    digest = hash_of(file, before.st_size)
    after = os.fstat(file)
    same = (before.st_size, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_size,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )
    return digest if same else None
