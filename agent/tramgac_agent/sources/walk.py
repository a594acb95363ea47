"""Counts a tree of files, all of it or nothing."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tramgac_agent.restic.runner import Budget

MAX_WALKED = 200_000


@dataclass(frozen=True, slots=True)
class Tree:
    """What a walk to its end counted.

    Attributes:
        files: Plain files, without the marker.
        bytes: Their lengths.
        newest_ms: Latest time of change that is not in the future; 0 when there is none.
        future: There is a later one.
    """

    files: int
    bytes: int
    newest_ms: int
    future: bool


def walk(root: Path, marker: str, latest_ms: int, budget: Budget) -> Tree | None:
    """Count what lies below ``root``, on its own file system, no link followed.

    Args:
        root: A folder.
        marker: Name of a file in it that does not count; may be empty.
        latest_ms: What was changed later comes from the future, in Unix milliseconds.
        budget: Time to do it in.

    Returns:
        None when there is too much, too little time, or a part that cannot be read: half a
        count would look like a loss.
    """
    files = size = newest_ms = 0
    future = False
    try:
        for number, found in enumerate(_below(root, marker)):
            if number >= MAX_WALKED or budget.left <= 0:
                return None
            if stat.S_ISREG(found.st_mode):
                files, size = files + 1, size + found.st_size
                changed_ms = found.st_mtime_ns // 1_000_000
                future = future or changed_ms > latest_ms
                newest_ms = max(newest_ms, changed_ms if changed_ms <= latest_ms else 0)
    except OSError:
        return None
    return Tree(files, size, newest_ms, future)


def _below(root: Path, marker: str) -> Iterator[os.stat_result]:
    """Everything below, in no order; what goes away meanwhile is left out."""
    device = root.stat().st_dev
    todo = [str(root)]
    while todo:
        folder = todo.pop()
        is_root = folder == str(root)
        with suppress(FileNotFoundError), os.scandir(folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    found = entry.stat(follow_symlinks=False)
                    if is_root and entry.name == marker:
                        continue
                    if stat.S_ISDIR(found.st_mode) and found.st_dev == device:
                        todo.append(entry.path)
                    yield found
