"""How reporting goes, for ``doctor`` and for people: one small JSON file."""

import errno
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

FILE_NAME = "uplink.json"
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

State = Literal["starting", "ok", "failing", "refused", "stopped"]


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """The last call and what it told us.

    Attributes:
        state: ``failing`` is retried within seconds, ``refused`` within minutes.
        reason: Stable code; empty while all is well. See ``docs/formats/outbox.md``.
        detail: What gRPC or the collector said, for people.
        at_ms: When this was written, by this host's clock.
        last_ok_ms: Last answered call; 0 when there was none since the start.
        failures: Calls failed in a row.
        offset_ms: Add this to this host's clock to get the centre's.
        backlog_records: Records waiting when the call was made.
        refusals: Records the collector put in quarantine since the start, by code.
    """

    state: State = "starting"
    reason: str = ""
    detail: str = ""
    at_ms: int = 0
    last_ok_ms: int = 0
    failures: int = 0
    offset_ms: int = 0
    backlog_records: int = 0
    backlog_bytes: int = 0
    catching_up: bool = False
    outbox_state: str = ""
    certificate: str = ""
    refusals: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def write_status(folder: Path, status: UplinkStatus) -> None:
    """Replace the status file.

    Not synced to disk: after a power cut the next call writes it anew.

    Raises:
        OSError: Not writable.
    """
    text = json.dumps(status.as_dict()) + "\n"
    temporary = folder / f".{FILE_NAME}.{os.getpid()}"
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(folder / FILE_NAME)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno not in _NO_SPACE:
            raise
        # "The disk is full" must be told all the same: the old file has its block.
        with (folder / FILE_NAME).open("r+", encoding="utf-8") as file:
            file.write(text)
            file.truncate()


def read_status(folder: Path) -> UplinkStatus | None:
    """The status as last written; None when there is none that can be read."""
    try:
        tree = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        return UplinkStatus(**tree)
    except (OSError, ValueError, TypeError):
        return None
