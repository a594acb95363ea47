"""A parent that keeps its children running and never outlives or is outlived by them."""

import logging
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tramgac_proto.configfile import EXIT_CONFIG, EXIT_OK

FIRST_DELAY_SECONDS = 0.5
LONGEST_DELAY_SECONDS = 30.0
# A child that lived this long starts the back-off anew.
STEADY_SECONDS = 60.0
STOP_SECONDS = 10.0
_NEEDS_POLL_SECONDS = 0.5

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What to run.

    Attributes:
        module: Run as ``python -m``.
        needs: Not started before this file exists.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    needs: Path | None = None


@dataclass(slots=True)
class _Child:
    spec: ChildSpec
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    failures: int = 0

    def delay(self) -> float:
        """Seconds until the next start; doubles with every quick death."""
        delay: float = FIRST_DELAY_SECONDS * 2.0 ** (self.failures - 1)
        return min(LONGEST_DELAY_SECONDS, delay)


class Supervisor:
    """Starts children, restarts the dead, stops all on SIGTERM or SIGINT.

    Args:
        specs: Children in the order they are started; stopped in reverse.
    """

    def __init__(self, specs: Sequence[ChildSpec]) -> None:
        self._children = [_Child(spec) for spec in specs]
        # Held open by this process alone: its end is the children's sign to end.
        self._lifeline, self._held = os.pipe()
        self._stopping = False

    def run(self) -> int:
        """Work until told to stop.

        Returns:
            0 after a stop that was asked for, 78 when a child refuses its configuration.
        """
        with _signals(self._stop) as awake:
            code = EXIT_OK
            while not self._stopping and code == EXIT_OK:
                code = self._reap()
                if code == EXIT_OK:
                    self._start_due()
                    _sleep(awake, self._pause())
            self._stop_children()
        return code

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _reap(self) -> int:
        for child in self._children:
            if child.process is None or child.process.poll() is None:
                continue
            status, lived = child.process.returncode, time.monotonic() - child.started
            child.process = None
            if status == EXIT_CONFIG:
                log.error("%s cannot use its configuration; stopping", child.spec.name)
                return EXIT_CONFIG
            child.failures = 1 if lived > STEADY_SECONDS else child.failures + 1
            child.due = time.monotonic() + child.delay()
            log.warning(
                "%s ended with status %d after %.0f s; again in %.1f s",
                *(child.spec.name, status, lived, child.delay()),
            )
        return EXIT_OK

    def _start_due(self) -> None:
        for child in self._children:
            ready = child.spec.needs is None or child.spec.needs.exists()
            if child.process is None and ready and child.due <= time.monotonic():
                self._start(child)

    def _start(self, child: _Child) -> None:
        spec = child.spec
        prefix = [sys.executable, "-P", "-m", "tramgac_collector.child", str(self._lifeline)]
        child.process = subprocess.Popen(
            [*prefix, spec.module, *spec.arguments],
            stdin=subprocess.DEVNULL,
            pass_fds=(self._lifeline,),
            # A Ctrl-C at the terminal reaches the parent alone, which stops them in order.
            process_group=0,
        )
        child.started = time.monotonic()
        log.info("%s is process %d", spec.name, child.process.pid)

    def _pause(self) -> float:
        """Seconds until something is due without a signal."""
        waiting = [child for child in self._children if child.process is None]
        if not waiting:
            return LONGEST_DELAY_SECONDS
        next_due = min(child.due for child in waiting) - time.monotonic()
        return max(next_due, _NEEDS_POLL_SECONDS if next_due <= 0 else 0.0)

    def _stop_children(self) -> None:
        running = [child.process for child in reversed(self._children) if child.process]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("process %d does not stop; killed", process.pid)
                process.kill()
                process.wait()
        os.close(self._held)
        os.close(self._lifeline)


def _sleep(awake: int, seconds: float) -> None:
    if select.select([awake], [], [], seconds)[0]:
        os.read(awake, 512)


@contextmanager
def _signals(stop: "signal._HANDLER") -> Iterator[int]:
    """Descriptor that becomes readable with every signal of interest."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    handlers = {
        signal.SIGTERM: stop,
        signal.SIGINT: stop,
        # Nothing to do but to wake up and look.
        signal.SIGCHLD: lambda *_: None,
    }
    old = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(-1)
        for number, handler in old.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)
