"""A throw-away database server of our own, and a dump fed to it."""

import gzip
import os
import shutil
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from tramgac_agent.drill.proof.base import Task, behind_everybody, end
from tramgac_agent.drill.tally import DrillFailed

_GZIP = b"\x1f\x8b"
_PIECE_BYTES = 1024 * 1024
_KEPT_BYTES = 4096
_POLL_SECONDS = 0.1
# A unix socket's path may have 107 bytes, the server's own name for it included.
_MAX_SOCKET_FOLDER = 80


def room_for_server(task: Task) -> Path:
    """A folder the server may own; database servers refuse to run as root.

    Raises:
        DrillFailed: ``config``: its path is too long for a socket.
    """
    folder = task.work / "server"
    if len(str(folder)) > _MAX_SOCKET_FOLDER:
        raise DrillFailed("config", "the path of `scratch` is too long", conclusive=False)
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
        for parent in (task.work, task.work.parent):
            parent.chmod(0o711)
    return folder


def as_server(argv: Sequence[str]) -> list[str]:
    """``argv`` as somebody who is not root, and who goes when we do."""
    if shutil.which("setpriv") is None:
        return list(argv)
    who = ["--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
    return ["setpriv", "--pdeathsig", "QUIT", *(who if os.geteuid() == 0 else []), *argv]


@contextmanager
def running(argv: Sequence[str], task: Task, ready: Callable[[], bool]) -> Iterator[None]:
    """Keep a server up for the context.

    Raises:
        DrillFailed: ``deadline``; or ``blind_tool`` when it does not come up.
    """
    with (task.work / "server.log").open("wb") as log:
        process = subprocess.Popen(
            [*behind_everybody(), *as_server(argv)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            while not ready():
                if process.poll() is not None:
                    raise DrillFailed("blind_tool", "no server came up", conclusive=False)
                if task.budget.left <= 0:
                    raise DrillFailed("deadline", conclusive=False)
                time.sleep(_POLL_SECONDS)
            yield
        finally:
            end(process)


class Dump:
    """A dump file, plain or compressed with gzip, on its way into a program.

    Attributes:
        head: Its first bytes, once unpacked.
        tail: Its last bytes, once it was all read.
        whole: It could be unpacked to its end and was all taken.
    """

    def __init__(self, path: Path) -> None:
        with path.open("rb") as source:
            packed = source.read(len(_GZIP)) == _GZIP
        self._path = path
        self._packed = packed
        self.tail = b""
        self.whole = False
        self.head = self._head()

    def _opened(self) -> BinaryIO:
        if self._packed:
            return cast("BinaryIO", gzip.open(self._path, "rb"))
        return self._path.open("rb")

    def _head(self) -> bytes:
        try:
            with self._opened() as source:
                return source.read(_KEPT_BYTES)
        except (OSError, EOFError, zlib.error):
            return b""

    @contextmanager
    def feeding(self) -> Iterator[int]:
        """Descriptor to read it from."""
        source, sink = os.pipe()
        thread = threading.Thread(target=self._feed, args=(sink,), daemon=True)
        thread.start()
        try:
            yield source
        finally:
            os.close(source)
            thread.join()

    def _feed(self, sink: int) -> None:
        try:
            with os.fdopen(sink, "wb") as out, self._opened() as source:
                for piece in iter(lambda: source.read(_PIECE_BYTES), b""):
                    self.tail = (self.tail + piece)[-_KEPT_BYTES:]
                    out.write(piece)
        except (OSError, EOFError, zlib.error):
            return  # cut off, or the reader is gone: not whole
        self.whole = True
