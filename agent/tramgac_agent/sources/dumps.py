"""Plain dump folders: the newest file that is finished, and whether it is what it should be."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec

from tramgac_agent.drop import FUTURE_TOLERANCE_MS, IntegrityCheck, Record, RepositoryState
from tramgac_agent.host import statefile
from tramgac_agent.sources.base import SeriesSettings, Source, SourceFailed, SourceSettings, Visit
from tramgac_agent.sources.dumpproof import Changed, Proof, examine
from tramgac_agent.sources.folders import (
    MAX_ENTRIES,
    Entry,
    entries_of,
    look_each,
    name_hidden,
    within,
)
from tramgac_agent.sources.medium import medium_of
from tramgac_agent.sources.months import months_of
from tramgac_agent.sources.vanished import Backup, Seen, gone, remembered

_SETTLED_MS = 60_000
# A file that was not read to its end is tried again only when there is clearly more time.
_WORTH_ANOTHER_TRY = 1.5

log = logging.getLogger(__name__)


class DumpSeries(SeriesSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[series]]``: one folder, or those files in it that fit ``pattern``.

    Attributes:
        pattern: Of file names, as a shell's; subfolders are not looked into.
        kind: What the files are; ``auto`` takes each for what it is, ``any`` asks nothing.
        min_bytes: A newest file below that is a problem.
        read_to_end: Read a new file once to its end where that proves something.
        keep_days: No file younger than that may ever go; 0: files may go at any time.
        paths: Where the data itself lies, to tell whether the dumps are on the same disk.
    """

    folder: Annotated[str, msgspec.Meta(min_length=1)]
    pattern: str = "*"
    kind: Literal["auto", "pg_custom", "pg_plain", "mysql", "gzip", "sqlite", "zip", "any"] = "auto"
    min_bytes: Annotated[int, msgspec.Meta(ge=0)] = 0
    read_to_end: bool = True
    keep_days: Annotated[int, msgspec.Meta(ge=0, le=3660)] = 0
    paths: tuple[str, ...] = ()


class DumpSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    series: Annotated[tuple[DumpSeries, ...], msgspec.Meta(min_length=1, max_length=100)]

    def problem(self) -> str:
        """Folders are given in full."""
        wrong = [one.folder for one in self.series if not Path(one.folder).is_absolute()]
        return f"folder: `{wrong[0]}` must begin at the root" if wrong else ""


class Examined(msgspec.Struct, frozen=True):
    """What is remembered of the newest file.

    Attributes:
        question: The file, and what it was expected to be.
        seconds: How long there was to read it.
    """

    question: str
    problem: str
    reach: str
    seconds: float

    def is_enough(self, seconds: float) -> bool:
        """Whether it need not be read again, with so much time now."""
        return self.reach != "not_in_time" or seconds < _WORTH_ANOTHER_TRY * self.seconds


class Memory(msgspec.Struct, kw_only=True):
    """What is remembered of one series from look to look.

    Attributes:
        taken_ms: When the last look was.
        young: Keys of the files that were less than a minute old then.
        files: Those that may not go yet.
        examined: The file that was read last.
    """

    taken_ms: int = 0
    young: list[str] = []
    files: Seen = {}
    examined: Examined | None = None


class DumpSource(Source[DumpSettings]):
    """Lists each folder once a visit, and reads a file once in its life."""

    name: ClassVar[str] = "dumps"
    settings_type: ClassVar[type[SourceSettings]] = DumpSettings

    def look(self, visit: Visit) -> Iterable[Record]:
        """One state a series, and a check for each new file that could be checked.

        Raises:
            OSError: The state folder is not writable.
        """
        return look_each(self, visit, self.settings.series, self._look)

    def _look(self, one: DumpSeries, visit: Visit) -> Iterator[Record]:
        path = visit.state_folder / f"dumps-{name_hidden(one.id)}.json"
        memory = statefile.load(path, Memory, log) or Memory()
        found = within(visit.budget.left, lambda: _matching(one))
        files = finished(found, memory, visit.now_ms)
        newest, examined, checks = _newest(one, files, memory, visit)
        yield from checks
        early = gone(memory.files, {each.key for each in found}, one.keep_days, visit.now_ms)
        yield msgspec.structs.replace(
            self._state(one, files, newest, visit.now_ms),
            problem=_problem(one, newest, examined),
            vanished=len(early),
            vanished_newest_unix_ms=max((start for start, _ in early.values()), default=None),
            future_dated=any(_is_future(each, visit.now_ms) for each in found),
        )
        kept = (Backup(each.key, each.mtime_ms, each.key) for each in files)
        memory = Memory(
            taken_ms=visit.now_ms,
            young=[each.key for each in found if each.mtime_ms > visit.now_ms - _SETTLED_MS],
            files=remembered(kept, one.keep_days, visit.now_ms, MAX_ENTRIES),
            examined=examined or memory.examined,
        )
        visit.keep(lambda: statefile.save(path, memory))

    def _state(
        self, one: DumpSeries, files: Sequence[Entry], newest: Entry | None, now_ms: int
    ) -> RepositoryState:
        return RepositoryState(
            version=1,
            series=one.id,
            taken_unix_ms=now_ms,
            valid_seconds=self.settings.valid_seconds,
            source=self.name,
            state="ok",
            snapshots=len(files),
            newest_unix_ms=newest.mtime_ms if newest else None,
            newest_end_unix_ms=newest.mtime_ms if newest else None,
            newest_id=newest.identity if newest else None,
            oldest_unix_ms=min((each.mtime_ms for each in files), default=None),
            files=1 if newest else None,
            bytes=newest.size if newest else None,
            months=months_of((each.mtime_ms for each in files), now_ms),
            medium=medium_of(Path(one.folder), [Path(each) for each in one.paths]),
        )


def _newest(
    one: DumpSeries, files: Sequence[Entry], memory: Memory, visit: Visit
) -> tuple[Entry | None, Examined | None, list[IntegrityCheck]]:
    """The newest file that stays the same while it is looked at."""
    for entry in sorted(files, key=lambda each: (each.mtime_ms, each.key), reverse=True):
        seconds = visit.budget.left
        question = f"{entry.key} {one.kind} {one.read_to_end}"
        if entry.size == 0:
            return entry, None, []
        known = memory.examined
        if known and known.question == question and known.is_enough(seconds):
            return entry, known, []
        try:
            proof = examine(entry, one.kind, visit, whole=one.read_to_end)
        except Changed:
            continue
        examined = Examined(question, proof.problem, proof.reach, seconds)
        spent = round(1000 * (seconds - visit.budget.left))
        return entry, examined, list(_checks(one.id, entry, proof, (visit.now_ms, spent)))
    if files:
        raise SourceFailed("blind_tool", "every file changes while it is looked at")
    return None, None, []


def _matching(one: DumpSeries) -> list[Entry]:
    """Plain files that fit the pattern and have a time at all."""
    return [
        each
        for each in entries_of(Path(one.folder))
        if each.is_file and each.mtime_ms > 0 and fnmatchcase(each.path.name, one.pattern)
    ]


def finished(found: Iterable[Entry], memory: Memory, now_ms: int) -> list[Entry]:
    """The files that are not being written.

    A file is finished when it was last changed a minute ago, or is what it was at the last look
    at least a minute ago: the clock of a file server may run ahead. One from the future never is.
    """
    rested = now_ms - memory.taken_ms >= _SETTLED_MS
    same = frozenset(memory.young if rested else ())
    return [
        each
        for each in found
        if each.mtime_ms <= now_ms - _SETTLED_MS
        or (each.key in same and not _is_future(each, now_ms))
    ]


def _is_future(entry: Entry, now_ms: int) -> bool:
    return entry.mtime_ms > now_ms + FUTURE_TOLERANCE_MS


def _problem(one: DumpSeries, newest: Entry | None, examined: Examined | None) -> str:
    if newest is None:
        return ""
    if newest.size == 0:
        return "empty"
    if newest.size < one.min_bytes:
        return "too_small"
    return examined.problem if examined else ""


def _checks(
    series: str, entry: Entry, proof: Proof, times: tuple[int, int]
) -> Iterator[IntegrityCheck]:
    """What the proof says as checks: of the form always, of the content when all was read.

    Args:
        series: Whose.
        entry: The file.
        proof: What was found out.
        times: Start in Unix milliseconds, and milliseconds it took.
    """
    if proof.kind == "any":
        return
    begun, took = times
    bad = bool(proof.problem)
    plain = IntegrityCheck(
        version=1,
        series=series,
        scope="metadata",
        started_unix_ms=begun,
        ended_unix_ms=begun + took,
        passed=not bad,
        failure="damaged" if bad else "",
        errors=int(bad),
        tool="dumps",
    )
    yield plain
    if proof.reach == "edges":
        return
    late = proof.reach == "not_in_time"
    yield msgspec.structs.replace(
        plain,
        scope="data",
        passed=not bad and not late,
        conclusive=not late,
        failure="deadline" if late else plain.failure,
        bytes=0 if late else entry.size,
        slice=1,
        slices=1,
        slices_read=int(not bad and not late),
        slices_bad=int(bad),
        oldest_slice_unix_ms=None if late or bad else begun + took,
    )
