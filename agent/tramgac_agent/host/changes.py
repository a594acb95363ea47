"""Whether a check's values changed since it last looked, across restarts."""

import logging
import os
import zlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from tramgac_agent.host import statefile

# What has gone is remembered too (a link may come back slower), within this bound.
MAX_KEYS = 256


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    epoch: str
    generation: int
    values: dict[str, str]


class ChangeMemory:
    """Last value per key.

    A change is written down only once its event is safe in the outbox (``settle``): a crash
    in between repeats the event with the same token instead of losing it.
    """

    def __init__(self) -> None:
        self._path: Path | None = None
        self._log = logging.getLogger(__name__)
        self._settled = _Seen(epoch=os.urandom(4).hex(), generation=0, values={})
        self._looked = self._settled
        self._token = ""
        self._handed = ""

    def look(self, path: Path, values: Mapping[str, str], log: logging.Logger) -> str:
        """Compare ``values`` with those last settled.

        Returns:
            A token for the event if a value differs, else empty. A key never seen before is
            no change; nor is one whose event was handed over already, or the outbox, which
            takes each token once, would take no more values while it cannot keep any.
        """
        if self._path is None:
            self._path, self._log = path, log
            self._settled = statefile.load(path, _Seen, log) or self._settled
        before = self._settled
        changed = {
            key: value for key, value in values.items() if before.values.get(key, value) != value
        }
        self._looked = _after(before, values, changed=bool(changed))
        self._token = _token(before, changed) if changed else ""
        return self._token if self._token != self._handed else ""

    def hand_over(self) -> None:
        """Take the last look as in the outbox, if only in its memory."""
        self._handed = self._token or self._handed

    def settle(self) -> None:
        """Take the last look as told; a disk that refuses leaves it in memory only."""
        if self._path is None or self._looked == self._settled:
            return
        self._settled = self._looked
        try:
            statefile.save(self._path, self._settled)
        except OSError as error:
            self._log.warning("changes are remembered in memory only: %s", error)


def _after(before: _Seen, values: Mapping[str, str], *, changed: bool) -> _Seen:
    gone = {key: value for key, value in before.values.items() if key not in values}
    merged = {**gone, **values}
    return _Seen(
        epoch=before.epoch,
        generation=before.generation + changed,
        values=dict(list(merged.items())[-MAX_KEYS:]),
    )


def _token(before: _Seen, changed: Mapping[str, str]) -> str:
    text = repr(sorted(changed.items()))
    # Not hashlib: it would load libcrypto, 3.6 MB, into the resident agent.
    checksum = zlib.crc32(text.encode("utf-8", "backslashreplace"))
    return f"{before.epoch}-{before.generation}-{checksum:08x}"
