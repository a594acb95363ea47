"""Turning a signing request into a certificate; an outside CA replaces ``LocalSigner``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tramgac_collector.identity.codes import Code, Refused

MAX_CSR_BYTES = 8 * 1024
LEAF_LIFE = timedelta(days=365)
# Hospital clocks run behind; a certificate must be good on a host that lives in yesterday.
BACKDATE = timedelta(hours=48)
_MIN_RSA_BITS = 2048
_MAX_RSA_BITS = 4096
_CURVES = ("secp256r1", "secp384r1")


def utc(now_ms: int) -> datetime:
    """Milliseconds since the epoch as an aware datetime, whole seconds."""
    return datetime.fromtimestamp(now_ms // 1000, tz=UTC)


def to_ms(moment: datetime) -> int:
    """The inverse of ``utc``."""
    return int(moment.timestamp()) * 1000


@dataclass(frozen=True, slots=True)
class Grant:
    """What a certificate shall say; nothing of it comes from the signing request."""

    agent_id: str
    facility: str
    site: str
    host: str
    not_before: datetime
    not_after: datetime

    @classmethod
    def at(cls, agent_id: str, place: tuple[str, str, str], now_ms: int) -> "Grant":
        """A leaf for ``(facility, site, host)``, valid from 48 h ago for 365 d from now."""
        now = utc(now_ms)
        return cls(agent_id, *place, not_before=now - BACKDATE, not_after=now + LEAF_LIFE)


class Signer(Protocol):
    """The one seam of the CA. It may take seconds; it is called off the event loop."""

    def sign_csr(self, csr: x509.CertificateSigningRequest, grant: Grant) -> x509.Certificate:
        """Certify the request's key for what the grant says.

        Raises:
            Exception: Anything; the applicant is told ``signer_failed`` and to come back.
        """
        ...

    def anchors(self) -> Sequence[x509.Certificate]:
        """The CA certificates that verify what ``sign_csr`` returns, newest first."""
        ...


def key_sha256(key: x509.CertificateSigningRequest | x509.Certificate) -> str:
    """SHA-256 of the DER SubjectPublicKeyInfo, hex: the name of a key everywhere here."""
    digest = hashes.Hash(hashes.SHA256())
    digest.update(
        key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return digest.finalize().hex()


def _key_accepted(key: object) -> bool:
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name in _CURVES
    if isinstance(key, rsa.RSAPublicKey):
        return _MIN_RSA_BITS <= key.key_size <= _MAX_RSA_BITS
    return isinstance(key, ed25519.Ed25519PublicKey)


def read_csr(der: bytes) -> x509.CertificateSigningRequest:
    """Parse and check a hostile signing request.

    Raises:
        Refused: Too large, not a request, a key we do not take, or not signed by its key.
    """
    if len(der) > MAX_CSR_BYTES:
        raise Refused(Code.CSR_TOO_LARGE)
    try:
        csr = x509.load_der_x509_csr(der)
        key = csr.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Refused(Code.CSR_MALFORMED) from error
    if not _key_accepted(key):
        raise Refused(Code.CSR_KEY)
    try:
        valid = csr.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature) as error:
        raise Refused(Code.CSR_SIGNATURE) from error
    if not valid:
        raise Refused(Code.CSR_SIGNATURE)
    return csr


def agent_uri(agent_id: str) -> str:
    """``urn:uuid:<agent id>``, the URI in the certificate's SAN."""
    return UUID(agent_id).urn


def key_usage(*, authority: bool) -> x509.KeyUsage:
    """Of a CA: sign certificates. Of a leaf: sign handshakes."""
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


class LocalSigner:
    """Signs with a CA key held on this machine."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self.certificate = certificate

    def anchors(self) -> Sequence[x509.Certificate]:
        """The one CA certificate."""
        return (self.certificate,)

    def sign_csr(self, csr: x509.CertificateSigningRequest, grant: Grant) -> x509.Certificate:
        """Certify the request's key as a TLS client. The request's own subject is ignored."""
        subject = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, grant.facility),
                x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, grant.site),
                x509.NameAttribute(NameOID.COMMON_NAME, grant.host),
            ]
        )
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .public_key(csr.public_key())
            .not_valid_before(grant.not_before)
            .not_valid_after(self._until(grant.not_after))
        )
        uri = x509.UniformResourceIdentifier(agent_uri(grant.agent_id))
        return self._sign_leaf(builder, [uri], ExtendedKeyUsageOID.CLIENT_AUTH)

    def sign_server(
        self, key: ec.EllipticCurvePublicKey, names: Sequence[x509.GeneralName], now_ms: int
    ) -> x509.Certificate:
        """Certify the collector's own key as a TLS server of these names."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tramgac-collector")]))
            .public_key(key)
            .not_valid_before(utc(now_ms) - BACKDATE)
            .not_valid_after(self._until(utc(now_ms) + LEAF_LIFE))
        )
        return self._sign_leaf(builder, names, ExtendedKeyUsageOID.SERVER_AUTH)

    def _until(self, wanted: datetime) -> datetime:
        # Never past the CA's own end, or verifiers reject the chain in surprising ways.
        return min(wanted, self.certificate.not_valid_after_utc)

    def _sign_leaf(
        self,
        builder: x509.CertificateBuilder,
        names: Sequence[x509.GeneralName],
        usage: x509.ObjectIdentifier,
    ) -> x509.Certificate:
        authority = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority.value)
        return (
            builder.issuer_name(self.certificate.subject)
            .serial_number(x509.random_serial_number())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(identifier, critical=False)
            .sign(self._key, hashes.SHA256())
        )
