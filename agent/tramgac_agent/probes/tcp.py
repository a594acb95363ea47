"""TCP connect, over all addresses of a name, within one deadline."""

import socket
import time
from collections.abc import Sequence

from tramgac_agent.probes.base import CannotProbe, Deadline, ProbeFailed, code_of
from tramgac_agent.probes.resolve import Address, resolve

MAX_PORT = 65535


def split_address(address: str) -> tuple[str, int]:
    """Split ``host:port`` or ``[v6]:port``.

    Raises:
        ValueError: Not of that form.
    """
    host, colon, port = address.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    number = int(port) if port.isascii() and port.isdigit() else 0
    if not colon or not host or not 1 <= number <= MAX_PORT:
        raise ValueError(f"`{address}` is not host:port")
    return host, number


def _connect_one(address: Address, deadline: Deadline) -> socket.socket:
    family, sockaddr = address
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(deadline.need())
        connection.connect(sockaddr)
    except OSError as error:
        connection.close()
        code = code_of(error)
        kind = CannotProbe if code == "not_permitted" else ProbeFailed
        raise kind(code, str(error)) from error
    except ProbeFailed:
        connection.close()
        raise
    return connection


def connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Return a connected socket; the caller closes it.

    Raises:
        ProbeFailed: The last address's reason, or why there is no address.
    """
    return connect_any(resolve(host, port, deadline), deadline)


def connect_any(addresses: Sequence[Address], deadline: Deadline) -> socket.socket:
    """Return a socket connected to the first of ``addresses`` that takes it.

    Raises:
        ProbeFailed: The last address's reason.
    """
    for behind, address in enumerate(addresses[:-1]):
        # A dead first address must leave time for the others.
        share = Deadline(deadline.need() / (len(addresses) - behind))
        try:
            return _connect_one(address, share)
        except ProbeFailed:
            continue
    return _connect_one(addresses[-1], deadline)


def round_trip(address: Address, timeout: float) -> float | None:
    """Time one handshake with ``address``, in seconds; None when no answer came.

    A refusal is an answer: the reset made the same way there and back. ``timeout`` stays
    under one second, or the kernel's repeated SYN would pass for the first.

    Raises:
        CannotProbe: ``not_permitted``: this host may not even ask.
    """
    began = time.perf_counter()
    try:
        _connect_one(address, Deadline(timeout)).close()
    except CannotProbe:
        raise
    except ProbeFailed as failed:
        if failed.code != "refused":
            return None
    return time.perf_counter() - began
