"""Who answers at the enrolment port, before anything secret is said to it.

gRPC can neither pin a CA nor say why a handshake failed, so two handshakes of our own go
first: one without trust, to hold the chain against the token's pin, and one with it, whose
error tells a wrong clock from a wrong name.
"""

import hashlib
import socket
import ssl
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tramgac_agent.identity.outcome import Outcome

TIMEOUT_SECONDS = 10.0
MAX_CHAIN = 8
_ENROLLMENT_PORT = "8444"

# X509_V_ERR_* of openssl/x509_vfy.h.
_REASONS = {9: "clock_behind", 10: "clock_ahead", 62: "server_name", 64: "server_name"}


@dataclass(frozen=True, slots=True)
class Server:
    """An address, and the name its certificate must carry."""

    host: str
    port: int
    name: str

    @property
    def target(self) -> str:
        """For gRPC."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, address: str, name: str = "") -> "Server":
        """Read ``host:port``, with IPv6 hosts in brackets.

        Raises:
            ValueError: No port.
        """
        host, colon, port = address.rpartition(":")
        if not colon or not port.isdigit():
            raise ValueError(f"{address!r} is not host:port")
        host = host.strip("[]")
        return cls(host, int(port), name or host)


def enrollment_server(address: str, enrollment_address: str, name: str) -> Server:
    """The enrolment port: as configured, else 8444 beside the reporting port."""
    return Server.parse(
        enrollment_address or f"{address.rpartition(':')[0]}:{_ENROLLMENT_PORT}", name
    )


def _handshake(server: Server, context: ssl.SSLContext) -> list[x509.Certificate]:
    context.set_alpn_protocols(["h2"])
    try:
        with (
            socket.create_connection((server.host, server.port), TIMEOUT_SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=server.name) as secure,
        ):
            return _chain(secure)
    except ssl.SSLCertVerificationError as error:
        code = _REASONS.get(error.verify_code, "ca_wrong")
        raise Outcome(code, error.verify_message) from error
    except OSError as error:
        raise Outcome("unreachable", f"{server.target}: {error}") from error


def _chain(secure: ssl.SSLSocket) -> list[x509.Certificate]:
    if hasattr(secure, "get_unverified_chain"):  # public from Python 3.13 on
        ders = secure.get_unverified_chain()
    else:
        found: Any = secure._sslobj  # type: ignore[attr-defined] # noqa: SLF001 - the only way to the chain before 3.13
        ders = [
            ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in found.get_unverified_chain()
        ]
    return [x509.load_der_x509_certificate(der) for der in ders[:MAX_CHAIN]]


def _pin_of(certificate: x509.Certificate) -> str:
    key = certificate.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return urlsafe_b64encode(hashlib.sha256(key).digest()).rstrip(b"=").decode()


def ca_by_pin(server: Server, pin: str) -> bytes:
    """The CA certificate (PEM) in the server's chain whose key has the pinned hash.

    Raises:
        Outcome: ``unreachable`` or ``ca_pin_mismatch``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # nothing is said here; the pin decides below
    for certificate in _handshake(server, context):
        if _pin_of(certificate) == pin:
            return certificate.public_bytes(serialization.Encoding.PEM)
    raise Outcome("ca_pin_mismatch", server.target)


def judge(server: Server, ca_pem: bytes) -> None:
    """Verify the server by ``ca_pem``, with a reason that gRPC would swallow.

    Raises:
        Outcome: ``unreachable``, ``ca_wrong``, ``clock_behind``, ``clock_ahead``, ``server_name``.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=ca_pem.decode("ascii"))
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise Outcome("ca_wrong", "the file holds no certificate") from error
    _handshake(server, context)
