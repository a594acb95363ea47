"""Does the check that is due, if nobody is in the way, and says what came of it."""

import fcntl
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Literal

from tramgac_agent.drop import ImmutabilityProbe, IntegrityCheck, Record
from tramgac_agent.host import statefile
from tramgac_agent.restic.checking import DAMAGED, Result, check
from tramgac_agent.restic.failure import ResticFailed
from tramgac_agent.restic.immutability import Server, probe, server_of
from tramgac_agent.restic.locks import read_lock
from tramgac_agent.restic.memory import memory_path
from tramgac_agent.restic.polite import Neighbours, Stopped
from tramgac_agent.restic.questions import identity_of
from tramgac_agent.restic.repository import Lock, unix_ms
from tramgac_agent.restic.runner import Budget, Runner
from tramgac_agent.restic.settings import ProbeSettings
from tramgac_agent.restic.shim import install
from tramgac_agent.restic.slices import Progress, Work, due, immutability_due
from tramgac_agent.restic.verify_settings import VerifySettings
from tramgac_agent.sources.medium import folder_of, is_on_disk

Asked = Literal["metadata", "slice", "immutability"]

# Every `cat lock` is one more open of the repository.
_MAX_LOCKS_READ = 4
# Left to everybody else on the disk with restic's cache.
_LEAST_FREE_BYTES = 512 * 1024 * 1024
_ID = re.compile(r"\A[0-9a-f]{64}\Z")
_VERSION = re.compile(r"\Arestic ([0-9][0-9A-Za-z.+-]{0,24})")

log = logging.getLogger(__name__)


class Verifier:
    """Checks of one repository.

    Args:
        settings: Of the whole probe file.
        verify: Its ``[verify]``.
        folder: Where things are remembered; exists.
        drop: The drop folder, where marks of running backups are.
    """

    def __init__(
        self, settings: ProbeSettings, verify: VerifySettings, folder: Path, drop: Path
    ) -> None:
        self.folder = folder
        self._settings = settings
        self._verify = verify
        self._folder = folder_of(settings.address)
        self._on_disk = self._folder is not None and is_on_disk(self._folder)
        self._locks_folder = settings.locks_folder
        self._neighbours = Neighbours(drop, settings.series_ids, self._locks_folder)
        self._environment = settings.environment(os.environ)
        address = settings.repository or settings.repository_file
        self._path = memory_path(folder, address).with_suffix(".verify")
        # restic copies what a check needs into a cache of its own, and leaves it when killed.
        cache = Path(self._environment.get("RESTIC_CACHE_DIR") or folder)
        self._cache = cache / f"verify-cache-{self._path.stem}"
        self._progress = Progress()

    @cached_property
    def server(self) -> Server | None:
        """Where the repository lies, if that is a REST server."""
        return server_of(self._settings.address, self._environment)

    def work(self, asked: Asked | None, now_ms: int) -> list[Record]:
        """Do what is due, or ``asked``, and return what to report: nothing, if nothing was done.

        Raises:
            OSError: There is no place for restic's cache.
        """
        self._progress = progress = statefile.load(self._path, Progress, log) or Progress()
        progress.divide(self._verify.slices)
        records: list[Record] = []
        if asked == "immutability" or (asked is None and self._asks_server(progress, now_ms)):
            records += self._probe_server(progress, now_ms)
        work = self._work_for(asked, progress, now_ms)
        left = float("inf") if asked else self._verify.seconds_left(now_ms / 1000)
        if work is not None and left > 0:
            records += self._checked(work, progress, now_ms, left)
        return records

    def remember(self) -> None:
        """Keep what came of ``work``, once it is reported: what nobody heard of is done again.

        Raises:
            OSError: It cannot be kept.
        """
        statefile.save(self._path, self._progress)

    def _work_for(self, asked: Asked | None, progress: Progress, now_ms: int) -> Work | None:
        match asked:
            case "metadata":
                return Work("metadata")
            case "slice":
                return Work("data", progress.next_slice(now_ms))
            case "immutability":
                return None
        return due(progress, self._verify, now_ms)

    def _asks_server(self, progress: Progress, now_ms: int) -> bool:
        return self._verify.probe_immutability and immutability_due(progress, now_ms)

    def _probe_server(self, progress: Progress, now_ms: int) -> list[ImmutabilityProbe]:
        if self.server is None:
            return []
        answer = probe(self.server)
        log.info("the server was asked to delete what is not there: %s", answer.result)
        progress.note_probed(now_ms, known=answer.result != "unknown")
        return [
            ImmutabilityProbe(
                version=1,
                series=series,
                probed_unix_ms=now_ms,
                method="rest_delete",
                result=answer.result,
                failure=answer.failure,
            )
            for series in self._settings.series_ids
        ]

    def _checked(
        self, work: Work, progress: Progress, now_ms: int, left: float
    ) -> list[IntegrityCheck]:
        """Check within ``left`` seconds and remember what came of it."""
        began = time.monotonic()
        out_of_time = "deadline" if self._verify.deadline_seconds <= left else "outside_window"
        budget = Budget(min(left, self._verify.deadline_seconds))
        with self._own_cache() as environment:
            runner = Runner(install(self.folder), environment, budget, self._stop)
            version = _version(runner)
            progress.belong(_identity(runner))
            result = self._result(runner, work)
        if result.failure in {"deadline", "blind_timeout"}:
            result = Result(out_of_time, begun=result.begun)
        ended_ms = now_ms + int((time.monotonic() - began) * 1000)
        if result.conclusive:
            progress.note(work, ended_ms, whole=not result.failure)
        elif result.begun:
            progress.note_unread(work, ended_ms)
        if result.failure == "deadline":
            progress.note_gave_up(work, ended_ms)
        log.info("%s %d: %s", work.scope, work.slice, result.failure or "whole")
        return self._records(work, result, (now_ms, ended_ms), version)

    def _records(
        self, work: Work, result: Result, times: tuple[int, int], version: str
    ) -> list[IntegrityCheck]:
        """One a series: all of them lie in the repository that was checked."""
        progress = self._progress
        return [
            IntegrityCheck(
                version=1,
                series=series,
                started_unix_ms=times[0],
                ended_unix_ms=times[1],
                passed=not result.failure,
                conclusive=result.conclusive,
                failure=result.failure,
                tool_version=version,
                scope=work.scope,
                slice=work.slice,
                slices=progress.slices,
                slices_read=progress.slices_read,
                slices_bad=progress.slices_bad,
                oldest_slice_unix_ms=progress.oldest_slice_ms,
                errors=result.errors,
            )
            for series in self._settings.series_ids
        ]

    def _result(self, runner: Runner, work: Work) -> Result:
        """Check; damage where locks cannot be watched is believed when it is seen twice.

        A backup or a prune that began and ended meanwhile may look like damage.
        """
        result = self._once(runner, work)
        if result.failure == DAMAGED and self._locks_folder is None:
            log.info("damage seen: looking once more")
            result = self._once(runner, work)
        return result

    def _once(self, runner: Runner, work: Work) -> Result:
        """One check between two looks for locks."""
        before = self._in_the_way(runner)
        if before:
            return Result(before)
        touched = self._locks_touched()
        result = check(runner, work, self._verify.slices, on_disk=self._on_disk)
        if not result.conclusive:
            return result
        after = self._in_the_way(runner)
        if not after and result.failure and self._is_away():
            after = "blind_unreachable"
        if not after and result.failure and self._locks_touched() != touched:
            after = "lock_seen"
        return Result(after) if after else result

    def _in_the_way(self, runner: Runner) -> str:
        """Who, or why nobody can be seen; empty when nobody is there."""
        reason = self._neighbours()
        if reason or self._locks_folder is not None:
            return reason
        try:
            return "lock_seen" if _has_live_lock(runner) else ""
        except Stopped as stopped:
            return stopped.reason
        except ResticFailed as failed:
            return failed.state

    def _stop(self) -> str:
        """Why a check must not run now; its cache holds as much as index and folders take."""
        if shutil.disk_usage(self._cache).free < _LEAST_FREE_BYTES:
            return "no_space"
        return self._neighbours()

    def _is_away(self) -> bool:
        """Whether the disk with the repository was unplugged or unmounted meanwhile."""
        if self._folder is None:
            return False
        try:
            with (self._folder / "config").open("rb") as file:
                # From the disk itself, not from what is left of it in memory.
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                return not file.read(1)
        except OSError:
            return True

    def _locks_touched(self) -> int:
        """Changes whenever a lock comes or goes; 0 when that cannot be seen."""
        try:
            return self._locks_folder.stat().st_mtime_ns if self._locks_folder else 0
        except OSError:
            return 0

    @contextmanager
    def _own_cache(self) -> Iterator[dict[str, str]]:
        """Environment with a cache for this check alone."""
        shutil.rmtree(self._cache, ignore_errors=True)
        self._cache.mkdir(parents=True, mode=0o700, exist_ok=True)
        try:
            yield {**self._environment, "RESTIC_CACHE_DIR": str(self._cache)}
        finally:
            shutil.rmtree(self._cache, ignore_errors=True)


@contextmanager
def only_one(folder: Path) -> Iterator[bool]:
    """Whether no other check of this folder runs; none may begin as long as the context lasts.

    Raises:
        OSError: The folder is not writable.
    """
    with (folder / "verify.lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("another check is at work")
            yield False
        else:
            yield True


def _version(runner: Runner) -> str:
    """Version of restic, empty when it does not say."""
    try:
        said = runner.lines("version")
    except (ResticFailed, Stopped):
        return ""
    found = _VERSION.match(said[0]) if said else None
    return found[1] if found else ""


def _identity(runner: Runner) -> str:
    """Id of the repository, empty when it cannot be told."""
    try:
        return identity_of(runner)
    except (ResticFailed, Stopped):
        return ""


def _has_live_lock(runner: Runner) -> bool:
    """Whether somebody refreshes a lock; one that nobody does is a leftover, not a backup.

    Raises:
        ResticFailed: The repository could not be read.
        Stopped: A backup has begun.
    """
    found = [one for one in runner.lines("list", "locks") if _ID.match(one)]
    if len(found) > _MAX_LOCKS_READ:
        return True
    return any(_is_live(runner, identity) for identity in found)


def _is_live(runner: Runner, identity: str) -> bool:
    entry = read_lock(runner, identity)
    if entry is None:
        return False
    return not Lock(unix_ms(entry.get("time"))).is_stale(time.time_ns() // 1_000_000)
