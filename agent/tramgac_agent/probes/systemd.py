"""What systemd says of one unit, and whether that is good."""

import logging
import os
import subprocess
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tramgac_agent.probes.base import CannotProbe

# Its presence is what sd_booted(3) tests.
BOOTED = Path("/run/systemd/system")
PROPERTIES = ("LoadState", "ActiveState", "SubState", "Result", "NRestarts")

# A unit restarted this often within the window does not serve, whatever it says just now.
LOOP_RESTARTS = 3
LOOP_SECONDS = 900.0

_LOAD_REASONS = {"not-found": "unit_not_found", "masked": "unit_masked"}
_STATE_REASONS = {
    "active": "ok",
    "reloading": "ok",
    "refreshing": "ok",
    "activating": "unit_starting",
    "deactivating": "unit_stopping",
    "failed": "unit_failed",
    "inactive": "unit_inactive",
    "maintenance": "unit_maintenance",
}

log = logging.getLogger(__name__)


class UnitState(NamedTuple):
    """A unit as systemd sees it.

    Attributes:
        reason: ``ok`` or why the unit does not serve.
        restarts: Automatic restarts since the last start by hand; None where systemd is too
            old to count (before 235).
    """

    reason: str
    restarts: int | None


def parse_show(output: str) -> dict[str, str]:
    """Turn the ``Key=value`` lines of ``systemctl show`` into a mapping."""
    pairs = (line.partition("=") for line in output.splitlines())
    return {key: value for key, equals, value in pairs if equals}


def judge(properties: Mapping[str, str]) -> UnitState:
    """Say whether the unit serves.

    Raises:
        CannotProbe: ``systemd_unreadable``: no state among the properties.
    """
    active = properties.get("ActiveState", "")
    if not active:
        raise CannotProbe("systemd_unreadable", repr(dict(properties)))
    count = properties.get("NRestarts", "")
    restarts = int(count) if count.isascii() and count.isdigit() else None
    reason = _LOAD_REASONS.get(properties.get("LoadState", "")) or _STATE_REASONS.get(
        active, "unit_unknown"
    )
    if properties.get("SubState", "").startswith("auto-restart"):
        reason = "crash_loop"  # it fell over and waits for its next try
    return UnitState(reason, restarts)


class Restarts:
    """Remembers a unit's restart counter over the window of a crash loop."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque(maxlen=64)

    def looping(self, count: int, now: float) -> bool:
        """Note the counter at ``now`` (monotonic seconds); True if it rose too often."""
        if self._seen and count < self._seen[-1][1]:
            self._seen.clear()  # started by hand: systemd counts from 0 again
        self._seen.append((now, count))
        while now - self._seen[0][0] > LOOP_SECONDS:
            self._seen.popleft()
        return count - self._seen[0][1] >= LOOP_RESTARTS


def show(unit: str, seconds: float) -> str:
    """Ask systemd for the properties of ``unit``.

    Raises:
        CannotProbe: ``no_systemd``, ``systemd_timeout`` or ``systemd_unreachable``.
    """
    if not BOOTED.is_dir():
        raise CannotProbe("no_systemd")
    command = ["systemctl", "show", "--no-pager", "-p", ",".join(PROPERTIES), "--", unit]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError as error:
        raise CannotProbe("no_systemd", str(error)) from error
    except subprocess.TimeoutExpired as error:
        raise CannotProbe("systemd_timeout", unit) from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise CannotProbe("systemd_unreachable", said)
    return done.stdout.decode("utf-8", "replace")
