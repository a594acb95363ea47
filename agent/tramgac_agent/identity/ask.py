"""What the three children share: a key, a request, a call, and a check of the answer."""

import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tramgac_agent.identity.files import Identity, IdentityFiles
from tramgac_agent.identity.outcome import Outcome
from tramgac_agent.identity.server import Server
from tramgac_agent.lean_grpc import grpc
from tramgac_proto.configfile import EXIT_CONFIG, ConfigError
from tramgac_proto.v1 import enrollment_pb2 as pb

T = TypeVar("T")

DEADLINE_SECONDS = 30.0
_PEM = serialization.Encoding.PEM
_LATER = {
    grpc.StatusCode.UNAVAILABLE: "unreachable",
    grpc.StatusCode.DEADLINE_EXCEEDED: "unreachable",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "rate_limited",
}


def new_key() -> bytes:
    """An EC P-256 private key, PKCS #8 PEM."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        _PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def read_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    """The private key that ``new_key`` wrote.

    Raises:
        Outcome: ``damaged``.
    """
    try:
        key = serialization.load_pem_private_key(pem, None)
    except ValueError as error:
        raise Outcome("damaged", "key") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise Outcome("damaged", "not an elliptic curve key")
    return key


def make_csr(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A DER signing request. Its subject is empty: the collector says who we are."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def open_channel(server: Server, ca_pem: bytes, identity: Identity | None = None) -> Any:  # noqa: ANN401 - grpc.Channel, reached through lean_grpc
    """A channel that trusts ``ca_pem`` only, with the identity's certificate if given."""
    credentials = grpc.ssl_channel_credentials(
        ca_pem,
        identity.key_pem if identity else None,
        identity.certificate_pem if identity else None,
    )
    options = [("grpc.max_receive_message_length", 64 * 1024), ("grpc.enable_http_proxy", 0)]
    if server.name != server.host:
        options.append(("grpc.ssl_target_name_override", server.name))  # type: ignore[arg-type]
    return grpc.secure_channel(server.target, credentials, options)


def call(method: Callable[..., T], request: object) -> T:
    """One call with a deadline.

    Raises:
        Outcome: The collector could not be asked, or did not understand.
    """
    try:
        return method(request, timeout=DEADLINE_SECONDS)
    except grpc.RpcError as error:
        status = error.code()
        code = _LATER.get(status, "answer_invalid")
        raise Outcome(code, f"{status.name}: {error.details()}") from error


def require_issued(
    answer: pb.EnrollResponse | pb.RenewResponse | pb.RejoinResponse,
) -> pb.Identity:
    """The identity in the answer.

    Raises:
        Outcome: Pending, or refused with the collector's code.
    """
    if answer.status == pb.ENROLL_STATUS_ISSUED:
        return answer.identity
    wait = getattr(answer, "retry_after_seconds", 0)
    raise Outcome(answer.code or "answer_invalid", retry_seconds=wait)


def validity_of(issued: pb.Identity, key: ec.EllipticCurvePrivateKey) -> tuple[int, int]:
    """NotBefore and NotAfter, milliseconds, of a certificate that fits our key.

    Raises:
        Outcome: ``answer_invalid``.
    """
    try:
        certificate = x509.load_pem_x509_certificate(issued.certificate_pem)
        x509.load_pem_x509_certificates(issued.ca_bundle_pem)
    except ValueError as error:
        raise Outcome("answer_invalid", "certificate unreadable") from error
    if certificate.public_key() != key.public_key():
        raise Outcome("answer_invalid", "certificate for another key")
    return (
        int(certificate.not_valid_before_utc.timestamp()) * 1000,
        int(certificate.not_valid_after_utc.timestamp()) * 1000,
    )


def require_identity(files: IdentityFiles) -> Identity:
    """What is on disk.

    Raises:
        Outcome: ``not_enrolled`` or ``damaged``.
    """
    identity = files.load()
    if identity is None:
        raise Outcome("damaged" if files.certificate_path.exists() else "not_enrolled")
    return identity


def finish(work: Callable[[], str]) -> int:
    """Run a child's work and turn its end into a line and an exit code."""
    # gRPC's C core would add lines about handshakes that say less than ours.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    try:
        sys.stdout.write(work() + "\n")
    except Outcome as outcome:
        sys.stderr.write(f"tramgac-agent: {outcome}\n")
        return outcome.exit_code
    except ConfigError as error:
        sys.stderr.write(f"tramgac-agent: configuration: {error}\n")
        return EXIT_CONFIG
    return 0
