"""Starts the children that renew or replace the certificate.

They need cryptography, which must not stay resident, so they are processes of their own.
"""

import logging
import subprocess
import sys
import time
from collections.abc import Callable
from random import SystemRandom

_TRY_SECONDS = 3600.0
# A person was asked; design: whoever is pending knocks every 15 minutes.
_PENDING_SECONDS = 720.0
_EXIT_PENDING = 75
_CHILD_SECONDS = 300.0
_MODULE = {
    "renew_soon": "tramgac_agent.identity.renew",
    "expired": "tramgac_agent.identity.rejoin",
    # The store is older than this agent: it was restored from a backup.
    "agent_unknown": "tramgac_agent.identity.rejoin",
}

log = logging.getLogger(__name__)


class Renewal:
    """At most one child at a time and one try an hour, or four while pending, jittered.

    Args:
        config_path: Handed to the child.
        monotonic: Seconds; tests move it by hand.
    """

    def __init__(self, config_path: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._config_path = config_path
        self._monotonic = monotonic
        self._random = SystemRandom()
        self._child: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._next = 0.0

    def consider(self, verdict: str, *, asked: bool = False) -> bool:
        """Look after the child that runs; start one when ``verdict`` or the collector says so.

        Args:
            verdict: What the certificate looks like, or why the collector refuses us.
            asked: The collector wants the certificate renewed.

        Returns:
            Whether a child was started; in a few seconds it may have changed everything.
        """
        self._reap()
        code = "renew_soon" if asked and verdict == "ok" else verdict
        module = _MODULE.get(code)
        if module is None or self._child is not None or self._monotonic() < self._next:
            return False
        self._started = self._monotonic()
        self._next = self._started + _TRY_SECONDS * self._random.uniform(1.0, 1.25)
        log.info("certificate: %s, starting %s", code, module)
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-m", module, "--config", self._config_path],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        except OSError as error:
            log.error("certificate: %s cannot be started: %s", module, error)  # noqa: TRY400
        return self._child is not None

    def _reap(self) -> None:
        if self._child is None:
            return
        if self._child.poll() is None:
            if self._monotonic() - self._started < _CHILD_SECONDS:
                return
            self._child.kill()
            self._child.wait()
        log.info("certificate: child ended with %d", self._child.returncode)
        if self._child.returncode == _EXIT_PENDING:
            self._next = self._monotonic() + _PENDING_SECONDS * self._random.uniform(1.0, 1.25)
        self._child = None

    def stop(self) -> None:
        """End the child that runs; files are replaced atomically, so nothing is left half done."""
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(2.0)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
            self._child = None
