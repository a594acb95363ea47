"""What SQLite calls an error."""

import sqlite3
import sys

# What SQLite says of its plain codes (sqlite3ErrStr in its main.c).
_SAID = {
    "attempt to write a readonly database": "SQLITE_READONLY",
    "database disk image is malformed": "SQLITE_CORRUPT",
    "database is locked": "SQLITE_BUSY",
    "database or disk is full": "SQLITE_FULL",
    "disk I/O error": "SQLITE_IOERR",
    "file is not a database": "SQLITE_NOTADB",
    "interrupted": "SQLITE_INTERRUPT",
    "unable to open database file": "SQLITE_CANTOPEN",
}


def sqlite_name(error: sqlite3.Error) -> str:
    """SQLite's own name, as `SQLITE_CORRUPT`; empty when the error is not SQLite's.

    From Python 3.11 on it may be one of the finer names that begin with it.
    """
    if sys.version_info >= (3, 11):
        return getattr(error, "sqlite_errorname", "")
    return name_by_words(error)


def name_by_words(error: sqlite3.Error) -> str:
    """The same from type and words, which is all that Python 3.10 passes on."""
    text = str(error)
    if text in _SAID:
        return _SAID[text]
    if text.startswith("malformed database schema"):
        return "SQLITE_CORRUPT"
    return "SQLITE_ERROR" if type(error) is sqlite3.OperationalError else ""
