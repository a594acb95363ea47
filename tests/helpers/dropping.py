"""Drop files as a test writes them: one good run, one good look at a repository."""

import json
import time
from pathlib import Path
from typing import Any

from helpers.backup import SERIES, drop_folder

from tramgac_agent.checks.drop import DropCheck, DropSettings

NOW = time.time_ns() // 1_000_000
RUN: dict[str, Any] = {
    "kind": "backup_run",
    "version": 1,
    "series": SERIES,
    "run_id": "r1",
    "outcome": "complete",
    "started_unix_ms": NOW - 90_000,
    "ended_unix_ms": NOW - 60_000,
    "exit_code": 0,
}
STATE: dict[str, Any] = {
    "kind": "repository_state",
    "version": 1,
    "series": SERIES,
    "taken_unix_ms": NOW - 30_000,
    "state": "ok",
    "snapshots": 3,
    "newest_unix_ms": NOW - 86_400_000,
    "newest_id": "ab12",
    "locks": 0,
}


def new_check() -> DropCheck:
    return DropCheck(DropSettings())


def put(folder: Path, content: dict[str, Any] | bytes, name: str = "a.json") -> Path:
    path = drop_folder(folder) / name
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path
