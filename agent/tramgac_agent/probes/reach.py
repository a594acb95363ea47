"""Whether a place can be reached: name, TCP handshake, TLS handshake; nothing is asked of it."""

import socket
import time
from contextlib import closing
from dataclasses import dataclass

from tramgac_agent.probes.base import CannotProbe, Deadline, ProbeFailed
from tramgac_agent.probes.resolve import Address, resolve
from tramgac_agent.probes.tcp import connect_any

_HANDSHAKE_STAGES = {"refused", "timeout"}


@dataclass(slots=True)
class Reach:
    """How far one try came.

    Attributes:
        stage: One of ``PATH_STAGES``: ``ok``, or where it ended.
        reason: The probe's own code; for the log.
        resolve: Seconds of each part that was done; None for what was not.
        expiry: End of the certificate, seconds since the epoch, once it was seen; also of one
            that was not trusted.
        address: What was connected to, or tried last; for the log.
    """

    stage: str = "ok"
    reason: str = "ok"
    resolve: float | None = None
    connect: float | None = None
    tls: float | None = None
    expiry: float | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to, and how.

    Attributes:
        secure: A TLS handshake as well.
        server_name: For SNI and the certificate; empty: ``host``.
        ca_file: Whom to believe; empty: the system's authorities.
        verify: Whether the certificate must be good.
    """

    host: str
    port: int
    secure: bool = False
    server_name: str = ""
    ca_file: str = ""
    verify: bool = True


def reach(place: Place, deadline: Deadline) -> Reach:
    """Try once, and hang up at once.

    Raises:
        CannotProbe: This host may not even ask, or has no use of its ``ca_file``.
    """
    found = Reach()
    try:
        began = time.perf_counter()
        addresses = resolve(place.host, place.port, deadline)
        found.resolve = time.perf_counter() - began
    except ProbeFailed as failed:
        found.stage, found.reason = "resolve", failed.code
        return found
    found.address = str(addresses[-1][1][0])
    try:
        began = time.perf_counter()
        connection = connect_any(addresses, deadline)
        found.connect = time.perf_counter() - began
    except CannotProbe:
        raise
    except ProbeFailed as failed:
        found.stage = failed.code if failed.code in _HANDSHAKE_STAGES else "connect"
        found.reason = failed.code
        return found
    with closing(connection):
        try:
            peer: Address = (connection.family, connection.getpeername())
        except OSError:  # reset already: the same as a moment earlier, within the handshake
            found.stage, found.reason = "connect", "reset"
            return found
        found.address = str(peer[1][0])
        if place.secure:
            _secure(connection, (place, peer), deadline, found)
    return found


def _secure(
    connection: socket.socket, at: tuple[Place, Address], deadline: Deadline, found: Reach
) -> None:
    from tramgac_agent.probes import tls, web  # noqa: PLC0415 - brings OpenSSL, 5 MiB

    place, peer = at
    name = place.server_name or place.host
    began = time.perf_counter()
    try:
        trust = web.Trust(place.ca_file, place.verify)
        with closing(tls.handshake(connection, name, trust, deadline)) as secured:
            found.tls = time.perf_counter() - began
            found.expiry = tls.certificate_end(secured)
    except CannotProbe:
        raise
    except tls.Untrusted as untrusted:
        found.stage, found.reason = "tls", untrusted.code
        found.expiry = _end_of_untrusted(peer, name, deadline)
    except (OSError, ProbeFailed, ValueError) as error:
        found.stage, found.reason = "tls", getattr(error, "code", "") or "tls_failed"


def _end_of_untrusted(peer: Address, name: str, deadline: Deadline) -> float | None:
    """Look once more at a certificate that failed, only to read its end."""
    from tramgac_agent.probes import tls, web  # noqa: PLC0415 - as above

    try:
        connection = connect_any([peer], deadline)
        with closing(tls.handshake(connection, name, web.Trust(verify=False), deadline)) as seen:
            return tls.certificate_end(seen)
    except (OSError, ProbeFailed):
        return None  # the reason told is why verification failed; the date stays unknown
