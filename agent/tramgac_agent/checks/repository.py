"""Runs the repository probe for repositories that the agent's own user may read.

resticpy and restic stay in a child process; what the child found comes back through a drop
folder of this check's own, the same way as from a probe of another user.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from tramgac_agent.backup.intake import Intake
from tramgac_agent.checks.base import (
    Check,
    CheckFailed,
    CheckSettings,
    Context,
    NotApplicable,
    Observation,
)

_PROBE = (sys.executable, "-I", "-m", "tramgac_agent.sources.probe")
_CODES = {0: "", 75: "timeout", 78: "config", 126: "not_found", 127: "not_found"}
_GRACE_SECONDS = 5.0
# Left to end a child and to read its reports before the runner loses patience.
_RESERVED_SHARE = 0.2
_POLL_SECONDS = 0.05
_MAX_SAID_BYTES = 8192


class RepositorySettings(CheckSettings, frozen=True, kw_only=True):
    """``[checks.repository]``.

    Attributes:
        probes: Probe configurations, one a repository; each is run in turn.
        command: Run instead of our own probe, for instance through ``sudo``; is given
            ``--config FILE --drop FOLDER`` and must keep the probe's exit codes.
    """

    probes: Annotated[tuple[str, ...], msgspec.Meta(max_length=20)] = ()
    command: tuple[str, ...] = ()


class RepositoryCheck(Check[RepositorySettings]):
    """One child a repository; a hung one is ended with its whole process group."""

    name: ClassVar[str] = "repository"
    interval_seconds: ClassVar[float] = 3600.0
    deadline_seconds: ClassVar[float] = 300.0
    settings_type: ClassVar[type[CheckSettings]] = RepositorySettings

    def __init__(self, settings: RepositorySettings) -> None:
        super().__init__(settings)
        self._intake: Intake | None = None

    def run(self, context: Context) -> Iterator[Observation]:
        """Run every probe, hand over what they reported, then say which of them failed.

        Raises:
            CheckFailed: ``unwritable``, ``timeout``, ``config``, ``not_found`` or
                ``probe_failed``.
            NotApplicable: No probe is configured.
        """
        if not self.settings.probes:
            raise NotApplicable("no probes in [checks.repository]")
        reports = context.state_dir / "reports"
        try:
            reports.mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise CheckFailed("unwritable", str(error)) from error
        until = time.monotonic() + context.deadline_seconds * (1 - _RESERVED_SHARE)
        failures = []
        for index, config in enumerate(self.settings.probes):
            # A hung repository uses up its own share of the time, not that of the next.
            share = (until - time.monotonic()) / (len(self.settings.probes) - index)
            code = self._probe(config, reports, context, share)
            if code:
                context.log.warning("%s: %s", config, code)
                failures.append(code)
        self._intake = self._intake or Intake(reports)
        yield from self._intake.observations(context)
        if failures:
            raise CheckFailed(failures[0], f"{len(failures)} of {len(self.settings.probes)} probes")

    def stored(self, observations: Sequence[Observation]) -> None:
        """Delete the reports that are in the outbox now."""
        if self._intake is not None:
            self._intake.settle(observations)

    def _probe(self, config: str, reports: Path, context: Context, seconds: float) -> str:
        """Run one probe; return its failure code, empty when it reported."""
        command = [*(self.settings.command or _PROBE), "--config", config, "--drop", str(reports)]
        environment = {
            **os.environ,
            "STATE_DIRECTORY": str(context.state_dir),
            "CACHE_DIRECTORY": str(context.state_dir / "cache"),
        }
        with tempfile.TemporaryFile() as said:
            try:
                child = subprocess.Popen(
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    start_new_session=True,
                )
            except OSError as error:
                context.log.warning("%s: %s", command[0], error.strerror)
                return "not_found"
            in_time = _wait(child, seconds, context.stop)
            said.seek(0)
            for line in said.read(_MAX_SAID_BYTES).decode("utf-8", "replace").splitlines():
                context.log.info("probe: %s", line)
        return _CODES.get(child.returncode, "probe_failed") if in_time else "timeout"


def _wait(child: subprocess.Popen[bytes], seconds: float, stop: threading.Event) -> bool:
    """Wait for the child; True when it ended by itself, else it was ended with its group."""
    until = time.monotonic() + seconds
    while child.poll() is None:
        if time.monotonic() > until or stop.is_set():
            _end(child)
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child's whole group: first asked, then not.

    One of another user (``sudo``) or stuck in the kernel stays: nobody waits for it.
    """
    for number in (signal.SIGTERM, signal.SIGKILL):  # the second also for what it left behind
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, number)
        with suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_SECONDS)
