"""barman: its catalogue of one or more servers, and what `barman check` complains of."""

import logging
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec

from tramgac_agent.drop import BackupRun, Outcome, Record
from tramgac_agent.drop.records import Count, Identifier
from tramgac_agent.sources import command
from tramgac_agent.sources.base import Source, SourceFailed, SourceSettings, Visit
from tramgac_agent.sources.folders import look_each, within
from tramgac_agent.sources.listed import Backup, Catalogue, ListedSeries

_OUTCOMES: dict[str, Outcome] = {"DONE": "complete", "FAILED": "failed"}
# Unset limits are always OK to barman, and ours are judged at the centre; failed backups are
# told one by one.
_NOT_ASKED = frozenset(
    {"backup_maximum_age", "backup_minimum_size", "wal_maximum_age", "failed_backups"}
)
# What the other complaints follow from.
_FIRST = frozenset({"directories", "postgresql", "ssh"})
_PASSED = ("PGPASSFILE", "PGSERVICEFILE", "PGSSLMODE", "PGSSLROOTCERT")

log = logging.getLogger(__name__)

Code = Annotated[str, msgspec.Meta(pattern=r"\A[a-z][a-z0-9_]{0,47}\Z")]


class BarmanSeries(ListedSeries, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[series]]``.

    Attributes:
        server: As barman names it.
    """

    server: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_.][A-Za-z0-9_.-]{0,62}\Z")]


class BarmanSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole probe file.

    Attributes:
        config: barman's own file; empty: its usual place.
        check: Also run ``barman check``, which connects to the server.
    """

    config: str = ""
    barman: str = "barman"
    check: bool = True
    series: Annotated[tuple[BarmanSeries, ...], msgspec.Meta(min_length=1, max_length=100)]


class Listed(msgspec.Struct, frozen=True):
    """One backup of ``barman -f json list-backups``.

    Attributes:
        backup_id: When it began, as the machine's own clock showed it.
        end_time_timestamp: Unix seconds.
        size_bytes: Of the backup and the WAL it needs.
    """

    backup_id: Identifier
    status: Literal["DONE", "FAILED", "EMPTY", "STARTED", "WAITING_FOR_WALS", "SYNCING"]
    end_time_timestamp: Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{1,12}\Z")] | None = None
    size_bytes: Count | None = None

    @property
    def start_ms(self) -> int:
        """Unix milliseconds; never after the end, whatever a change of the clock did.

        Raises:
            SourceFailed: ``blind_tool``: the id is no time.
        """
        try:
            moment = datetime.strptime(self.backup_id[:15], "%Y%m%dT%H%M%S").astimezone()
            began = int(moment.timestamp() * 1000)
        except (ValueError, OverflowError, OSError) as error:
            raise SourceFailed("blind_tool", "barman: a backup id that is no time") from error
        return max(1, began if self.end_ms is None else min(began, self.end_ms))

    @property
    def end_ms(self) -> int | None:
        """Unix milliseconds."""
        return int(self.end_time_timestamp) * 1000 if self.end_time_timestamp else None


class _Checked(msgspec.Struct, frozen=True):
    status: str


class _Server(msgspec.Struct, frozen=True):
    basebackups_directory: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


_LISTS = msgspec.json.Decoder(dict[str, tuple[Listed, ...]])
_CHECKS = msgspec.json.Decoder(dict[str, dict[str, _Checked]])
_SERVERS = msgspec.json.Decoder(dict[str, _Server])


def parse(text: str, server: str) -> tuple[Listed, ...]:
    """Read what ``barman -f json list-backups SERVER`` printed.

    Raises:
        SourceFailed: ``blind_tool``: that is no such list.
    """
    try:
        listed = _LISTS.decode(text)[server]
        for one in listed:
            _ = one.start_ms
    except (msgspec.DecodeError, UnicodeError, KeyError) as error:
        raise SourceFailed("blind_tool", "barman list-backups: unusable output") from error
    return listed


def parse_check(text: str, server: str) -> str:
    """The first complaint of ``barman -f json check SERVER`` as a code; empty when none.

    Raises:
        SourceFailed: ``blind_tool``: that is no such answer.
    """
    try:
        checks = _CHECKS.decode(text)[server]
        failed = [name for name, one in checks.items() if one.status == "FAILED"]
        failed = sorted(set(failed) - _NOT_ASKED, key=lambda name: (name not in _FIRST, name))
        return msgspec.convert(failed[0], Code) if failed else ""
    except (msgspec.MsgspecError, UnicodeError, KeyError) as error:
        raise SourceFailed("blind_tool", "barman check: unusable output") from error


def runs_of(series: str, listed: Iterable[Listed], version: str = "") -> list[BackupRun]:
    """Every entry of the catalogue as a run; barman does not say when a failed one ended."""
    runs = []
    for one in listed:
        outcome = _OUTCOMES.get(one.status, "running")
        ended = outcome != "running"
        runs.append(
            BackupRun(
                version=1,
                series=series,
                run_id=one.backup_id,
                started_unix_ms=one.start_ms,
                ended_unix_ms=(one.end_ms or one.start_ms) if ended else None,
                outcome=outcome,
                exit_code={"complete": 0, "failed": 1}.get(outcome),
                reason="exit_code" if outcome == "failed" else "",
                tool="barman",
                tool_version=version,
                bytes=one.size_bytes if outcome == "complete" else None,
                snapshot_id=one.backup_id if outcome == "complete" else None,
            )
        )
    return runs


class BarmanSource(Source[BarmanSettings]):
    """A list and a check a server."""

    name: ClassVar[str] = "barman"
    settings_type: ClassVar[type[SourceSettings]] = BarmanSettings

    def look(self, visit: Visit) -> Iterable[Record]:
        """One state a series, and each backup that was not told yet.

        Raises:
            SourceFailed: barman cannot be started, or must not be.
            OSError: The state folder is not writable.
        """
        if os.geteuid() == 0:
            # Even listing makes lock files, which barman's own user could not open then.
            raise SourceFailed("blind_tool", "run the probe as barman's own user, not as root")
        catalogue = Catalogue(self, visit)
        version = (self._run(visit, "--version").text.split() or [""])[0][:32]

        def look(series: BarmanSeries, visit: Visit) -> Iterable[Record]:
            return self._series(series, visit, catalogue, version)

        records = list(look_each(self, visit, self.settings.series, look))
        catalogue.save()
        return records

    def _series(
        self, series: BarmanSeries, visit: Visit, catalogue: Catalogue, version: str
    ) -> Iterable[Record]:
        answer = self._run(visit, "-f", "json", "list-backups", series.server)
        if answer.exit_code:
            raise _failed(answer)
        listed = parse(answer.text, series.server)
        if not listed:
            self._see_folder(series.server, visit)
        backups = [
            Backup(one.backup_id, one.start_ms, one.end_ms, bytes=one.size_bytes)
            for one in listed
            if one.status == "DONE"
        ]
        state = msgspec.structs.replace(
            catalogue.state(series, backups),
            tool_version=version,
            problem=self._complaint(series, visit),
        )
        return [state, *catalogue.untold(series.id, runs_of(series.id, listed, version))]

    def _see_folder(self, server: str, visit: Visit) -> None:
        """Make sure that an empty list is one: barman lists nothing where it may not look.

        Raises:
            SourceFailed: The server's folder is not there or not readable.
        """
        answer = self._run(visit, "-f", "json", "show-server", server)
        try:
            folder = Path(_SERVERS.decode(answer.text)[server].basebackups_directory)
        except (msgspec.DecodeError, UnicodeError, KeyError) as error:
            raise SourceFailed("blind_tool", "barman show-server: unusable output") from error
        within(visit.budget.left, lambda: os.scandir(folder).close())

    def _complaint(self, series: BarmanSeries, visit: Visit) -> str:
        """What ``barman check`` finds wrong; that it cannot be asked is no complaint."""
        if not self.settings.check:
            return ""
        try:
            text = self._run(visit, "-f", "json", "check", series.server).text
            return parse_check(text, series.server)
        except SourceFailed as failure:
            log.warning("%s: %s", series.id, failure)
            return ""

    def _run(self, visit: Visit, *words: str) -> command.Answer:
        config = ["-c", self.settings.config] if self.settings.config else []
        passed = {name: visit.environment.get(name, "") for name in _PASSED}
        environment = {"PGCONNECT_TIMEOUT": "10"} | {k: v for k, v in passed.items() if v}
        return command.run([self.settings.barman, *config, *words], visit, environment)


def _failed(answer: command.Answer) -> SourceFailed:
    said = answer.text + answer.errors
    if "Unknown server" in said:
        return SourceFailed("missing", "no such server")
    denied = "ermission denied" in said or "PermissionDenied" in said
    return SourceFailed("blind_auth" if denied else "blind_tool", answer.errors)
