"""The responder's process: ``python -m tramgac_proto.throughput.responder``.

With ``--listen`` it serves for ever, one test at a time (the collector's use); with ``--fd``
it serves the one connection it inherited and ends (the agent's use, started by
``tramgac_agent.responder``).
"""

import argparse
import logging
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tramgac_proto.configfile import EXIT_CONFIG, EXIT_FAILED
from tramgac_proto.throughput.lease import PUBLIC_KEY_BYTES, ReplayMemory
from tramgac_proto.throughput.session import Gate, greet, refuse, respond, split_address

# Connections that are still being listened to; more are hung up on.
MAX_GREETED = 16
_BACKLOG = 16
_PAUSE_SECONDS = 0.2

log = logging.getLogger("tramgac.throughput")


def read_public_key(path: Path) -> bytes:
    """The collector's lease key: 32 raw bytes.

    Raises:
        ValueError: It is something else.
        OSError: It cannot be read.
    """
    key = path.read_bytes()
    if len(key) != PUBLIC_KEY_BYTES:
        raise ValueError(f"{path}: not a lease key ({len(key)} bytes, not {PUBLIC_KEY_BYTES})")
    return key


def open_door(address: str) -> socket.socket:
    """Listen on ``host:port``.

    Raises:
        OSError: The address is taken or not ours.
        ValueError: It is not an address.
    """
    host, port = split_address(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


class Responder:
    """Serves tests on a listening socket, one at a time.

    Tokens are read beside a running test, so a stranger who connects and stays silent holds
    nothing up; only a genuine lease occupies the responder.
    """

    def __init__(self, door: socket.socket, gate: Gate) -> None:
        self._door = door
        self._gate = gate
        self._greeted = threading.BoundedSemaphore(MAX_GREETED)
        self._testing = threading.Lock()

    def serve(self) -> None:
        """Accept until the listening socket is closed."""
        while True:
            try:
                sock, peer = self._door.accept()
            except OSError as error:
                if self._door.fileno() < 0:
                    return
                log.warning("cannot accept: %s", error)
                time.sleep(_PAUSE_SECONDS)
                continue
            if not self._greeted.acquire(blocking=False):
                sock.close()
                continue
            threading.Thread(target=self._handle, args=(sock, peer[0]), daemon=True).start()

    def _handle(self, sock: socket.socket, peer: str) -> None:
        try:
            with sock:
                permit = greet(sock, self._gate)
                if permit is None:
                    log.info("refused a test of %s", peer)
                elif not self._testing.acquire(blocking=False):
                    refuse(sock, "busy")
                else:
                    try:
                        log.info("test of %s: %s", peer, permit.claims.direction)
                        respond(sock, permit)
                    finally:
                        self._testing.release()
        finally:
            self._greeted.release()


def _serve_one(descriptor: int, gate: Gate) -> None:
    with socket.socket(fileno=descriptor) as sock:
        permit = greet(sock, gate)
        if permit is not None:
            respond(sock, permit)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="tramgac-responder", description=__doc__)
    use = parser.add_mutually_exclusive_group(required=True)
    use.add_argument("--listen", help="host:port to serve on")
    use.add_argument("--fd", type=int, help="descriptor of the one connection to serve")
    parser.add_argument("--lease-key", type=Path, required=True, help="collector's public key")
    parser.add_argument("--name", required=True, help="what leases call this responder")
    parser.add_argument("--used", type=Path, help="file that remembers used leases")
    parser.add_argument("--clock-offset-ms", type=int, default=0, help="collector minus own clock")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Serve; exit code 78 when key or address cannot be used."""
    args = _arguments().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        key = read_public_key(args.lease_key)
    except (OSError, ValueError) as error:
        log.error("lease key: %s", error)  # noqa: TRY400 - the traceback says nothing more
        return EXIT_CONFIG
    gate = Gate(key, args.name, ReplayMemory(args.used), args.clock_offset_ms)
    if args.fd is not None:
        _serve_one(args.fd, gate)
        return 0
    try:
        door = open_door(args.listen)
    except ValueError as error:
        log.error("%s", error)  # noqa: TRY400 - as above
        return EXIT_CONFIG
    except OSError as error:
        log.error("cannot listen on %s: %s", args.listen, error)  # noqa: TRY400 - as above
        return EXIT_FAILED
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    log.info("listening on %s:%d", *door.getsockname()[:2])
    with door:
        Responder(door, gate).serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
