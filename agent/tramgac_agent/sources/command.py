"""Runs a product's own tool: bounded in time and output, behind every other process.

Secrets go by environment or by a file the tool reads itself, never by argument.
"""

import logging
import os
import selectors
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO

from tramgac_agent.sources.base import SourceFailed, Visit

MAX_OUTPUT_BYTES = 8 * 1024 * 1024
_MAX_ERROR_BYTES = 8 * 1024
# Whoever ends the probe gives it five seconds; the tool has to be gone before.
_GRACE_SECONDS = 2.0
_POLL_SECONDS = 0.2
_CHUNK_BYTES = 65536
# What any tool may have of ours; the rest is named by who calls.
_PASSED = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TZ", "SSH_AUTH_SOCK")
_NOT_STARTED = (126, 127)
_READONLY = Path(__file__).with_name("readonly.py")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool said.

    Attributes:
        exit_code: As a shell would say it: 128 + n after signal n.
        text: All of its output, at most 8 MiB.
        errors: The end of its standard error; may name files, so for the local log only.
    """

    exit_code: int
    text: str
    errors: str


def run(
    argv: Sequence[str],
    visit: Visit,
    environment: Mapping[str, str] | None = None,
    *,
    read_only: bool = False,
) -> Answer:
    """Run ``argv`` to its end within what is left of the visit's time.

    The tool gets ``environment``, a few harmless variables of ours, English messages, no
    input, and the lowest priority. It is ended with all its children when time is up, when
    it says too much, and when the probe itself is told to end. With ``read_only`` it can
    write nowhere but in the visit's state folder (see ``readonly``).

    Raises:
        SourceFailed: ``blind_timeout``; or ``blind_tool`` when it cannot be started or says
            too much.
    """
    if visit.budget.left <= 0:
        raise SourceFailed("blind_timeout", f"{argv[0]}: no time left")
    if not shutil.which(argv[0], path=visit.environment.get("PATH")):
        raise SourceFailed("blind_tool", f"{argv[0]}: no such program")
    guard = [sys.executable, "-I", "-S", str(_READONLY), str(visit.state_folder.resolve())]
    words = [*_behind_everybody(), *(guard if read_only else ()), *argv]
    scratch = {"TMPDIR": str(visit.state_folder)} if read_only else {}
    with _started(words, visit, {**scratch, **(environment or {})}) as process:
        output, errors = _Pipe(process.stdout), _Pipe(process.stderr)
        _read(process, [output, errors], visit)
        code = process.wait()
    said = errors.kept[-_MAX_ERROR_BYTES:].decode("utf-8", "replace").strip()
    if code in _NOT_STARTED:
        raise SourceFailed("blind_tool", f"{argv[0]}: {said}")
    return Answer(128 - code if code < 0 else code, output.kept.decode("utf-8", "replace"), said)


class _Pipe:
    """One stream of the tool and what came out of it."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        if stream is None:
            raise TypeError("not a pipe")
        self.stream = stream
        self.kept = b""


def _read(process: subprocess.Popen[bytes], pipes: Sequence[_Pipe], visit: Visit) -> None:
    """Collect both streams until the tool has ended; what it left behind is not waited for."""
    with selectors.DefaultSelector() as selector:
        for pipe in pipes:
            selector.register(pipe.stream, selectors.EVENT_READ, pipe)
        while selector.get_map():
            left = visit.budget.left
            if left <= 0:
                raise SourceFailed("blind_timeout", "the tool did not end in time")
            ended = process.poll() is not None
            ready = selector.select(0 if ended else min(left, _POLL_SECONDS))
            if ended and not ready:
                return
            for key, _ in ready:
                if not _take(key.data, bounded=key.data is pipes[0]):
                    selector.unregister(key.fileobj)
    _wait(process, visit.budget.left)


def _take(pipe: _Pipe, *, bounded: bool) -> bool:
    """Take what is there; False at the end of the stream."""
    chunk = os.read(pipe.stream.fileno(), _CHUNK_BYTES)
    pipe.kept += chunk
    if bounded and len(pipe.kept) > MAX_OUTPUT_BYTES:
        raise SourceFailed("blind_tool", "the tool says too much")
    if not bounded:
        pipe.kept = pipe.kept[-_MAX_ERROR_BYTES:]
    return bool(chunk)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired as error:
        raise SourceFailed("blind_timeout", "the tool did not end in time") from error


@contextmanager
def _started(
    words: Sequence[str], visit: Visit, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The tool in a process group of its own, of which nothing is left afterwards."""
    passed = {name: visit.environment[name] for name in _PASSED if name in visit.environment}
    with _told_to_end():
        try:
            process = subprocess.Popen(
                words,
                env={**passed, "LC_ALL": "C.UTF-8", **environment},
                cwd=visit.state_folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise SourceFailed("blind_tool", f"cannot start: {error.strerror}") from error
        try:
            yield process
        finally:
            _end(process)


def _behind_everybody() -> list[str]:
    """Prefix that gives way to every other process, as far as this machine has the means."""
    nice = ["nice", "-n", "19"] if shutil.which("nice") else []
    return [*nice, *(["ionice", "-t", "-c", "3"] if shutil.which("ionice") else [])]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the whole group: first asked, then not."""
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
    _signal(process, signal.SIGKILL)  # also what it left behind
    if process.poll() is None:
        # Stuck in the kernel, as below a dead NFS server, or of another user.
        log.warning("process %d cannot be ended", process.pid)


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_SECONDS)


@contextmanager
def _told_to_end() -> Iterator[None]:
    """Turn SIGTERM into an exit that still ends the tool, which is not in our group."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    before = signal.signal(signal.SIGTERM, _leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
