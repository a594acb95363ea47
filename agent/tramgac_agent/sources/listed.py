"""From a product's own list of backups to records, and what is remembered between visits."""

import hashlib
import os
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec

from tramgac_agent.drop import FUTURE_TOLERANCE_MS, BackupRun, RepositoryState
from tramgac_agent.sources import vanished
from tramgac_agent.sources.base import SeriesSettings, Source, Visit
from tramgac_agent.sources.months import months_of

_MAX_SEEN = 5000
_MAX_DETAILS = 500
# Of the newest runs only: after a first look at an old catalogue the rest is history.
_MAX_RUNS = 20
# A run is told in two visits, in case the first could not be written; the outbox takes it once.
_TIMES_TOLD = 2


class ListedSeries(SeriesSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[series]]`` of a product that lists its backups.

    Attributes:
        keep_days: No backup younger than this may ever disappear; 0: nothing is promised.
    """

    keep_days: Annotated[int, msgspec.Meta(ge=0, le=3660)] = 0


@dataclass(frozen=True, slots=True)
class Backup:
    """One finished backup.

    Attributes:
        start_ms: Unix milliseconds.
        end_ms: The same; None when the product does not say.
        files: None where it does not count them.
        bytes: Of everything the backup covers, new or not.
    """

    id: str
    start_ms: int
    end_ms: int | None = None
    files: int | None = None
    bytes: int | None = None


class _Memory(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What is kept: by series what was seen and told, by backup what it holds."""

    seen: dict[str, vanished.Seen] = {}
    told: dict[str, dict[str, int]] = {}
    details: dict[str, tuple[int, int, int]] = {}


class Catalogue:
    """What one visit says of the backups that a product lists.

    Args:
        source: Whose series are looked at.
        visit: Its state folder may serve several probe files.
    """

    def __init__(self, source: Source[Any], visit: Visit) -> None:
        self._source = source
        self._visit = visit
        self._now_ms = visit.now_ms
        key = "\n".join(source.settings.series_ids).encode()
        name = f"{source.name}-{hashlib.sha256(key).hexdigest()[:16]}.json"
        self._path = visit.state_folder / name
        self._memory = _load(self._path)

    @property
    def details(self) -> dict[str, tuple[int, int, int]]:
        """Files, bytes and end (Unix ms) by backup id, kept from visit to visit."""
        return self._memory.details

    def newest(self, backups: Iterable[Backup]) -> Backup | None:
        """The newest one that is not from the future: that would look fresh for months."""
        believable = filter(self._believable, backups)
        return max(believable, key=lambda one: (one.start_ms, one.id), default=None)

    def _believable(self, backup: Backup) -> bool:
        return backup.start_ms <= self._now_ms + FUTURE_TOLERANCE_MS

    def state(
        self, series: ListedSeries, backups: Sequence[Backup], present: Container[str] = ()
    ) -> RepositoryState:
        """What a list that was really read shows of one series.

        ``present`` holds ids that are there without being this series' own.
        """
        newest = self.newest(backups)
        lost = self._lost(series, backups, present)
        return RepositoryState(
            version=1,
            series=series.id,
            taken_unix_ms=self._now_ms,
            valid_seconds=self._source.settings.valid_seconds,
            source=self._source.name,
            state="ok",
            snapshots=len(backups),
            newest_unix_ms=newest.start_ms if newest else None,
            newest_end_unix_ms=newest.end_ms if newest else None,
            newest_id=newest.id if newest else None,
            files=newest.files if newest else None,
            bytes=newest.bytes if newest else None,
            oldest_unix_ms=min((one.start_ms for one in backups), default=None),
            months=months_of((one.start_ms for one in backups), self._now_ms),
            future_dated=any(not self._believable(one) for one in backups),
            vanished=len(lost),
            vanished_newest_unix_ms=max((start for start, _ in lost.values()), default=None),
        )

    def _lost(
        self, series: ListedSeries, backups: Sequence[Backup], present: Container[str]
    ) -> vanished.Seen:
        there = {one.id for one in backups}
        seen = self._memory.seen.get(series.id, {})
        seen = {identity: known for identity, known in seen.items() if identity not in present}
        lost = vanished.gone(seen, there, series.keep_days, self._now_ms)
        listed = [vanished.Backup(one.id, one.start_ms, one.id) for one in backups]
        self._memory.seen[series.id] = vanished.remembered(
            listed, series.keep_days, self._now_ms, _MAX_SEEN
        )
        return lost

    def untold(self, series: str, runs: Iterable[BackupRun]) -> list[BackupRun]:
        """Those of the newest runs that were not told yet in this outcome."""
        newest = sorted(runs, key=lambda one: (one.started_unix_ms, one.run_id))[-_MAX_RUNS:]
        told = self._memory.told.get(series, {})
        keys = {f"{one.run_id} {one.outcome}": one for one in newest}
        self._memory.told[series] = {key: told.get(key, 0) + 1 for key in keys}
        return [one for key, one in keys.items() if told.get(key, 0) < _TIMES_TOLD]

    def save(self) -> None:
        """Keep what is remembered for the next visit.

        Raises:
            OSError: The state folder is not writable.
        """
        self._visit.keep(self._save)

    def _save(self) -> None:
        mine = set(self._source.settings.series_ids)
        for known in (self._memory.seen, self._memory.told):
            for series in known.keys() - mine:
                del known[series]
        self._memory.details = dict(list(self._memory.details.items())[-_MAX_DETAILS:])
        temporary = self._path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_bytes(msgspec.json.encode(self._memory))
        temporary.replace(self._path)


def _load(path: Path) -> _Memory:
    """What is remembered; a missing or unreadable file is an empty memory."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Memory)
    except (OSError, msgspec.DecodeError):
        return _Memory()
