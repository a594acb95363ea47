"""Which check of a repository is due, and what is known of each slice of its data."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from tramgac_agent.drop.records import CheckKind
from tramgac_agent.restic.verify_settings import VerifySettings

_HOUR_MS = 3600_000
_DAY_MS = 24 * _HOUR_MS
_IMMUTABILITY_EVERY_MS = 7 * _DAY_MS
_IMMUTABILITY_AGAIN_MS = _DAY_MS
_UNREADABLE_AGAIN_MS = 7 * _DAY_MS


@dataclass(frozen=True, slots=True)
class Work:
    """One check.

    Attributes:
        slice: From 1; 0 for ``metadata``.
    """

    scope: CheckKind
    slice: int = 0


class Reading(msgspec.Struct, forbid_unknown_fields=True):
    """One slice.

    Attributes:
        read_ms: Last read to a conclusion.
        whole_ms: Last found whole; 0: never.
        bad: The last reading found damage.
    """

    read_ms: int
    whole_ms: int = 0
    bad: bool = False


class Progress(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is remembered of one repository; losing it starts again with nothing read.

    Attributes:
        repository: Its id; empty until it was told.
        slices: Into how many ``readings`` divides the data.
        unread_ms: When a slice was last read to no conclusion, by its number.
        metadata_ms: Last check of the structure that came to a conclusion.
        metadata_bad: It found damage.
        gave_up_ms: When a check last ran out of time, by scope.
        probed_ms: When a server was last asked whether it would delete.
    """

    version: Literal[1] = 1
    repository: str = ""
    slices: int = 0
    readings: dict[int, Reading] = {}
    unread_ms: dict[int, int] = {}
    metadata_ms: int = 0
    metadata_bad: bool = False
    gave_up_ms: dict[CheckKind, int] = {}
    probed_ms: int = 0

    def divide(self, slices: int) -> None:
        """Start again when the data is divided otherwise: no slice is what it was."""
        if slices != self.slices or not all(1 <= one <= slices for one in self.readings):
            self.slices = slices
            self.readings = {}
            self.unread_ms = {}
            self.gave_up_ms.pop("data", None)

    def belong(self, repository: str) -> None:
        """Start again when another repository lies at the same place now; empty: not known."""
        if repository and self.repository not in ("", repository):
            self.readings = {}
            self.unread_ms = {}
            self.gave_up_ms = {}
            self.metadata_ms, self.metadata_bad = 0, False
        self.repository = repository or self.repository

    @property
    def slices_read(self) -> int:
        """Slices that were found whole, ever."""
        return sum(one.whole_ms > 0 for one in self.readings.values())

    @property
    def slices_bad(self) -> int:
        """Slices whose last reading found damage."""
        return sum(one.bad for one in self.readings.values())

    @property
    def oldest_slice_ms(self) -> int | None:
        """When the one found whole longest ago was; None until all were."""
        if not self.slices or self.slices_read < self.slices:
            return None
        return min(one.whole_ms for one in self.readings.values())

    def next_slice(self, now_ms: int) -> int:
        """A damaged one first, then one never read, then the one read longest ago.

        One that lately led to no conclusion waits, or the others would never be read.
        """

        def rank(number: int) -> tuple[bool, bool, int, int]:
            known = self.readings.get(number)
            waits = not _older(self.unread_ms.get(number, 0), _UNREADABLE_AGAIN_MS, now_ms)
            return (waits, not (known and known.bad), known.read_ms if known else 0, number)

        return min(range(1, self.slices + 1), key=rank)

    def note(self, work: Work, now_ms: int, *, whole: bool) -> None:
        """Remember a check that came to a conclusion."""
        self.gave_up_ms.pop(work.scope, None)
        if work.scope == "metadata":
            self.metadata_ms, self.metadata_bad = now_ms, not whole
            return
        self.unread_ms.pop(work.slice, None)
        before = self.readings.get(work.slice)
        whole_ms = now_ms if whole else before.whole_ms if before else 0
        self.readings[work.slice] = Reading(now_ms, whole_ms, bad=not whole)

    def note_unread(self, work: Work, now_ms: int) -> None:
        """Remember that a slice was read, and that nothing could be said of it."""
        if work.slice:
            self.unread_ms[work.slice] = now_ms

    def note_gave_up(self, work: Work, now_ms: int) -> None:
        """Remember that time ran out, so that it is not tried again at once."""
        self.gave_up_ms[work.scope] = now_ms

    def note_probed(self, now_ms: int, *, known: bool) -> None:
        """Remember that the server was asked; an answer that proves nothing lasts a day."""
        early = 0 if known else _IMMUTABILITY_EVERY_MS - _IMMUTABILITY_AGAIN_MS
        self.probed_ms = now_ms - early


def due(progress: Progress, settings: VerifySettings, now_ms: int) -> Work | None:
    """The one thing to do now.

    While the structure is damaged no data is read: every slice would look damaged as well.
    """
    pause_ms = settings.slice_hours * _HOUR_MS

    def rested(scope: CheckKind) -> bool:
        return _older(progress.gave_up_ms.get(scope, 0), pause_ms, now_ms)

    every_ms = pause_ms if progress.metadata_bad else settings.metadata_days * _DAY_MS
    if _older(progress.metadata_ms, every_ms, now_ms) and rested("metadata"):
        return Work("metadata")
    last_ms = max((one.read_ms for one in progress.readings.values()), default=0)
    ready = _older(last_ms, pause_ms, now_ms) and rested("data")
    if settings.slices and ready and not progress.metadata_bad:
        return Work("data", progress.next_slice(now_ms))
    return None


def immutability_due(progress: Progress, now_ms: int) -> bool:
    """Whether to ask the server again."""
    return _older(progress.probed_ms, _IMMUTABILITY_EVERY_MS, now_ms)


def _older(then_ms: int, limit_ms: float, now_ms: int) -> bool:
    """Whether ``then`` is longer ago than that; a time ahead of the clock is worth nothing."""
    return not then_ms or not 0 <= now_ms - then_ms < limit_ms
