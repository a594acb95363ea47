"""Runs a command as if we were not there: same input, output, signals and exit code."""

import os
import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
_DRAIN_SECONDS = 10.0

LineTaker = Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """How the command ended.

    Attributes:
        exit_code: As a shell would say it: 128 + n after signal n, 126, 127.
        signalled: A signal ended it, or it ended after one was passed on to it.
        started: False when there was nothing to run.
    """

    exit_code: int
    signalled: bool = False
    started: bool = True


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
        stderr: The same for standard error.
    """
    watched = {*_FORWARDED, signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    tees = [_Tee(fd, take) for fd, take in ((1, stdout), (2, stderr)) if take is not None]
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
    ended = _wait(child, watched)
    for tee in tees:
        tee.join(_DRAIN_SECONDS)
    return ended


def _wait(child: int, watched: set[signal.Signals]) -> Ended:
    forwarded = False
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return Ended(128 - code if code < 0 else code, forwarded or code < 0)
        told = signal.sigwaitinfo(watched)
        if told.si_signo == signal.SIGCHLD:
            continue
        forwarded = forwarded or told.si_signo in _ENDING
        if told.si_code != _SI_KERNEL:
            os.kill(child, told.si_signo)


class _Tee:
    """Copies one stream of the command to ours and shows its lines to someone."""

    def __init__(self, target: int, take: LineTaker) -> None:
        self.target = target
        self._read_end, self.write_end = os.pipe()
        self._take = take
        self._thread = threading.Thread(target=self._copy, daemon=True)

    def start(self) -> None:
        """Begin; our copy of the write end goes, so that the command's exit ends the stream."""
        os.close(self.write_end)
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait until everything is copied."""
        self._thread.join(seconds)

    def _copy(self) -> None:
        rest = b""
        try:
            for chunk in iter(lambda: os.read(self._read_end, 65536), b""):
                _write_all(self.target, chunk)
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._take(line)
                rest = rest[:MAX_LINE_BYTES]
            self._take(rest)
        except OSError:
            # Nobody reads our output any more: the command finds its pipe closed, as it
            # would have without us.
            self._take(rest)
        finally:
            os.close(self._read_end)


def _write_all(target: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(target, view) :]
