"""The project's own way to call restic: streaming, bounded, with its exit code.

resticpy knows neither streaming nor time limits nor ``cat lock``; see ``adapter`` for the
three calls it does.
"""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tramgac_agent.restic.failure import ResticFailed
from tramgac_agent.restic.messages import MAX_LINE_BYTES, clean
from tramgac_agent.restic.polite import Stop, Stopped, Watch
from tramgac_agent.restic.wrapper import DEADLINE_PASSED, DEADLINE_VARIABLE, NOT_FOUND

_MAX_ERROR_BYTES = 16 * 1024
_PIECE_BYTES = 64 * 1024
# The wrapper ends restic; if the wrapper itself hangs, we end the wrapper.
_BACKSTOP_SECONDS = 15.0


class Budget:
    """Time that several calls share."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self._until - time.monotonic())


class Runner:
    """Calls restic through the wrapper.

    Args:
        binary: The wrapper's shim.
        environment: Repository, secrets and settings for restic.
        budget: Time for all calls together.
        stop: Asked before restic begins and every two seconds after; a reason ends it.
    """

    def __init__(
        self,
        binary: Path,
        environment: Mapping[str, str],
        budget: Budget,
        stop: Stop | None = None,
    ) -> None:
        self._binary = binary
        self._environment = environment
        self._budget = budget
        self._stop = stop

    def stream(
        self,
        words: Sequence[str],
        take: Callable[[bytes], None],
        *,
        pieces: bool = False,
        enough: Callable[[bytes], bool] | None = None,
    ) -> None:
        """Run ``restic WORDS`` and hand each line of its output to ``take`` as it comes.

        Args:
            words: What restic is asked.
            take: Called in the caller's thread.
            pieces: Hand over pieces of any length instead, for content that has no lines.
            enough: Given the end of standard error as it grows; restic is ended when it says so.

        Raises:
            ResticFailed: restic ended with another code than 0, or time ran out.
            Stopped: ``stop`` gave a reason, and restic did not end well.
        """
        reason = self._stop() if self._stop is not None else ""
        if reason:
            raise Stopped(reason)
        left = self._budget.left
        if left <= 0:
            raise ResticFailed(DEADLINE_PASSED, "")
        environment = {**self._environment, DEADLINE_VARIABLE: f"{left:.3f}"}
        try:
            process = subprocess.Popen(
                [self._binary, *words],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as error:
            raise ResticFailed(NOT_FOUND, str(error)) from error
        with process, _heard(process), Watch(process, self._stop) as watch:
            errors = _Tail(process.stderr, process.terminate, enough)
            backstop = threading.Timer(left + _BACKSTOP_SECONDS, process.kill)
            backstop.daemon = True
            backstop.start()
            try:
                (_each_piece if pieces else _each_line)(process.stdout, take)
                code = process.wait()
            finally:
                backstop.cancel()
        if code != 0 and watch.reason:
            raise Stopped(watch.reason)
        if code != 0:
            raise ResticFailed(DEADLINE_PASSED if code < 0 else code, errors.text())

    def lines(self, *words: str) -> list[str]:
        """Run ``restic WORDS`` and return its cleaned lines; for short answers."""
        found: list[str] = []
        self.stream(words, lambda line: found.append(clean(line)))
        return [line for line in found if line]


@contextmanager
def _heard(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End ``process`` when nobody listens to it any longer; the wrapper ends restic."""
    try:
        yield
    except BaseException:
        process.terminate()
        raise


def _each_line(stream: IO[bytes] | None, take: Callable[[bytes], None]) -> None:
    """Lines of bounded length; the rest of an overlong one comes as lines of its own."""
    if stream is not None:
        for line in iter(lambda: stream.readline(MAX_LINE_BYTES), b""):
            take(line)


def _each_piece(stream: IO[bytes] | None, take: Callable[[bytes], None]) -> None:
    if stream is not None:
        source = stream.fileno()
        for piece in iter(lambda: os.read(source, _PIECE_BYTES), b""):
            take(piece)


class _Tail:
    """Drains a stream in a thread, keeps its last bytes and can end who writes it."""

    def __init__(
        self,
        stream: IO[bytes] | None,
        end: Callable[[], None],
        enough: Callable[[bytes], bool] | None,
    ) -> None:
        self._kept = b""
        # The thread's own: the caller's is closed, and its number given away, when restic ended.
        self._source = os.dup(stream.fileno()) if stream is not None else -1
        self._end = end
        self._enough = enough
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def _drain(self) -> None:
        if self._source < 0:
            return
        with os.fdopen(self._source, "rb", buffering=0) as source:
            for chunk in iter(lambda: source.read(8192), b""):
                self._kept = (self._kept + chunk)[-_MAX_ERROR_BYTES:]
                if self._enough is not None and self._enough(self._kept):
                    self._end()

    def text(self) -> str:
        self._thread.join(timeout=5)
        return self._kept.decode("utf-8", "replace")
