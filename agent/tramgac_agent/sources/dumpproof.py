"""Reads one dump file as far as there is time, and says what is wrong with it."""

import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO, Literal
from urllib.parse import quote

from tramgac_agent.host.sqlitename import sqlite_name
from tramgac_agent.sources.base import SourceFailed, Visit
from tramgac_agent.sources.command import run
from tramgac_agent.sources.dumpfiles import (
    Kind,
    NotInTime,
    edges,
    gzip_problem,
    is_blank,
    kind_of,
    sqlite_problem,
    text_problem,
    zip_problem,
)
from tramgac_agent.sources.folders import Entry, within

# What is read to the end leaves this much of the time to say so.
_SHARE = 0.8
_SQLITE_STEPS = 100_000
_NOT_RUN = ("SQLITE_ERROR", "SQLITE_CANTOPEN")

Reach = Literal["edges", "whole", "not_in_time"]


class Changed(Exception):  # noqa: N818 - an outcome, not a defect
    """The file is another one now: it is being written, or has been rotated away."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found out about one file.

    Attributes:
        kind: By its content.
        problem: ``bad_magic``, ``truncated`` or ``corrupt``; empty when nothing is known to
            be wrong.
        reach: Whether only its ends were read, or all of it.
    """

    kind: Kind
    problem: str
    reach: Reach


def examine(entry: Entry, expected: str, visit: Visit, *, whole: bool) -> Proof:
    """Look at both ends, then read everything if ``whole`` and the kind can be checked.

    Args:
        entry: The file as it was listed.
        expected: A kind, or ``auto``.
        visit: For its time.
        whole: Read to the end.

    Raises:
        Changed: It is not the file that was listed.
        SourceFailed: It cannot be read, or the file system hangs.
    """
    found = within(visit.budget.left, lambda: _ends(entry, expected))
    if found.problem or not whole:
        return found
    until = (1 - _SHARE) * visit.budget.left
    try:
        problem = _whole(entry, found.kind, visit, lambda: visit.budget.left - until)
    except NotInTime:
        return Proof(found.kind, "", "not_in_time")
    return found if problem is None else Proof(found.kind, problem, "whole")


def _open(entry: Entry) -> BinaryIO:
    """Open the very file that was listed; never a link, a pipe or a device.

    Raises:
        Changed: It is another one.
        OSError: It cannot be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        file = os.open(entry.path, flags | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise Changed from error
    found = os.fstat(file)
    key = f"{found.st_ino}-{found.st_size}-{found.st_mtime_ns}"
    if not stat.S_ISREG(found.st_mode) or key != entry.key:
        os.close(file)
        raise Changed
    return os.fdopen(file, "rb")


def _ends(entry: Entry, expected: str) -> Proof:
    with _open(entry) as file:
        head, tail = edges(file)
        kind = kind_of(head)
        if expected == "any":
            return Proof("any", "", "edges")
        if expected not in ("auto", kind) or (kind == "any" and is_blank(head)):
            return Proof(kind, "bad_magic", "edges")
        problem = text_problem(head, tail)
        if kind == "zip":
            problem = zip_problem(file)
        if kind == "sqlite":
            problem = sqlite_problem(head, entry.size)
        return Proof(kind, problem, "edges")


def _whole(entry: Entry, kind: Kind, visit: Visit, left: Callable[[], float]) -> str | None:
    """Problem code of a file read to its end; None for a kind nothing here can check."""
    if kind == "gzip":
        return within(visit.budget.left, lambda: _gzip(entry, left))
    if kind == "sqlite":
        return within(visit.budget.left, lambda: _sqlite(entry, left))
    if kind == "pg_custom" and shutil.which("pg_restore", path=visit.environment.get("PATH")):
        return _pg_restore(entry, visit)
    return None


def _gzip(entry: Entry, left: Callable[[], float]) -> str:
    with _open(entry) as file:
        return gzip_problem(file, left)


def _sqlite(entry: Entry, left: Callable[[], float]) -> str | None:
    """SQLite's own check; immutable: no lock is taken and no journal is written.

    None when SQLite cannot run it here: a sort order or module of the application's own, a
    file that cannot be opened. That is no word on the content.
    """
    address = f"file:{quote(str(entry.path))}?mode=ro&immutable=1"
    late = False

    def is_late() -> bool:
        nonlocal late
        late = left() <= 0
        return late

    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            database.set_progress_handler(is_late, _SQLITE_STEPS)
            answer = database.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.Error as error:
        if late:
            raise NotInTime from error
        return None if sqlite_name(error).startswith(_NOT_RUN) else "corrupt"
    except UnicodeDecodeError:  # its complaint quotes a damaged schema
        return "corrupt"
    return "" if answer == ("ok",) else "corrupt"


def _pg_restore(entry: Entry, visit: Visit) -> str | None:
    """Have all of it turned into SQL that goes nowhere: no server is asked.

    ``--list`` would read the directory at the beginning only.
    """
    try:
        answer = run(["pg_restore", f"--file={os.devnull}", str(entry.path)], visit, read_only=True)
    except SourceFailed as failure:
        if failure.state == "blind_timeout":
            raise NotInTime from failure
        raise
    if answer.exit_code == 0:
        return ""
    if "unsupported version" in answer.errors or "error while loading" in answer.errors:
        return None  # the tool is older than the dump
    return "truncated" if "unexpected end of file" in answer.errors else "corrupt"
