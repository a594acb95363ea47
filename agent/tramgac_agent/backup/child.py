"""Runs a command as if we were not there: same input, output, signals and exit code."""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from tramgac_agent.restic.messages import MAX_LINE_BYTES

NOT_EXECUTABLE = 126
NOT_FOUND = 127
_FORWARDED = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
# Sent by the kernel (Ctrl-C in a terminal): the whole foreground group has it already.
_SI_KERNEL = 0x80
# A daemon the command left behind may hold the pipe; its output is not waited for.
_DAEMON_SECONDS = 1.0
# Whoever reads our output may be slow.
_DRAIN_SECONDS = 10.0
MAX_COMPLAINT_BYTES = 16 * 1024

LineTaker = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """How the command ended.

    Attributes:
        exit_code: As a shell would say it: 128 + n after signal n, 126, 127.
        signalled: A signal ended it, or it ended after one was passed on to it.
        started: False when there was nothing to run.
        complaints: The last 16 KiB of standard error.
    """

    exit_code: int
    signalled: bool = False
    started: bool = True
    complaints: bytes = b""


def run(
    command: Sequence[str],
    stdout: LineTaker | None = None,
    stderr: LineTaker | None = None,
) -> Ended:
    """Run ``command`` to its end.

    Args:
        command: Program and arguments.
        stdout: Is shown each line of standard output, which still goes out byte for byte.
            None: the command gets our own descriptor.
        stderr: Is shown each line of standard error, which is always read on the way.
    """
    watched = {*_FORWARDED, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    errors = _Tee(2, stderr)
    tees = [errors] if stdout is None else [errors, _Tee(1, stdout)]
    actions = [(os.POSIX_SPAWN_DUP2, tee.write_end, tee.target) for tee in tees]
    try:
        child = os.posix_spawnp(
            command[0],
            [*command],
            os.environ,
            file_actions=actions,
            setsigmask=[],
            setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
        )
    except FileNotFoundError:
        return Ended(NOT_FOUND, started=False)
    except OSError:
        return Ended(NOT_EXECUTABLE, started=False)
    finally:
        for tee in tees:
            tee.start()
    exit_code, signalled = _wait(child, watched)
    for tee in tees:
        tee.finish()
    return Ended(exit_code, signalled, complaints=errors.tail)


def _wait(child: int, watched: set[signal.Signals]) -> tuple[int, bool]:
    forwarded = False
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return 128 - code if code < 0 else code, forwarded or code < 0
        told = signal.sigwaitinfo(watched)
        if told.si_signo == signal.SIGCHLD:
            continue
        forwarded = forwarded or told.si_signo in _ENDING
        if told.si_code != _SI_KERNEL:
            os.kill(child, told.si_signo)


class _Tee:
    """Copies one stream of the command to ours, keeps its end, shows its lines to someone."""

    def __init__(self, target: int, take: LineTaker | None) -> None:
        self.target = target
        self._read_end, self.write_end = os.pipe()
        self._take = take
        self._tail = bytearray()
        self._writing = False
        self._thread = threading.Thread(target=self._copy, daemon=True)

    def start(self) -> None:
        """Begin; our copy of the write end goes, so that the command's exit ends the stream."""
        os.close(self.write_end)
        self._thread.start()

    @property
    def tail(self) -> bytes:
        """The last bytes that came."""
        return bytes(self._tail)

    def finish(self) -> None:
        """Wait until everything is copied.

        A daemon that the command left behind and that still writes must not find its output
        closed when we end: it could die of that. A process of its own goes on copying for it.
        """
        self._thread.join(_DAEMON_SECONDS)
        if self._writing:
            self._thread.join(_DRAIN_SECONDS)
        if self._thread.is_alive():
            with suppress(OSError):  # no process to be had: the backup's record is worth more
                if os.fork() == 0:
                    self._go_on()

    def _go_on(self) -> NoReturn:
        """Copy on in a process that holds nothing else: no lock, no other output of ours."""
        try:
            os.setsid()
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            os.dup2(self._read_end, 0)
            os.dup2(self.target, 1)
            os.closerange(2, os.sysconf("SC_OPEN_MAX"))
            for chunk in iter(lambda: os.read(0, 65536), b""):
                _write_all(1, chunk)
        finally:
            os._exit(0)

    def _copy(self) -> None:
        rest = b""
        try:
            for chunk in iter(lambda: os.read(self._read_end, 65536), b""):
                self._writing = True
                _write_all(self.target, chunk)
                self._writing = False
                self._tail += chunk
                del self._tail[:-MAX_COMPLAINT_BYTES]
                rest = self._show(rest + chunk)
            self._show(rest + b"\n")
        except OSError:
            # Nobody reads our output any more: the command finds its pipe closed, as it
            # would have without us.
            self._show(rest + b"\n")
        finally:
            os.close(self._read_end)

    def _show(self, data: bytes) -> bytes:
        """Show every whole line; return what is left."""
        if self._take is None:
            return b""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._take(line)
        return rest[:MAX_LINE_BYTES]


def _write_all(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
