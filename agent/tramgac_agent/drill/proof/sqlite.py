"""SQLite: the library itself checks every page of the restored database, then answers."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from tramgac_agent.drill.proof.base import ProofResult, Task, locate
from tramgac_agent.drill.tally import DrillFailed

_DEFAULT_QUERY = "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
_COMPANIONS = ("", "-wal", "-journal")
_STEPS = 10_000  # virtual machine instructions between two looks at the clock


def prove(restored: Path, task: Task) -> ProofResult:
    """``PRAGMA integrity_check`` and one query, on a copy with its journal beside it.

    Raises:
        DrillFailed: ``deadline``, or the file was not restored.
    """
    path = locate(restored, task)
    copy = task.work / "database"
    for end in _COMPANIONS:
        companion = path.with_name(path.name + end)
        if companion.is_file() and not companion.is_symlink():
            shutil.copyfile(companion, f"{copy}{end}")
    try:
        # Writable: a journal left in the backup has to be played first, as the program would.
        with closing(sqlite3.connect(f"file:{quote(str(copy))}?mode=rw", uri=True)) as database:
            database.set_progress_handler(lambda: task.budget.left <= 0, _STEPS)
            return _ask(database, task.settings.proof_query or _DEFAULT_QUERY)
    except sqlite3.Error as error:
        if task.budget.left <= 0:
            raise DrillFailed("deadline", conclusive=False) from error
        return ProofResult(0, "proof_failed")


def _ask(database: sqlite3.Connection, query: str) -> ProofResult:
    if database.execute("PRAGMA integrity_check(1)").fetchall() != [("ok",)]:
        return ProofResult(0, "proof_failed")
    database.execute("PRAGMA query_only = 1")
    row = database.execute(query).fetchone()
    value = row[0] if row else 0
    count = int(value) if isinstance(value, int | float) and 0 < value < 2**53 else 0
    return ProofResult(count, "" if count else "proof_failed")
