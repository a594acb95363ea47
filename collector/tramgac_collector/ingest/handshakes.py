"""Counting failed TLS handshakes, which gRPC tells nobody but standard error.

The C core writes one line per failure and offers no callback. So this process's descriptor 2
becomes a pipe; a thread passes every line on and counts those. What a crash of the
interpreter itself would print may be lost with the pipe.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_SIGN = b"Handshake failed"
_STDERR = 2
_LINE_BYTES = 65_536
# A port scanner must not fill the journal: at most one such line a second is passed on.
_PASS_ON_SECONDS = 1.0


class _Relay:
    """Reads the pipe to its end.

    Args:
        source: Read end of the pipe.
        target: Where standard error went before.
        count: Called for each failed handshake.
    """

    def __init__(self, source: int, target: int, count: Callable[[], object]) -> None:
        self._source = source
        self._target = target
        self._count = count
        self._passed = 0.0

    def run(self) -> None:
        rest = b""
        while chunk := os.read(self._source, _LINE_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._line(line + b"\n")
            if len(rest) > _LINE_BYTES:
                self._line(rest)
                rest = b""
        self._line(rest)

    def _line(self, line: bytes) -> None:
        if _SIGN in line:
            self._count()
            now = time.monotonic()
            if now - self._passed < _PASS_ON_SECONDS:
                return
            self._passed = now
        try:
            os.write(self._target, line)
        except OSError:
            # Nobody reads our standard error, or its disk is full: the line is lost, but
            # the pipe must go on being emptied, or every writer of it would block.
            return


@contextmanager
def counted_handshakes(count: Callable[[], object]) -> Iterator[None]:
    """Count failed handshakes of this process while the block runs."""
    before = os.dup(_STDERR)
    source, sink = os.pipe()
    os.dup2(sink, _STDERR)
    os.close(sink)
    relay = threading.Thread(target=_Relay(source, before, count).run, name="stderr", daemon=True)
    relay.start()
    try:
        yield
    finally:
        os.dup2(before, _STDERR)  # closes the last write end: the relay sees the end
        relay.join(1.0)
        os.close(source)
        os.close(before)
