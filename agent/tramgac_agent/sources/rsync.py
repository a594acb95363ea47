"""Trees that rsync keeps: one mirror, or dated folders that share files by hard links."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal
from zoneinfo import ZoneInfo

import msgspec

from tramgac_agent.drop import FUTURE_TOLERANCE_MS, Record, RepositoryState
from tramgac_agent.restic.runner import Budget
from tramgac_agent.sources.base import SeriesSettings, Source, SourceSettings, Visit
from tramgac_agent.sources.folders import entries_of, look_each, name_hidden, within
from tramgac_agent.sources.medium import medium_of
from tramgac_agent.sources.months import months_of
from tramgac_agent.sources.walk import Tree, walk

# A walk leaves this much of the time to say what it did not find out.
_SHARE = 0.8


class RsyncSeries(SeriesSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[series]]``: one folder that rsync writes.

    Attributes:
        layout: ``mirror``: the folder is the copy. ``dated``: each subfolder with a date for a
            name is one.
        date_format: Of those names, as ``strptime`` takes it.
        zone: Of those dates; empty: that of this host.
        marker: A file the job touches at its end: in the mirror, or in each dated folder.
        latest: A link the job sets at its end to the newest dated folder.
        paths: Where the data itself lies, to tell whether the copy is on the same disk.
    """

    folder: Annotated[str, msgspec.Meta(min_length=1)]
    layout: Literal["mirror", "dated"]
    date_format: str = ""
    zone: str = ""
    marker: str = ""
    latest: str = ""
    paths: tuple[str, ...] = ()

    def problem(self) -> str:
        """What is wrong with it, with the key; empty when nothing is."""
        if not Path(self.folder).is_absolute():
            return f"folder: `{self.folder}` must begin at the root"
        if (self.layout == "dated") != bool(self.date_format):
            return "date_format: needed for `dated`, and for nothing else"
        if self.latest and (self.layout != "dated" or self.marker):
            return "latest: only for `dated`, and not beside `marker`"
        if any(Path(one).name != one for one in (self.marker, self.latest)):
            return "marker, latest: a name without a folder"
        try:
            ZoneInfo(self.zone or "UTC")
        except (OSError, ValueError, KeyError):
            return f"zone: there is no `{self.zone}` here"
        return ""


class RsyncSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    series: Annotated[tuple[RsyncSeries, ...], msgspec.Meta(min_length=1, max_length=100)]

    def problem(self) -> str:
        """The first thing wrong with any of the series."""
        return next(filter(None, (one.problem() for one in self.series)), "")


@dataclass(frozen=True, slots=True)
class Copy:
    """One finished copy.

    Attributes:
        start_ms: Of the run, or of its newest file; 0 when nothing tells.
        end_ms: What the marker says; 0 without one.
    """

    path: Path
    start_ms: int
    end_ms: int = 0

    @property
    def identity(self) -> str:
        """Tells this run from another, and does not give the name away."""
        return name_hidden(f"{self.path.name} {self.start_ms} {self.end_ms}")


class RsyncSource(Source[RsyncSettings]):
    """Lists the folder and walks the newest copy."""

    name: ClassVar[str] = "rsync"
    settings_type: ClassVar[type[SourceSettings]] = RsyncSettings

    def look(self, visit: Visit) -> Iterable[Record]:
        """One state a series."""
        return look_each(self, visit, self.settings.series, self._look)

    def _look(self, one: RsyncSeries, visit: Visit) -> Iterator[Record]:
        until = Budget(_SHARE * visit.budget.left)

        def work() -> tuple[list[Copy], Tree | None]:
            found = _dated(one, visit) if one.layout == "dated" else _mirror(one)
            newest = newest_of(found, visit.now_ms)
            latest_ms = visit.now_ms + FUTURE_TOLERANCE_MS
            root = newest.path if newest else None
            return found, walk(root, one.marker, latest_ms, until) if root else None

        copies, tree = within(visit.budget.left, work)
        if one.layout == "mirror":
            copies = _mirrored(copies, tree)
        yield self._state(one, visit.now_ms, copies, tree)

    def _state(
        self, one: RsyncSeries, now_ms: int, copies: list[Copy], tree: Tree | None
    ) -> RepositoryState:
        newest = newest_of(copies, now_ms)
        starts = [each.start_ms for each in copies if each.start_ms]
        latest_ms = now_ms + FUTURE_TOLERANCE_MS
        return RepositoryState(
            version=1,
            series=one.id,
            taken_unix_ms=now_ms,
            valid_seconds=self.settings.valid_seconds,
            source=self.name,
            state="ok",
            snapshots=len(copies),
            newest_unix_ms=newest.start_ms or None if newest else None,
            newest_end_unix_ms=newest.end_ms or None if newest else None,
            newest_id=newest.identity if newest else None,
            oldest_unix_ms=min(starts, default=None),
            files=tree.files if tree else None,
            bytes=tree.bytes if tree else None,
            months=months_of(starts, now_ms),
            future_dated=bool(tree and tree.future) or any(each > latest_ms for each in starts),
            medium=medium_of(Path(one.folder), [Path(each) for each in one.paths]),
        )


def newest_of(copies: Iterable[Copy], now_ms: int) -> Copy | None:
    """The newest believable copy: one from the future never is."""
    believable = (one for one in copies if one.start_ms <= now_ms + FUTURE_TOLERANCE_MS)
    return max(believable, key=lambda one: (one.start_ms, one.path.name), default=None)


def date_of(name: str, date_format: str, zone: str) -> int:
    """Unix milliseconds of a folder's name; 0 when it is no date."""
    try:
        moment = datetime.strptime(name, date_format)  # noqa: DTZ007 - the zone follows
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone)) if zone else moment.astimezone()
        return max(0, int(moment.timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        return 0


def _dated(one: RsyncSeries, visit: Visit) -> list[Copy]:
    """Every finished copy.

    A copy without its marker, or newer than what ``latest`` points to, is still being made or
    was broken off: it does not count.
    """
    folder = Path(one.folder)
    dates = (
        (each.path, date_of(each.path.name, one.date_format, one.zone))
        for each in entries_of(folder)
        if each.is_folder
    )
    copies = [Copy(path, start_ms) for path, start_ms in dates if start_ms]
    if one.latest:
        until_ms = date_of(_target(folder / one.latest), one.date_format, one.zone)
        return [each for each in copies if each.start_ms <= until_ms]
    if one.marker:
        marked = ((each, _changed_ms(each.path / one.marker)) for each in copies)
        latest_ms = visit.now_ms + FUTURE_TOLERANCE_MS
        return [
            Copy(each.path, each.start_ms, end_ms if each.start_ms <= end_ms <= latest_ms else 0)
            for each, end_ms in marked
            if end_ms
        ]
    return copies


def _target(link: Path) -> str:
    """Name of what a link leads to; empty when there is no such link."""
    try:
        return link.readlink().name
    except OSError:
        return ""


def _mirror(one: RsyncSeries) -> list[Copy]:
    """The one copy there is, if there is anything in it; its time may not be known yet."""
    folder = Path(one.folder)
    with os.scandir(folder) as entries:
        if next(entries, None) is None:
            return []
    changed_ms = _changed_ms(folder / one.marker) if one.marker else 0
    return [Copy(folder, changed_ms, changed_ms)] if changed_ms or not one.marker else []


def _mirrored(copies: list[Copy], tree: Tree | None) -> list[Copy]:
    """Without a marker, the newest file says how new the mirror is at least."""
    newest_ms = tree.newest_ms if tree else 0
    return [one if one.end_ms else Copy(one.path, newest_ms) for one in copies]


def _changed_ms(path: Path) -> int:
    """When a file was last changed, in Unix milliseconds; 0 when there is none."""
    try:
        return max(0, path.lstat().st_mtime_ns // 1_000_000)
    except FileNotFoundError:
        return 0
