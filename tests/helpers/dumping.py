"""Folders of dumps, and one look at them."""

import gzip
import os
import time
from pathlib import Path
from typing import Any

from helpers.looking import look, probe_text

from tramgac_agent.drop import Record

HOUR = 3600.0
MYSQL = "-- MariaDB dump 10.19  Distrib 10.11\n--\n-- Host: localhost\nCREATE TABLE t (a INT);\n"
MYSQL_END = "-- Dump completed on 2026-01-05  2:00:07\n"


def aged(path: Path, hours: float, content: bytes | None = None) -> Path:
    """A file last changed so many hours ago."""
    if content is not None:
        path.write_bytes(content)
    then = time.time() - hours * HOUR
    os.utime(path, (then, then))
    return path


def look_at(folder: Path, *, now_ms: int = 0, seconds: float = 30.0, **series: Any) -> list[Record]:
    text = probe_text("dumps", folder=str(folder), **series)
    return look(text, folder.parent, now_ms=now_ms, seconds=seconds)


def squeezed(text: str) -> bytes:
    # No time in it: several runners must see the same bytes.
    return gzip.compress(text.encode(), mtime=0)
