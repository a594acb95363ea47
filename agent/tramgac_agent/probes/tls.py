"""The TLS part of a probe; apart, because ``ssl`` brings OpenSSL into a small process."""

import socket
import ssl
import time
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from tramgac_agent.probes.base import CannotProbe, Deadline
from tramgac_agent.probes.certificate import not_after

if TYPE_CHECKING:
    from tramgac_agent.probes.web import Trust

# System trust changes with updates of its package, which nobody announces.
_TRUST_SECONDS = 3600

# Of <openssl/x509_vfy.h>.
_VERIFY_CODES = {
    9: "tls_not_yet_valid",
    10: "tls_expired",
    62: "tls_wrong_name",
    64: "tls_wrong_name",
}


class Untrusted(Exception):  # noqa: N818 - a finding about the peer
    """The certificate failed verification.

    Args:
        code: ``tls_untrusted``, ``tls_expired``, ``tls_not_yet_valid`` or ``tls_wrong_name``.
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


def _trusting(trust: "Trust") -> ssl.SSLContext:
    """A context for ``trust``, made anew when its source may have changed.

    Raises:
        CannotProbe: ``ca_file_unusable``.
    """
    try:
        if not trust.ca_file:
            stamp = int(time.monotonic() // _TRUST_SECONDS)
        else:
            stamp = Path(trust.ca_file).stat().st_mtime_ns
        return _context(trust, stamp)
    except OSError as error:  # ssl.SSLError is one
        raise CannotProbe("ca_file_unusable", f"{trust.ca_file}: {error}") from error


@lru_cache(maxsize=8)
def _context(trust: "Trust", _stamp: int) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not trust.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif trust.ca_file:
        context.load_verify_locations(cafile=trust.ca_file)
    else:
        context.load_default_certs()
    return context


def handshake(
    connection: socket.socket, host: str, trust: "Trust", deadline: Deadline
) -> ssl.SSLSocket:
    """Secure ``connection``, or close it.

    Raises:
        Untrusted: The certificate failed verification.
        CannotProbe: ``ca_file_unusable``.
        OSError: The handshake broke.
    """
    try:
        connection.settimeout(deadline.need())
        return _trusting(trust).wrap_socket(connection, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        connection.close()
        code = _VERIFY_CODES.get(error.verify_code, "tls_untrusted")
        raise Untrusted(code, error.verify_message) from error
    except BaseException:
        connection.close()
        raise


def certificate_end(secured: ssl.SSLSocket) -> float | None:
    """End of the peer's certificate, seconds since the epoch; None where it cannot be read."""
    der = secured.getpeercert(binary_form=True)
    try:
        return not_after(der) if der else None
    except ValueError:
        return None  # OpenSSL took it, we cannot read it: unknown
