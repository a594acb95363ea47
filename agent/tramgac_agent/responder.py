"""The door for other hosts' throughput tests: accepts, and starts a process for each.

The process (``tramgac_proto.throughput.responder``) reads the lease, checks it and runs the
test; nothing a stranger sends is read here, and cryptography is never loaded here. The port is
open to the LAN, so everything is counted and bounded: one test at a time, six starts a minute.
"""

import logging
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tramgac_agent.door import Door
from tramgac_proto.throughput.lease import MAX_SECONDS
from tramgac_proto.throughput.responder import open_door
from tramgac_proto.throughput.session import HELLO_SECONDS, refuse

MAX_STARTS_PER_MINUTE = 6
USED_FILE = "leases-used.json"
_REOPEN_SECONDS = 30.0
_ACCEPT_SECONDS = 0.5
# Twice what an honest test with a slow start can take.
_CHILD_SECONDS = 2 * (HELLO_SECONDS + MAX_SECONDS)

log = logging.getLogger(__name__)


class Named(Protocol):
    """Where this host stands, by its certificate."""

    @property
    def facility(self) -> str:
        """Id of the facility."""
        ...

    @property
    def site(self) -> str:
        """Id of the site."""
        ...

    @property
    def host(self) -> str:
        """Id of the host."""
        ...


class Files(Protocol):
    """The identity's files, as far as the door needs them."""

    @property
    def lease_key_path(self) -> Path:
        """The collector's public lease key."""
        ...

    def load(self) -> Named | None:
        """Who this host is; None before it is enrolled."""
        ...


class ResponderDoor(Door):
    """Listens for tests in a thread of its own.

    Args:
        listen: ``host:port``.
        files: Read anew for every test, so that an enrolment needs no restart.
        offset_ms: Collector's clock minus this host's, as the uplink knows it.
    """

    def __init__(self, listen: str, files: Files, offset_ms: Callable[[], int] = lambda: 0) -> None:
        super().__init__("responder-door")
        self._listen = listen
        self._files = files
        self._offset_ms = offset_ms
        self._starts: deque[float] = deque(maxlen=MAX_STARTS_PER_MINUTE)
        self._child: subprocess.Popen[bytes] | None = None

    def _run(self) -> None:
        while not self._halt.is_set():
            try:
                door = open_door(self._listen)
            except (OSError, ValueError) as error:
                log.error("responder: cannot listen on %s: %s", self._listen, error)  # noqa: TRY400 - the text says it all
                self._halt.wait(_REOPEN_SECONDS)
                continue
            with door:
                self.address = door.getsockname()[:2]
                self._opened.set()
                door.settimeout(_ACCEPT_SECONDS)
                self._serve(door)
        if self._child is not None:
            self._child.terminate()
            self._child.wait()

    def _serve(self, door: socket.socket) -> None:
        while not self._halt.is_set():
            self._reap()
            try:
                sock, peer = door.accept()
            except TimeoutError:
                continue
            except OSError as error:
                log.warning("responder: cannot accept: %s", error)
                self._halt.wait(_ACCEPT_SECONDS)
                continue
            self._reap()
            with sock:
                code = self._meet(sock)
            self.counts[code] += 1
            log.debug("responder: connection of %s: %s", peer[0], code)

    def _reap(self) -> None:
        child = self._child
        if child is None:
            return
        if child.poll() is not None:
            self._child = None
        elif time.monotonic() - self._starts[-1] > _CHILD_SECONDS:
            child.kill()
            child.wait()
            self._child = None

    def _meet(self, sock: socket.socket) -> str:
        """Start the process, or say why not; returns the code that is counted."""
        now = time.monotonic()
        if self._child is not None:
            code = "busy"
        elif len(self._starts) == MAX_STARTS_PER_MINUTE and now - self._starts[0] < 60:  # noqa: PLR2004 - a minute
            code = "too_many"
        elif (identity := self._files.load()) is None:
            code = "not_enrolled"
        else:
            self._starts.append(now)
            return self._start(sock, f"{identity.facility}/{identity.site}/{identity.host}")
        refuse(sock, code)
        return code

    def _start(self, sock: socket.socket, name: str) -> str:
        key = self._files.lease_key_path
        descriptor = sock.fileno()
        words = [sys.executable, "-m", "tramgac_proto.throughput.responder"]
        words += ["--fd", str(descriptor), "--lease-key", str(key), "--name", name]
        words += ["--used", str(key.with_name(USED_FILE))]
        words += ["--clock-offset-ms", str(self._offset_ms())]
        sock.setblocking(True)  # noqa: FBT003 - the socket module's own signature
        try:
            self._child = subprocess.Popen(
                words, pass_fds=(descriptor,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
            )
        except OSError as error:
            log.error("responder: cannot start a test: %s", error)  # noqa: TRY400 - as above
            return "cannot_start"
        return "started"
