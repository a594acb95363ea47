"""One look at a restic repository, through the source as the probe runs it."""

import time
from pathlib import Path

from helpers.backup import probe_config
from helpers.looking import look, state_of
from helpers.restic_repository import Repository

from tramgac_agent.drop import RepositoryState

_HOUR_MS = 3_600_000


def seen(
    repository: Repository, folder: Path, address: str = "", hours: float = 0, seconds: float = 30
) -> RepositoryState:
    """Look once, so many hours from now and for so many seconds."""
    reading = {"repository": address} if address else {}
    config = probe_config(folder, repository, restic=repository.program, **reading)
    now_ms = time.time_ns() // 1_000_000 + int(hours * _HOUR_MS)
    return state_of(look(config.read_text(), folder, now_ms=now_ms, seconds=seconds))
