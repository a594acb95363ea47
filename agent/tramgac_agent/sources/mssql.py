"""SQL Server: what ``msdb`` says was saved, and whether the files are still there."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from tramgac_agent.drop import BackupRun, Record, RepositoryState
from tramgac_agent.drop.records import Medium
from tramgac_agent.sources.base import SeriesSettings, Source, SourceFailed, SourceSettings, Visit
from tramgac_agent.sources.export import ExportSettings, read
from tramgac_agent.sources.folders import within
from tramgac_agent.sources.listed import Backup as Listed
from tramgac_agent.sources.listed import Catalogue, ListedSeries
from tramgac_agent.sources.medium import medium_of
from tramgac_agent.sources.msdb import Backup, Database, parse

_HOUR_MS = 3_600_000


class MssqlSeries(SeriesSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[series]]``: one database.

    Attributes:
        log_hours: In the full recovery model the log has to be saved so often at least.
        check_files: The probe sees the server's paths as they are: look whether the files of
            the newest backup are there.
        paths: Where the data itself lies, to tell whether the backup is on the same disk.
    """

    database: Annotated[str, msgspec.Meta(min_length=1)]
    log_hours: Annotated[float, msgspec.Meta(gt=0, le=8760)] = 24.0
    check_files: bool = False
    paths: tuple[str, ...] = ()


class MssqlSettings(ExportSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    series: Annotated[tuple[MssqlSeries, ...], msgspec.Meta(min_length=1, max_length=100)]


class MssqlSource(Source[MssqlSettings]):
    """Asks one server once a visit."""

    name: ClassVar[str] = "mssql"
    settings_type: ClassVar[type[SourceSettings]] = MssqlSettings

    def look(self, visit: Visit) -> Iterable[Record]:
        """New runs and one state a series.

        Raises:
            SourceFailed: The server cannot be asked.
            OSError: The state folder is not writable.
        """
        answer = parse(read(self.settings, visit))
        catalogue = Catalogue(self, visit)
        records: list[Record] = []
        for one in self.settings.series:
            database = answer.databases.get(one.database.lower(), Database())
            newest = next(iter(database.of_kind("DI")), None)
            runs = (_run(one.id, each, answer.version) for each in database.of_kind("DI"))
            records += catalogue.untold(one.id, runs)
            state = catalogue.state(ListedSeries(id=one.id), [_listed(newest)] if newest else [])
            records.append(_completed(state, one, database, visit))
        catalogue.save()
        return records


def _run(series: str, backup: Backup, version: str) -> BackupRun:
    return BackupRun(
        version=1,
        series=series,
        run_id=f"mssql-{backup.kind}-{backup.id}-{backup.start_ms}",
        started_unix_ms=backup.start_ms,
        ended_unix_ms=max(backup.start_ms, backup.end_ms),
        outcome="partial" if backup.damaged else "complete",
        exit_code=int(backup.damaged),
        reason="damaged_repository" if backup.damaged else "",
        tool="mssql",
        tool_version=version,
        bytes=backup.bytes,
    )


def _listed(backup: Backup) -> Listed:
    return Listed(f"{backup.kind}-{backup.id}", backup.start_ms, backup.end_ms, bytes=backup.bytes)


def _completed(
    state: RepositoryState, one: MssqlSeries, database: Database, visit: Visit
) -> RepositoryState:
    """With what msdb tells beside the backup itself; it does not tell what is still kept."""
    logs = database.of_kind("L")
    return msgspec.structs.replace(
        state,
        problem=next(_problems(one, database, visit), ""),
        archived_unix_ms=logs[0].end_ms if logs else None,
        oldest_unix_ms=None,
        months=None,
        medium=_medium(one, database),
    )


def _problems(one: MssqlSeries, database: Database, visit: Visit) -> Iterator[str]:
    """Problem codes, worst first."""
    if not database.recovery:
        yield "no_database"
    saved = database.of_kind("DI")
    if not saved:
        return
    full = next(iter(database.of_kind("D")), None)
    if full is None:
        yield "no_full"
    needed = [each for each in (saved[0], full) if each is not None]
    if any(each.damaged for each in needed):
        yield "damaged"
    if one.check_files and _is_a_file_missing(needed, visit):
        yield "file_missing"
    if _is_log_growing(one, database, visit.now_ms):
        yield "log_growing"


def _is_log_growing(one: MssqlSeries, database: Database, now_ms: int) -> bool:
    """Nobody saves the log, so it fills its disk, and the last hours cannot be restored."""
    if database.recovery not in {"FULL", "BULK_LOGGED"}:
        return False
    logs = database.of_kind("L")
    since_ms = logs[0].end_ms if logs else min(each.end_ms for each in database.of_kind("DI"))
    return since_ms < now_ms - one.log_hours * _HOUR_MS


def _is_a_file_missing(backups: Iterable[Backup], visit: Visit) -> bool:
    """Success in msdb is not proof of the file; tapes, addresses and pipes are not looked for."""
    paths = [Path(device) for each in backups for device in each.devices]
    paths = [path for path in paths if path.is_absolute()]
    try:
        return not within(visit.budget.left, lambda: all(path.is_file() for path in paths))
    except SourceFailed as failure:
        if failure.state == "blind_timeout":
            raise
        return False  # not allowed to look


def _medium(one: MssqlSeries, database: Database) -> Medium:
    newest = next(iter(database.of_kind("DI")), None)
    device = newest.devices[0] if newest and newest.devices else ""
    if device.startswith("\\\\"):
        return "elsewhere"
    if not one.check_files or not Path(device).is_absolute():
        return "unknown"
    return medium_of(Path(device), [Path(each) for each in one.paths])
