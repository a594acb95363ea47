"""The collector's key files. A key and its certificates share a file, so they always match."""

import fcntl
import ipaddress
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from tramgac_collector.identity.signer import BACKDATE, key_sha256, key_usage, utc
from tramgac_proto.privatefile import follow_owner, write_private

CA_LIFE = timedelta(days=15 * 365 + 4)
_PEM = serialization.Encoding.PEM
_CERTIFICATE_MARK = b"-----BEGIN CERTIFICATE-----"


def wall_ms() -> int:
    """The collector's clock, milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One process at a time: `serve` and `token create` may both be the first to need a CA."""
    with (folder / ".lock").open("a") as file:
        follow_owner(file.fileno(), folder)
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def key_pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    """PKCS #8, unencrypted: the service must start without a person."""
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def write_pair(
    path: Path, key: ec.EllipticCurvePrivateKey, chain: Sequence[x509.Certificate]
) -> None:
    """Write key and certificates into one private file, in one step."""
    certificates = b"".join(certificate.public_bytes(_PEM) for certificate in chain)
    write_private(path, key_pem(key) + certificates)


def split_pair(data: bytes) -> tuple[bytes, bytes]:
    """Key PEM and chain PEM of a file that ``write_pair`` wrote."""
    cut = data.index(_CERTIFICATE_MARK)
    return data[:cut], data[cut:]


def read_pair(path: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Key and first certificate.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Not what ``write_pair`` writes.
    """
    private, chain = split_pair(path.read_bytes())
    key = serialization.load_pem_private_key(private, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path}: not an elliptic curve key")  # noqa: TRY004 - bad content
    return key, x509.load_pem_x509_certificate(chain)


def read_lease_key(path: Path) -> ed25519.Ed25519PrivateKey:
    """The key that signs throughput leases."""
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, ed25519.Ed25519PrivateKey):
        raise ValueError(f"{path}: not an Ed25519 key")  # noqa: TRY004 - bad content
    return key


def spki_pin(certificate: x509.Certificate) -> str:
    """SHA-256 of the certificate's public key, base64url without padding (43 characters)."""
    return urlsafe_b64encode(bytes.fromhex(key_sha256(certificate))).rstrip(b"=").decode()


def make_ca(path: Path, now_ms: int) -> None:
    """Write a new CA key with its self-signed certificate, 15 years."""
    key = ec.generate_private_key(ec.SECP256R1())
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    # Two CAs are alive while one is rolled into the next, so their names differ.
    common = f"Tram Gac CA {identifier.digest[:4].hex()}"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc(now_ms) - BACKDATE)
        .not_valid_after(utc(now_ms) + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(authority=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )
    write_pair(path, key, [certificate])


def general_names(names: Sequence[str]) -> list[x509.GeneralName]:
    """Addresses as addresses, the rest as DNS names."""
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found
