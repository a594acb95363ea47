"""Reads one lock, which its owner may release while restic looks for it."""

import re
from typing import Any

from tramgac_agent.restic.failure import ResticFailed
from tramgac_agent.restic.messages import clean, parse_line
from tramgac_agent.restic.runner import Runner

# restic 0.14 goes on looking for a lock that is gone until its time is up.
_RELEASED = re.compile(
    rb"(?i)\bload\(<lock/[0-9a-f]+>.*(no such file|does not exist|not found|nosuchkey|\(404\))"
)


def read_lock(runner: Runner, identity: str) -> dict[str, Any] | None:
    """Content of a lock; None when it was released, empty when it makes no sense.

    Raises:
        ResticFailed: It could not be read for another reason.
        Stopped: The runner had to stop.
    """
    found: list[str] = []
    try:
        runner.stream(
            ["cat", "lock", identity],
            lambda line: found.append(clean(line)),
            enough=lambda errors: bool(_RELEASED.search(errors)),
        )
    except ResticFailed as failed:
        if failed.state == "missing" or _RELEASED.search(failed.text.encode()):
            return None
        raise
    return parse_line(" ".join(found).encode()) or {}
