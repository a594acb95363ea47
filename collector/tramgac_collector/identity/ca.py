"""The collector as a small CA: anchors, issuing, the server's certificate, the lease key."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tramgac_collector.identity import credentials
from tramgac_collector.identity.codes import Code, Refused
from tramgac_collector.identity.keyring import (
    general_names,
    key_pem,
    locked,
    make_ca,
    read_lease_key,
    read_pair,
    spki_pin,
    split_pair,
    wall_ms,
    write_pair,
)
from tramgac_collector.identity.signer import (
    Grant,
    LocalSigner,
    Signer,
    agent_uri,
    key_sha256,
    utc,
)
from tramgac_proto.privatefile import private_folder, write_private

log = logging.getLogger(__name__)

FOLDER = "identity"
SERVER_RENEW_BEFORE = timedelta(days=30)
DEFAULT_NAMES = ("localhost", "127.0.0.1")
# The kernel stamps files by its last tick, so a stamp may be that much too early.
_TICK_MS = 10
_PEM = serialization.Encoding.PEM


class Authority:
    """CA, server certificate and lease key of one collector.

    Files in ``<state>/identity``: ``ca.pem``, ``lease.key``, ``lease.pub``, ``server.pem``;
    while the CA is rolled also ``next.pem``, afterwards ``previous.crt``. Make one with
    ``create``, ``open`` or ``open_or_create``.
    """

    def __init__(self, folder: Path, names: Sequence[str], signer: Signer | None) -> None:
        self.folder = folder
        self._names = tuple(names) or DEFAULT_NAMES
        self._outside = signer
        self.lease_signer: ed25519.Ed25519PrivateKey = read_lease_key(folder / "lease.key")
        # For the throughput responder, a process that may see no private key.
        self.lease_public_path = folder / "lease.pub"
        if not self.lease_public_path.exists():
            write_private(self.lease_public_path, self.lease_public_key, 0o644)
        self._read_ca()
        self.ensure_server_certificate()
        self._stamp = credentials.stamp(folder)

    @classmethod
    def create(
        cls, state_dir: Path, names: Sequence[str] = DEFAULT_NAMES, signer: Signer | None = None
    ) -> "Authority":
        """Make a new CA.

        Raises:
            FileExistsError: There is one already; it is never overwritten.
        """
        folder = private_folder(state_dir / FOLDER)
        with locked(folder):
            if (folder / "ca.pem").exists():
                raise FileExistsError(f"{folder / 'ca.pem'}: there is a CA already")
            write_private(folder / "lease.key", key_pem(ed25519.Ed25519PrivateKey.generate()))
            # Last: its presence says that the folder is whole.
            make_ca(folder / "ca.pem", wall_ms())
        log.info("new CA in %s", folder)
        return cls(folder, names, signer)

    @classmethod
    def open(
        cls, state_dir: Path, names: Sequence[str] = DEFAULT_NAMES, signer: Signer | None = None
    ) -> "Authority":
        """Read the CA; re-issue the server certificate if it is old or lacks a name.

        Raises:
            FileNotFoundError: There is no CA.
            ValueError: A key file is damaged.
        """
        folder = state_dir / FOLDER
        if not (folder / "ca.pem").exists():
            raise FileNotFoundError(f"{folder / 'ca.pem'}: no CA here yet")
        return cls(folder, names, signer)

    @classmethod
    def open_or_create(
        cls, state_dir: Path, names: Sequence[str] = DEFAULT_NAMES, signer: Signer | None = None
    ) -> "Authority":
        """What `serve` and `token create` want, whichever comes first on a new machine."""
        try:
            return cls.create(state_dir, names, signer)
        except FileExistsError:
            return cls.open(state_dir, names, signer)

    def _read_ca(self) -> None:
        self.local = LocalSigner(*read_pair(self.folder / "ca.pem"))
        self.signer: Signer = self._outside or self.local
        found = [self.local.certificate]
        if (self.folder / "next.pem").exists():
            found.insert(0, read_pair(self.folder / "next.pem")[1])
        previous = self.folder / "previous.crt"
        if previous.exists():
            found.append(x509.load_pem_x509_certificate(previous.read_bytes()))
        found += [anchor for anchor in self.signer.anchors() if anchor not in found]
        self.anchors: tuple[x509.Certificate, ...] = tuple(found)

    @property
    def ca_pem(self) -> bytes:
        """The trust anchors that agents are given, newest first."""
        return b"".join(anchor.public_bytes(_PEM) for anchor in self.anchors)

    @property
    def pin(self) -> str:
        """What a token carries of the CA that signs the server's certificate."""
        return spki_pin(self.local.certificate)

    @property
    def lease_public_key(self) -> bytes:
        """Raw Ed25519 key, 32 bytes."""
        return self.lease_signer.public_key().public_bytes_raw()

    @property
    def anchors_changed_ms(self) -> int:
        """When agents last got a new anchor to learn; 0 while the first CA is alone."""
        stamps = [
            path.stat().st_mtime_ns // 1_000_000 + _TICK_MS
            for path in (self.folder / "next.pem", self.folder / "previous.crt")
            if path.exists()
        ]
        return max(stamps, default=0)

    def issue(self, csr: x509.CertificateSigningRequest, grant: Grant) -> x509.Certificate:
        """Have the request signed, and check that the signer kept to the grant.

        Raises:
            Refused: The signer failed or signed something else.
        """
        try:
            certificate = self.signer.sign_csr(csr, grant)
            names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
            uris = names.value.get_values_for_type(x509.UniformResourceIdentifier)
        except Exception as error:  # an outside signer may fail in any way of its own
            log.exception("the signer failed for agent %s", grant.agent_id)
            raise Refused(Code.SIGNER_FAILED, retry_seconds=300) from error
        if uris != [agent_uri(grant.agent_id)] or key_sha256(certificate) != key_sha256(csr):
            log.error("the signer changed key or name of agent %s", grant.agent_id)
            raise Refused(Code.SIGNER_FAILED, retry_seconds=300)
        return certificate

    def is_ours(self, certificate: x509.Certificate) -> bool:
        """Whether one of the anchors signed ``certificate``, whatever its dates."""
        for anchor in self.anchors:
            try:
                certificate.verify_directly_issued_by(anchor)
            except (ValueError, TypeError, InvalidSignature):
                continue
            return True
        return False

    def prepare_next(self) -> None:
        """First half of a roll: make the next CA; agents learn it with their next renewal.

        Raises:
            FileExistsError: A roll is under way.
        """
        with locked(self.folder):
            if (self.folder / "next.pem").exists():
                raise FileExistsError("the next CA is there already; agents are learning it")
            make_ca(self.folder / "next.pem", wall_ms())
        self._read_ca()

    def roll(self) -> None:
        """Second half: the next CA signs from now on, the old one is only trusted.

        Raises:
            FileNotFoundError: ``prepare_next`` was not called.
        """
        with locked(self.folder):
            if not (self.folder / "next.pem").exists():
                raise FileNotFoundError("no next CA; prepare one and let the agents learn it")
            old = self.local.certificate.public_bytes(_PEM)
            write_private(self.folder / "previous.crt", old, 0o644)
            (self.folder / "next.pem").replace(self.folder / "ca.pem")
        self._read_ca()
        self.ensure_server_certificate()

    def _server_certificate_serves(self, now_ms: int) -> bool:
        try:
            certificate = read_pair(self.folder / "server.pem")[1]
            certificate.verify_directly_issued_by(self.local.certificate)
        except (OSError, ValueError, TypeError, InvalidSignature):
            return False
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if set(names) != set(general_names(self._names)):
            return False
        return utc(now_ms) < certificate.not_valid_after_utc - SERVER_RENEW_BEFORE

    def ensure_server_certificate(self, now_ms: int = 0) -> bool:
        """Issue the server's certificate unless the one there will do; True if it did."""
        now_ms = now_ms or wall_ms()
        with locked(self.folder):
            if self._server_certificate_serves(now_ms):
                return False
            key = ec.generate_private_key(ec.SECP256R1())
            names = general_names(self._names)
            certificate = self.local.sign_server(key.public_key(), names, now_ms)
            # The CA goes along, so that a new agent can hold it against the token's pin.
            chain = [certificate, self.local.certificate]
            write_pair(self.folder / "server.pem", key, chain)
        log.info("server certificate issued for %s", ", ".join(self._names))
        return True

    def server_pair(self) -> tuple[bytes, bytes]:
        """The server's key and chain, PEM, as they are on disk now."""
        return split_pair((self.folder / "server.pem").read_bytes())

    def refresh(self) -> None:
        """Take up what another process changed on disk, and renew the server's certificate."""
        self._read_ca()
        self.ensure_server_certificate()

    def follow(self) -> None:
        """``refresh`` if the files changed: an agent must not be given yesterday's anchors."""
        stamp = credentials.stamp(self.folder)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.refresh()
        except (OSError, ValueError):
            log.exception("the CA's files changed and cannot be used; the old keys go on")

    def server_credentials(self) -> grpc.ServerCredentials:
        """Of the reporting port: the client must show a certificate of our CA."""
        return credentials.reloading(self, require_client=True)

    def enrollment_credentials(self) -> grpc.ServerCredentials:
        """Of the enrolment port: the client has no certificate yet."""
        return credentials.reloading(self, require_client=False)
