"""borg 1.x: archives of one repository, read without a lock and without repairing anything."""

import hashlib
import json
import logging
import shlex
import time
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, ClassVar

import msgspec

from tramgac_agent.drop import Record, RepositoryState
from tramgac_agent.sources import command
from tramgac_agent.sources.base import Source, SourceFailed, SourceSettings, Visit
from tramgac_agent.sources.borglist import (
    Archive,
    BorgRefused,
    Listing,
    parse,
    parse_info,
    refusal_of,
)
from tramgac_agent.sources.listed import Backup, Catalogue, ListedSeries
from tramgac_agent.sources.medium import folder_of, medium_of_address
from tramgac_agent.sources.vanished import DEFAULT_KEEP_DAYS

_PASSED = ("PASSPHRASE", "PASSCOMMAND", "RSH", "REMOTE_PATH", "KEY_FILE", "KEYS_DIR")
# While another borg commits, the index on disk is older than the data for a moment.
_COMMIT_RETRIES = 3
_COMMIT_SECONDS = 2.0
_MAX_ROSTER_BYTES = 64 * 1024

log = logging.getLogger(__name__)


class BorgSeries(ListedSeries, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[series]]``: which archives belong to it.

    Attributes:
        archives: Pattern of the archives' names, as ``his-*``.
        host: Only those made on this host; costs a read of every archive's metadata.
        paths: What is saved, on this machine: tells whether the copy is on the same disk.
    """

    keep_days: Annotated[int, msgspec.Meta(ge=0, le=3660)] = DEFAULT_KEEP_DAYS
    archives: str = "*"
    host: str = ""
    paths: tuple[str, ...] = ()

    def matches(self, archive: Archive) -> bool:
        """Whether ``archive`` belongs to this series."""
        return fnmatchcase(archive.name, self.archives) and self.host in ("", archive.host)


class BorgSettings(SourceSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole probe file.

    Attributes:
        repository: As borg takes it.
        server_read_only: The borg of a server cannot write for this key, and that is known: what
            keeps our own borg from repairing does not reach there.
        passphrase_file: Or ``passphrase_command``, or what the unit's environment has.
        unencrypted: The repository has no encryption, and that is known.
    """

    repository: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    passphrase_file: str = ""
    passphrase_command: str = ""
    unencrypted: bool = False
    server_read_only: bool = False
    borg: str = "borg"
    series: Annotated[tuple[BorgSeries, ...], msgspec.Meta(min_length=1, max_length=100)]

    def problem(self) -> str:
        """What is wrong with the file as a whole, with the key; empty when nothing is."""
        if self.passphrase_file and self.passphrase_command:
            return "set `passphrase_file` or `passphrase_command`, not both"
        if folder_of(self.repository) is None and not self.server_read_only:
            return (
                "repository: borg may write on a server even when it only lists; run the probe"
                " there on the folder, or see `server_read_only` in docs/sources.md"
            )
        return ""

    def environment(self, environ: Mapping[str, str], base: Path) -> dict[str, str]:
        """What borg gets: a cache and a memory of its own below ``base``, no question open.

        Times come in UTC. A repository that was moved is refused: borg's memory of where it
        was is what tells a swapped one.
        """
        home = environ.get("HOME", "/")
        result = {
            "BORG_KEYS_DIR": f"{home}/.config/borg/keys",
            **{f"BORG_{one}": environ.get(f"BORG_{one}", "") for one in _PASSED},
            "BORG_REPO": self.repository,
            "BORG_BASE_DIR": str(base),
            "BORG_RELOCATED_REPO_ACCESS_IS_OK": "no",
            "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes" if self.unencrypted else "no",
            "BORG_SELFTEST": "disabled",
            "TZ": "UTC",
        }
        asked = self.passphrase_command
        if self.passphrase_file:
            asked = shlex.join(["cat", self.passphrase_file])
        if asked:
            result |= {"BORG_PASSPHRASE": "", "BORG_PASSCOMMAND": asked}
        return {key: value for key, value in result.items() if value}


class BorgSource(Source[BorgSettings]):
    """One listing a visit, and one more question for each newest archive not seen before."""

    name: ClassVar[str] = "borg"
    settings_type: ClassVar[type[SourceSettings]] = BorgSettings

    def look(self, visit: Visit) -> Iterable[Record]:
        """One state a series; none at all while another borg commits.

        borg keeps no mark of a run that left files out, so nothing is told of runs.

        Raises:
            SourceFailed: borg did not come back or cannot be started.
            OSError: The state folder is not writable.
        """
        borg = _Borg(self.settings, visit)
        version = borg.version()
        try:
            listing = borg.listing()
        except BorgRefused as refused:
            log.warning("%s", refused)
            if refused.repairs and borg.locked:
                return []  # what was told an hour ago still holds
            problem = "damaged" if refused.damaged else ""
            said = self.blind(refused.state, visit, version)
            return [msgspec.structs.replace(one, problem=problem) for one in said]
        catalogue = Catalogue(self, visit)
        locks, oldest_ms = _locks(folder_of(self.settings.repository))
        states = [
            msgspec.structs.replace(
                self._state(series, listing, catalogue, borg),
                tool_version=version,
                locks=locks,
                oldest_lock_unix_ms=oldest_ms,
                repository_id=listing.repository_id,
            )
            for series in self.settings.series
        ]
        catalogue.save()
        return states

    def _state(
        self, series: BorgSeries, listing: Listing, catalogue: Catalogue, borg: "_Borg"
    ) -> RepositoryState:
        mine = [one for one in listing.archives if series.matches(one)]
        newest = catalogue.newest(Backup(one.id, one.start_ms) for one in mine)
        named = {one.id: one for one in mine}
        if newest is not None and newest.id not in catalogue.details:
            try:
                catalogue.details[newest.id] = borg.detail(named[newest.id])
            except SourceFailed as failure:  # what is in it is not known, that it is there is
                log.warning("cannot count an archive: %s", failure)
        backups = [_backup(one, catalogue.details.get(one.id)) for one in mine]
        present = {one.id for one in listing.archives}
        medium = medium_of_address(self.settings.repository, [Path(one) for one in series.paths])
        return msgspec.structs.replace(catalogue.state(series, backups, present), medium=medium)


def _backup(archive: Archive, detail: tuple[int, int, int] | None) -> Backup:
    if detail is None:
        return Backup(archive.id, archive.start_ms)
    files, size, end_ms = detail
    return Backup(archive.id, archive.start_ms, max(end_ms, archive.start_ms), files, size)


class _Borg:
    """Asks borg; it can read what its user may, and write nowhere but in the state folder."""

    def __init__(self, settings: BorgSettings, visit: Visit) -> None:
        self._settings = settings
        self._visit = visit
        key = hashlib.sha256(settings.repository.encode()).hexdigest()[:16]
        base = visit.state_folder / f"borg-{key}"
        self._environment = settings.environment(visit.environment, base.resolve())

    @property
    def locked(self) -> bool:
        """Whether somebody writes; False for a repository that is not on this machine."""
        folder = folder_of(self._settings.repository)
        return folder is not None and (folder / "lock.exclusive").exists()

    def version(self) -> str:
        return self._run("--version").text.removeprefix("borg").strip()[:32]

    def listing(self) -> Listing:
        """All archives.

        Raises:
            BorgRefused: It cannot be read.
        """
        hosts = any(series.host for series in self._settings.series)
        words = ("list", "--json", "--bypass-lock", *(("--format={hostname}",) if hosts else ()))
        for again in range(_COMMIT_RETRIES, -1, -1):
            try:
                return parse(self._ask(*words))
            except BorgRefused as refused:
                wait = _COMMIT_SECONDS if self.locked else 0.0
                if not again or not refused.repairs or self._visit.budget.left <= wait:
                    raise
                time.sleep(wait)
        raise SourceFailed("blind_tool", "borg list")

    def detail(self, archive: Archive) -> tuple[int, int, int]:
        """Files, bytes and end of one archive; the first time borg fills its cache for this."""
        return parse_info(self._ask("info", "--json", "--bypass-lock", f"::{archive.name}"))

    def _ask(self, *words: str) -> str:
        answer = self._run("--log-json", *words)
        if answer.exit_code > 1:  # 1 is a warning, and the answer is there
            raise refusal_of(answer.errors)
        return answer.text

    def _run(self, *words: str) -> command.Answer:
        argv = [self._settings.borg, *words]
        return command.run(argv, self._visit, self._environment, read_only=True)


def _locks(folder: Path | None) -> tuple[int | None, int | None]:
    """Locks held and the time of the exclusive one; borg itself removes those of dead processes.

    None for a repository that is not on this machine.
    """
    if folder is None:
        return None, None
    lock = folder / "lock.exclusive"
    try:
        held = sum(1 for _ in lock.iterdir())
        since = lock.stat().st_mtime_ns // 1_000_000
    except OSError:
        held, since = 0, None
    return held + _readers(folder / "lock.roster"), since if held else None


def _readers(roster: Path) -> int:
    """Processes that hold the repository for reading, such as a forgotten `borg mount`."""
    try:
        with roster.open("rb") as file:
            found = json.loads(file.read(_MAX_ROSTER_BYTES))
    except (OSError, ValueError, RecursionError):
        return 0
    shared = found.get("shared", []) if isinstance(found, dict) else []
    return len(shared) if isinstance(shared, list) else 0
