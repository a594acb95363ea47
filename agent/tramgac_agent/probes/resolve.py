"""Name resolution with a time limit that getaddrinfo itself does not have."""

import socket
from collections.abc import Sequence
from concurrent.futures import wait
from typing import Any

from tramgac_agent.probes.base import Deadline, ProbeFailed
from tramgac_agent.probes.detached import Detached

RESOLVE_SECONDS = 5.0
# Later addresses of a long answer are not worth a user's patience.
MAX_ADDRESSES = 4

# Address family, and the tuple that socket.connect takes for it; the first part is the IP address.
Address = tuple[int, tuple[Any, ...]]

# One per process: a silent name server costs one waiting thread a name, whoever asks.
_lookups: Detached[Sequence[Address]] = Detached()


def _look_up(host: str, port: int, flags: int) -> Sequence[Address]:
    # As bytes: for text Python loads its IDNA tables, 1 MiB, also where the name is plain ASCII.
    name = host.encode("ascii") if host.isascii() else host
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, address) for family, _, _, _, address in found][:MAX_ADDRESSES]


def resolve(host: str, port: int, deadline: Deadline) -> Sequence[Address]:
    """Return up to four addresses of ``host``, best first (RFC 6724 order).

    Raises:
        ProbeFailed: ``dns_failed`` (no such name, or the resolver said so) or
            ``dns_timeout`` (no answer in time; the lookup goes on and is joined next time).
    """
    try:
        return _look_up(host, port, socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError):
        pass  # a name, then
    future = _lookups.submit(f"{host}:{port}", lambda: _look_up(host, port, socket.AI_ADDRCONFIG))
    done, _ = wait([future], timeout=min(RESOLVE_SECONDS, deadline.left))
    if not done:
        raise ProbeFailed("dns_timeout", host)
    try:
        addresses = future.result()
    except (socket.gaierror, UnicodeError) as error:
        raise ProbeFailed("dns_failed", f"{host}: {error}") from error
    if not addresses:
        raise ProbeFailed("dns_failed", host)
    return addresses
