"""Every reason the identity service refuses for. `docs/identity.md` says who can act on each."""

import re
from enum import StrEnum

ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?")
ROLES = ("server", "probe")


class Code(StrEnum):
    """Stable codes, on the wire and in the logs."""

    TOKEN_UNKNOWN = "token_unknown"  # noqa: S105 - a reason, not a secret
    TOKEN_EXPIRED = "token_expired"  # noqa: S105
    TOKEN_USED = "token_used"  # noqa: S105
    TOKEN_WRONG_HOST = "token_wrong_host"  # noqa: S105
    HOST_INVALID = "host_invalid"
    HOST_TAKEN = "host_taken"
    KEY_IN_USE = "key_in_use"
    USE_REJOIN = "use_rejoin"
    CSR_TOO_LARGE = "csr_too_large"
    CSR_MALFORMED = "csr_malformed"
    CSR_SIGNATURE = "csr_signature"
    CSR_KEY = "csr_key"
    DENIED = "denied"
    SUPERSEDED = "superseded"
    PENDING_FULL = "pending_full"
    CERTIFICATE_FOREIGN = "certificate_foreign"
    AGENT_UNKNOWN = "agent_unknown"
    NONCE_UNKNOWN = "nonce_unknown"
    SIGNATURE_WRONG = "signature_wrong"
    CHANGED_MEANWHILE = "changed_meanwhile"
    STORE_UNAVAILABLE = "store_unavailable"
    SIGNER_FAILED = "signer_failed"
    RATE_LIMITED = "rate_limited"
    CLIENT_CERTIFICATE_MISSING = "client_certificate_missing"
    CLONED = "cloned"


class Refused(Exception):  # noqa: N818 - an outcome of asking, not a fault
    """The request is not granted.

    Args:
        code: What the other side is told.
        retry_seconds: Not zero: the same request may succeed after this long.
    """

    def __init__(self, code: Code, retry_seconds: int = 0) -> None:
        super().__init__(code.value)
        self.code = code
        self.retry_seconds = retry_seconds
