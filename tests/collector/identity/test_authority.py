"""The CA: what it signs, what it keeps, and how its server certificate follows it."""

import socket
import ssl
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from helpers.centre import Centre, running_centre

from tramgac_collector.identity.ca import Authority
from tramgac_collector.identity.codes import Refused
from tramgac_collector.identity.keyring import make_ca, read_pair, wall_ms
from tramgac_collector.identity.signer import Grant, LocalSigner, read_csr

AGENT = "00000000-0000-4000-8000-000000000001"
PLACE = ("bvdk", "main", "his-1")
DAY_MS = 86_400_000
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def csr_der(key: Key, common_name: str = "root of everything") -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path)


def test_a_leaf_says_what_the_grant_says(authority: Authority) -> None:
    """Names come from the grant, the request's subject is ignored, dates are a year and -48 h."""
    now_ms = wall_ms()
    csr = read_csr(csr_der(p256()))
    leaf = authority.issue(csr, Grant.at(AGENT, PLACE, now_ms))
    assert leaf.subject.rfc4514_string() == "CN=his-1,OU=main,O=bvdk"
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [f"urn:uuid:{AGENT}"]
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    life = leaf.not_valid_after_utc - leaf.not_valid_before_utc
    assert life == timedelta(days=367)
    assert authority.is_ours(leaf)


def test_keys_are_private_and_never_overwritten(authority: Authority, tmp_path: Path) -> None:
    """Key files are 0600 in a 0700 folder, and a second CA is refused."""
    folder = tmp_path / "identity"
    assert folder.stat().st_mode & 0o777 == 0o700
    for name in ("ca.pem", "server.pem", "lease.key"):
        assert (folder / name).stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        Authority.create(tmp_path)
    again = Authority.open_or_create(tmp_path)
    assert again.pin == authority.pin
    assert (
        again.lease_public_key == authority.lease_public_key == (folder / "lease.pub").read_bytes()
    )


def test_the_ca_lives_fifteen_years_and_signs_leaves_only(authority: Authority) -> None:
    """Path length 0: nobody can be made a CA below it."""
    anchor = authority.local.certificate
    assert anchor.not_valid_after_utc - anchor.not_valid_before_utc > timedelta(days=15 * 365)
    constraints = anchor.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert (constraints.ca, constraints.path_length) == (True, 0)


def test_the_server_certificate_follows_names_and_time(tmp_path: Path) -> None:
    """New names or the last 30 days bring a new one; else it stays."""
    first = Authority.create(tmp_path, ["localhost"]).server_pair()
    assert Authority.open(tmp_path, ["localhost"]).server_pair() == first
    second = Authority.open(tmp_path, ["localhost", "10.0.0.7"])
    assert second.server_pair() != first
    assert not second.ensure_server_certificate(wall_ms() + 330 * DAY_MS)
    assert second.ensure_server_certificate(wall_ms() + 340 * DAY_MS)


@pytest.mark.parametrize(
    ("der", "code"),
    [
        (b"\x00" * 8193, "csr_too_large"),
        (b"garbage", "csr_malformed"),
        (csr_der(rsa.generate_private_key(65537, 1024)), "csr_key"),  # noqa: S505 - on purpose
        (csr_der(ec.generate_private_key(ec.SECP521R1())), "csr_key"),
    ],
)
def test_hostile_requests_are_refused_by_name(der: bytes, code: str) -> None:
    """Size, form and key are bounded before anything is signed."""
    with pytest.raises(Refused, match=code):
        read_csr(der)


def test_a_request_signed_by_another_key_is_refused() -> None:
    """Whoever asks must hold the key: a changed request no longer verifies."""
    der = bytearray(csr_der(p256()))
    der[-1] ^= 1
    with pytest.raises(Refused, match=r"csr_signature|csr_malformed"):
        read_csr(bytes(der))


@pytest.mark.parametrize(
    "key", [ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)]
)
def test_other_sound_keys_are_taken(authority: Authority, key: Key) -> None:
    """Ed25519 and RSA from 2048 bits on get a certificate as well."""
    leaf = authority.issue(read_csr(csr_der(key)), Grant.at(AGENT, PLACE, wall_ms()))
    assert authority.is_ours(leaf)


class OutsideSigner:
    """A CA elsewhere; ``honest`` False signs for another agent."""

    def __init__(self, folder: Path, *, honest: bool) -> None:
        make_ca(folder / "outside.pem", wall_ms())
        self._inner = LocalSigner(*read_pair(folder / "outside.pem"))
        self._honest = honest

    def sign_csr(self, csr: x509.CertificateSigningRequest, grant: Grant) -> x509.Certificate:
        other = Grant.at("00000000-0000-4000-8000-000000000002", PLACE, wall_ms())
        return self._inner.sign_csr(csr, grant if self._honest else other)

    def anchors(self) -> Sequence[x509.Certificate]:
        return self._inner.anchors()


def test_an_outside_signer_replaces_the_ca(authority: Authority, tmp_path: Path) -> None:
    """What it signs is ours, and agents are given its anchor beside our own."""
    signed = Authority.open(tmp_path, signer=OutsideSigner(tmp_path, honest=True))
    csr = read_csr(csr_der(p256()))
    leaf = signed.issue(csr, Grant.at(AGENT, PLACE, wall_ms()))
    assert signed.is_ours(leaf)
    assert not authority.is_ours(leaf)
    assert signed.ca_pem.count(b"BEGIN CERTIFICATE") == 2


def test_an_outside_signer_that_changes_the_name_is_stopped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A certificate for another agent never leaves the collector."""
    Authority.create(tmp_path)
    signed = Authority.open(tmp_path, signer=OutsideSigner(tmp_path, honest=False))
    with pytest.raises(Refused, match="signer_failed"):
        signed.issue(read_csr(csr_der(p256())), Grant.at(AGENT, PLACE, wall_ms()))
    assert AGENT in caplog.text


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    with running_centre(tmp_path) as running:
        yield running


def served(centre: Centre) -> int:
    """Serial of the certificate the enrolment port shows now."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    with (
        socket.create_connection(("127.0.0.1", centre.enrollment_port), 10) as raw,
        context.wrap_socket(raw) as secure,
    ):
        return x509.load_der_x509_certificate(
            secure.getpeercert(binary_form=True) or b""
        ).serial_number


def test_a_new_server_certificate_is_served_without_a_restart(centre: Centre) -> None:
    """The next handshake after the file changed shows the new certificate."""
    before = served(centre)
    assert served(centre) == before
    Authority.open(centre.state_dir, ["localhost", "127.0.0.1", "gw.example"])
    after = served(centre)
    assert after != before


def test_a_damaged_server_file_keeps_the_old_one_in_service(
    centre: Centre, caplog: pytest.LogCaptureFixture
) -> None:
    """Garbage in the key file is logged; connections go on with what is in memory."""
    before = served(centre)
    (centre.authority.folder / "ca.pem").write_bytes(b"not a key")
    assert served(centre) == before
    assert "cannot be used" in caplog.text
