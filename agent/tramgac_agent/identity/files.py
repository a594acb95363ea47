"""The identity on disk. Standard library only: the resident process reads, children write.

``<state>/identity`` holds ``key.pem``, ``agent.crt``, ``ca.crt``, ``lease.pub`` and
``identity.json``. The certificate is written last, so its presence says that the rest is
there; a renewal keeps the key, so a crash between two files never parts a pair.
"""

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tramgac_agent.identity.fingerprint import machine_fingerprint
from tramgac_proto.privatefile import private_folder, write_private

if TYPE_CHECKING:
    from tramgac_proto.v1 import enrollment_pb2

FOLDER = "identity"
# From here on the agent tries to renew, once an hour at most: sites may be dark for months.
RENEW_BEFORE_MS = 120 * 86_400_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Identity:
    """One read of the files.

    Attributes:
        ca_pem: Trust anchors, newest first.
        lease_public_key: Raw Ed25519 key, 32 bytes.
        not_before_ms: Start of the certificate; 48 h before it was issued.
    """

    key_pem: bytes
    certificate_pem: bytes
    ca_pem: bytes
    lease_public_key: bytes
    agent_id: str
    facility: str
    site: str
    host: str
    not_before_ms: int
    not_after_ms: int

    def judge(self, now_ms: int) -> str:
        """What this host's own clock says of the certificate; gRPC would hide it.

        Returns:
            ``ok``, ``renew_soon`` (120 d left), ``expired``, or ``not_yet_valid``, which
            means that this host's clock is wrong.
        """
        if now_ms < self.not_before_ms:
            return "not_yet_valid"
        if now_ms >= self.not_after_ms:
            return "expired"
        return "renew_soon" if self.not_after_ms - now_ms < RENEW_BEFORE_MS else "ok"


class IdentityFiles:
    """Where the identity lies below an agent's state folder."""

    def __init__(self, state_dir: Path) -> None:
        self.folder = state_dir / FOLDER
        self.key_path = self.folder / "key.pem"
        # The key of a request that is not answered yet: asking again costs no second token.
        self.new_key_path = self.folder / "key.new.pem"
        self.certificate_path = self.folder / "agent.crt"
        self.ca_path = self.folder / "ca.crt"
        self.lease_key_path = self.folder / "lease.pub"
        self.meta_path = self.folder / "identity.json"

    @property
    def meta(self) -> dict[str, Any]:
        """Agent id, place and dates, as text and numbers; empty without an identity."""
        try:
            found = json.loads(self.meta_path.read_bytes())
        except FileNotFoundError:
            return {}
        return found if isinstance(found, dict) else {}

    def load(self) -> Identity | None:
        """Read everything now; None if this host is not enrolled or a file is damaged."""
        try:
            certificate = self.certificate_path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            meta = self.meta
            return Identity(
                key_pem=self.key_path.read_bytes(),
                certificate_pem=certificate,
                ca_pem=self.ca_path.read_bytes(),
                lease_public_key=self.lease_key_path.read_bytes(),
                agent_id=str(meta["agent_id"]),
                facility=str(meta["facility"]),
                site=str(meta["site"]),
                host=str(meta["host"]),
                not_before_ms=int(meta["not_before_ms"]),
                not_after_ms=int(meta["not_after_ms"]),
            )
        except (OSError, ValueError, KeyError, TypeError):
            log.exception(
                "%s is damaged; `tramgac-agent enroll --force` makes it anew", self.folder
            )
            return None

    def fingerprint(self) -> bytes:
        """SHA-256 over machine identifiers, 32 bytes; empty where the machine has none."""
        return machine_fingerprint()

    def save_key(self, key_pem: bytes) -> None:
        """Keep the key of a request until it is answered."""
        private_folder(self.folder)
        write_private(self.new_key_path, key_pem)

    def store(
        self,
        issued: "enrollment_pb2.Identity",
        validity_ms: tuple[int, int],
        *,
        adopt_new_key: bool = False,
    ) -> None:
        """Put an issued identity in force.

        Args:
            issued: The collector's answer.
            validity_ms: NotBefore and NotAfter of its certificate.
            adopt_new_key: The certificate is for ``key.new.pem``, not for ``key.pem``.

        Raises:
            OSError: The old identity still stands, or there is none, never a mixed one.
        """
        if adopt_new_key:
            # Another key: until the certificate below is there, this host has no identity,
            # and the same request brings the same answer.
            self.certificate_path.unlink(missing_ok=True)
            write_private(self.key_path, self.new_key_path.read_bytes())
        meta = {
            "agent_id": issued.agent_id,
            "facility": issued.facility,
            "site": issued.site,
            "host": issued.host,
            "not_before_ms": validity_ms[0],
            "not_after_ms": validity_ms[1],
        }
        write_private(self.ca_path, issued.ca_bundle_pem, 0o644)
        write_private(self.lease_key_path, issued.lease_public_key, 0o644)
        write_private(self.meta_path, json.dumps(meta, indent=1).encode(), 0o644)
        write_private(self.certificate_path, issued.certificate_pem, 0o644)
        if adopt_new_key:
            self.new_key_path.unlink(missing_ok=True)
