"""pgBackRest: its own catalogue of one or more stanzas, as ``pgbackrest info`` tells it."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec

from tramgac_agent.drop import BackupRun, Record, RepositoryState, State
from tramgac_agent.drop.records import Count, Identifier
from tramgac_agent.sources import command
from tramgac_agent.sources.base import Source, SourceFailed, SourceSettings, Visit
from tramgac_agent.sources.folders import look_each
from tramgac_agent.sources.listed import Backup, Catalogue, ListedSeries

# pgbackrest: src/command/info/info.c, INFO_STANZA_STATUS_CODE_*; the exit code is always 0.
_MISSING_PATH = 1
_READ = frozenset({0, 2, 6})  # ok, no backup, no such backup; any code not named here is blind
_PROBLEMS = {3: "missing_stanza_data", 4: "mixed", 5: "database_mismatch"}
_WHY: tuple[tuple[str, State], ...] = (
    ("permission denied", "blind_auth"),
    ("cryptoerror", "blind_auth"),
    ("accesserror", "blind_auth"),
    ("host key verification failed", "blind_auth"),
    ("ssh:", "blind_unreachable"),
    ("hostconnect", "blind_unreachable"),
    ("unable to connect", "blind_unreachable"),
    ("unable to get address", "blind_unreachable"),
    ("timeout", "blind_unreachable"),
    ("terminated unexpectedly", "blind_unreachable"),
)
_DAMAGE = ("formaterror", "checksumerror")
_ARCHIVED = (
    "SELECT coalesce(floor(extract(epoch FROM last_archived_time) * 1000)::bigint, 0) || ' ' ||"
    " (coalesce(last_failed_time, '-infinity') > coalesce(last_archived_time, '-infinity'))"
    " FROM pg_stat_archiver"
)

log = logging.getLogger(__name__)


class PgBackRestSeries(ListedSeries, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[series]]``.

    Attributes:
        stanza: As pgBackRest names it.
        repo: Number of the repository; 0: whichever has it.
        psql: Command that reaches the stanza's server, for the time of the newest archived
            WAL: ``["psql", "-XAtqw", "-h", "/run/postgresql", "postgres"]``.
    """

    stanza: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_.][A-Za-z0-9_.-]{0,62}\Z")]
    repo: Annotated[int, msgspec.Meta(ge=0, le=256)] = 0
    psql: tuple[str, ...] = ()


class PgBackRestSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole probe file.

    Attributes:
        config: pgBackRest's own file; empty: its usual place.
    """

    config: str = ""
    pgbackrest: str = "pgbackrest"
    series: Annotated[tuple[PgBackRestSeries, ...], msgspec.Meta(min_length=1, max_length=100)]


class _Status(msgspec.Struct, frozen=True):
    code: int
    message: str = ""


class _BackupLock(msgspec.Struct, frozen=True):
    held: bool = False


class _Lock(msgspec.Struct, frozen=True):
    backup: _BackupLock = _BackupLock()


class _StanzaStatus(_Status, frozen=True):
    lock: _Lock = _Lock()


class _Repo(msgspec.Struct, frozen=True):
    key: int
    status: _Status


class _RepoOfBackup(msgspec.Struct, frozen=True):
    repo: int = msgspec.field(name="repo-key", default=1)


class _Times(msgspec.Struct, frozen=True):
    start: Annotated[int, msgspec.Meta(ge=1, le=2**42)]
    stop: Annotated[int, msgspec.Meta(ge=1, le=2**42)]


class _Size(msgspec.Struct, frozen=True):
    size: Count
    delta: Count


class _Backup(msgspec.Struct, frozen=True):
    label: Identifier
    timestamp: _Times
    info: _Size
    error: bool | None = None
    database: _RepoOfBackup = _RepoOfBackup()


class Stanza(msgspec.Struct, frozen=True):
    """One stanza of ``pgbackrest info --output=json``."""

    name: str
    status: _StanzaStatus
    backup: tuple[_Backup, ...] = ()
    repo: tuple[_Repo, ...] = ()


_STANZAS = msgspec.json.Decoder(tuple[Stanza, ...])


@dataclass(frozen=True, slots=True)
class Found:
    """What the catalogue holds of one series.

    Attributes:
        problem: What pgBackRest says is wrong; empty when nothing is.
        locked: A backup is running.
    """

    backups: tuple[_Backup, ...]
    problem: str
    locked: bool


class Damaged(SourceFailed):
    """pgBackRest says that its catalogue cannot be read for damage."""


def parse(text: str) -> tuple[Stanza, ...]:
    """Read what ``pgbackrest info --output=json`` printed.

    Raises:
        SourceFailed: ``blind_tool``: that is no such list.
    """
    try:
        return _STANZAS.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise SourceFailed("blind_tool", "pgbackrest info: unusable output") from error


def found_of(stanzas: Sequence[Stanza], name: str, repo: int = 0) -> Found:
    """What ``stanzas`` hold of one of them, in one repository or (0) in all.

    Raises:
        SourceFailed: It could not be read, or there is none.
    """
    stanza = next((one for one in stanzas if one.name == name), None)
    if stanza is None:
        raise SourceFailed("missing", "no such stanza")
    status: _Status = stanza.status
    words = " ".join(one.status.message for one in stanza.repo)
    if repo:
        status = next((one.status for one in stanza.repo if one.key == repo), _Status(1))
        words = status.message
    if status.code == _MISSING_PATH:
        raise SourceFailed("missing", "no such stanza")
    if status.code not in _READ | _PROBLEMS.keys():
        raise _blind(words)
    backups = tuple(one for one in stanza.backup if repo in (0, one.database.repo))
    newest = max(backups, key=lambda one: (one.timestamp.start, one.label), default=None)
    problem = _PROBLEMS.get(status.code, "")
    if newest is not None and newest.error:
        problem = "page_errors"
    return Found(backups, problem, stanza.status.lock.backup.held)


def _blind(words: str) -> SourceFailed:
    lowered = words.lower()
    for marker, state in _WHY:
        if marker in lowered:
            return SourceFailed(state, words)
    if any(marker in lowered for marker in _DAMAGE):
        return Damaged("blind_tool", words)
    return SourceFailed("blind_tool", words)


def runs_of(series: str, found: Found, version: str = "") -> list[BackupRun]:
    """Every backup of the catalogue as the run that made it.

    One with damaged pages is kept by pgBackRest all the same; it is not complete.
    """
    return [
        BackupRun(
            version=1,
            series=series,
            run_id=one.label,
            started_unix_ms=one.timestamp.start * 1000,
            ended_unix_ms=max(one.timestamp.start, one.timestamp.stop) * 1000,
            outcome="partial" if one.error else "complete",
            exit_code=0,
            tool="pgbackrest",
            tool_version=version,
            bytes=one.info.size,
            bytes_added=one.info.delta,
            snapshot_id=one.label,
        )
        for one in found.backups
    ]


def archived_of(text: str) -> tuple[int | None, bool]:
    """Time of the newest archived WAL (Unix ms), and whether archiving fails since.

    ``text`` is the server's answer to the one question asked; anything else is not known.
    """
    time, _, failing = text.strip().partition(" ")
    if not (time.isascii() and time.isdigit() and len(time) <= len(str(2**53))):
        return None, False
    return int(time) or None, failing in {"t", "true"}


class PgBackRestSource(Source[PgBackRestSettings]):
    """One question a stanza; the runs come from the catalogue, too."""

    name: ClassVar[str] = "pgbackrest"
    settings_type: ClassVar[type[SourceSettings]] = PgBackRestSettings

    def look(self, visit: Visit) -> Iterable[Record]:
        """One state a series, and each backup that was not told yet.

        Raises:
            SourceFailed: pgBackRest cannot be started.
            OSError: The state folder is not writable.
        """
        catalogue = Catalogue(self, visit)
        version = self._run(visit, "version").text.removeprefix("pgBackRest").strip()[:32]

        def look(series: PgBackRestSeries, visit: Visit) -> Iterable[Record]:
            return self._series(series, visit, catalogue, version)

        records = list(look_each(self, visit, self.settings.series, look))
        catalogue.save()
        return records

    def _series(
        self, series: PgBackRestSeries, visit: Visit, catalogue: Catalogue, version: str
    ) -> Iterable[Record]:
        words = ("--output=json", "--log-level-file=off", f"--stanza={series.stanza}")
        answer = self._run(visit, *words, "info")
        if answer.exit_code:
            raise _blind(answer.errors)
        try:
            found = found_of(parse(answer.text), series.stanza, series.repo)
        except Damaged as failure:
            log.warning("%s: %s", series.id, failure)
            said = self.blind(failure.state, visit, version)
            mine = (one for one in said if one.series == series.id)
            return [msgspec.structs.replace(one, problem="damaged") for one in mine]
        state = msgspec.structs.replace(
            _state(series, found, catalogue), tool_version=version, locks=int(found.locked)
        )
        state = self._archived(state, series, visit)
        return [state, *catalogue.untold(series.id, runs_of(series.id, found, version))]

    def _archived(
        self, state: RepositoryState, series: PgBackRestSeries, visit: Visit
    ) -> RepositoryState:
        """The same with what the server says of its archive; a server that is off says nothing."""
        if not series.psql:
            return state
        environment = {"PGCONNECT_TIMEOUT": "10"} | _named(visit, "PG")
        try:
            answer = command.run([*series.psql, "-c", _ARCHIVED], visit, environment)
        except SourceFailed as failure:
            log.warning("%s: archive: %s", series.id, failure)
            return state
        if answer.exit_code:
            log.warning("%s: archive: %s", series.id, answer.errors)
            return state
        archived_ms, failing = archived_of(answer.text)
        problem = state.problem or ("archiving_fails" if failing else "")
        return msgspec.structs.replace(state, archived_unix_ms=archived_ms, problem=problem)

    def _run(self, visit: Visit, *words: str) -> command.Answer:
        config = [f"--config={self.settings.config}"] if self.settings.config else []
        if words == ("version",):
            config = []
        argv = [self.settings.pgbackrest, *config, *words]
        return command.run(argv, visit, _named(visit, "PGBACKREST_"), read_only=True)


def _named(visit: Visit, prefix: str) -> dict[str, str]:
    return {key: value for key, value in visit.environment.items() if key.startswith(prefix)}


def _state(series: PgBackRestSeries, found: Found, catalogue: Catalogue) -> RepositoryState:
    backups = [
        Backup(
            one.label,
            one.timestamp.start * 1000,
            max(one.timestamp.start, one.timestamp.stop) * 1000,
            bytes=one.info.size,
        )
        for one in found.backups
    ]
    return msgspec.structs.replace(catalogue.state(series, backups), problem=found.problem)
