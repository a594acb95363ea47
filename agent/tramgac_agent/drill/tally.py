"""What a drill found so far, and how it ends when something is wrong."""

import hashlib
from dataclasses import dataclass, field

from tramgac_agent.drop.records import Proof
from tramgac_agent.restic.repository import Snapshot


class DrillFailed(Exception):  # noqa: N818 - an outcome with a reason code, not a defect
    """The drill did not pass.

    Attributes:
        code: As in ``Drill.failure``.
        conclusive: False: it says nothing of the backup.
        text: For the person at the keyboard; never leaves the host.
    """

    def __init__(self, code: str, text: str = "", *, conclusive: bool = True) -> None:
        super().__init__(text or code)
        self.code = code
        self.conclusive = conclusive


@dataclass(slots=True)
class Tally:
    """Counters of one drill; what they mean is said at ``drop.Drill``.

    Attributes:
        size: Bytes read back.
        digests: SHA-256 of each content that was read back.
    """

    snapshot: Snapshot | None = None
    snapshot_unix_ms: int | None = None
    snapshot_bytes: int | None = None
    size: int = 0
    restore_seconds: float = 0.0
    files: int = 0
    files_expected: int = 0
    files_same: int = 0
    proof: Proof = "none"
    proof_count: int = 0
    tool_version: str = ""
    digests: list[bytes] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """SHA-256 over the sorted digests, hex; empty when nothing was read."""
        if not self.digests:
            return ""
        return hashlib.sha256(b"".join(sorted(self.digests))).hexdigest()
