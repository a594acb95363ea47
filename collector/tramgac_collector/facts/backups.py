"""From backup runs, repositories, checks and drills to facts about a series.

All of them have the series as their subject. What happened once (a run, a drill) stays true;
what a repository shows is true until it should have been looked at again.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tramgac_collector.facts.kinds import EVENT_VALID_MS, Claim, FactKind

if TYPE_CHECKING:
    from tramgac_collector.ingest.arrival import Arrival

# Runs whose sizes say what is usual, and starts that may still be waiting for their end.
_RUNS_KEPT = 20

# When an inventory first named the series; noted at the centre.
DECLARED = FactKind("bk.declared", "timestamp_seconds")
LAST_GOOD = FactKind("bk.last_good", "timestamp_seconds", recent=_RUNS_KEPT)
GOOD_STARTED = FactKind("bk.last_good.started", "timestamp_seconds")
LAST_RUN = FactKind("bk.run", "exit_code")
RUN_REASON = FactKind("bk.run.reason", "count")
RUN_STARTED = FactKind("bk.run.started", "timestamp_seconds", recent=_RUNS_KEPT)
RUN_ENDED = FactKind("bk.run.ended", "timestamp_seconds", recent=_RUNS_KEPT)
RUN_BYTES = FactKind("bk.run.bytes", "bytes", recent=_RUNS_KEPT)
RUN_FILES = FactKind("bk.run.files", "count", recent=_RUNS_KEPT)
RUN_ADDED = FactKind("bk.run.added", "bytes", recent=_RUNS_KEPT)
RUN_CHANGED = FactKind("bk.run.changed", "ratio", recent=_RUNS_KEPT)
PARTIAL = FactKind("bk.run.partial", "timestamp_seconds", recent=_RUNS_KEPT)
NEWEST = FactKind("bk.age", "timestamp_seconds")
SIZE = FactKind("bk.size", "bytes", 2.0**20, recent=_RUNS_KEPT)
FILES = FactKind("bk.files", "count", recent=_RUNS_KEPT)
REPOSITORY = FactKind("bk.repository", "bool")
SNAPSHOTS = FactKind("bk.snapshots", "count")
OLDEST = FactKind("bk.oldest", "timestamp_seconds")
MONTHS = FactKind("bk.months", "count")
LOCKS = FactKind("bk.locks", "count")
LOCK_SINCE = FactKind("bk.locks.since", "timestamp_seconds")
FUTURE = FactKind("bk.future", "bool")
DAMAGED = FactKind("bk.damaged", "count")
PROBLEM = FactKind("bk.problem", "bool")
VANISHED = FactKind("bk.vanished", "count")
ARCHIVED = FactKind("bk.archived", "timestamp_seconds")
MEDIUM = FactKind("bk.medium", "code")
# The newest places: what was proven in another repository says nothing of this one.
PLACE = FactKind("bk.place", "code", recent=5)
CONTENT = FactKind("bk.content", "code")
KEYS = FactKind("bk.keys", "count")
CHECK = FactKind("bk.check", "bool")
CHECK_GOOD = FactKind("bk.check.good", "timestamp_seconds")
DATA = FactKind("bk.check.data", "bool")
DATA_GOOD = FactKind("bk.check.data.good", "timestamp_seconds")
DATA_READ = FactKind("bk.check.data.read", "ratio")
DATA_OLDEST = FactKind("bk.check.data.oldest", "timestamp_seconds")
RESTORE = FactKind("bk.restore", "bool")
# Of a drill that restores nothing: a recovery key was tried.
KEY = "key"
DRILLS: Mapping[str, FactKind] = {
    kind: FactKind(f"bk.restore.{kind}", "bool") for kind in ("canary", "sample", "full", KEY)
}
DRILLS_GOOD: Mapping[str, FactKind] = {
    kind: FactKind(f"bk.restore.{kind}.good", "timestamp_seconds") for kind in DRILLS
}
RESTORE_RATE = FactKind("bk.restore.rate", "bytes_per_second")
RESTORE_TIME = FactKind("bk.restore.predicted", "seconds")
IMMUTABLE = FactKind("bk.immut", "bool")
# Worked out at the centre; the subject is ``facility/host/dataset``.
COPIES = FactKind("bk.copies", "count")

BACKUP_KINDS = (
    *(DECLARED, GOOD_STARTED),
    *(LAST_GOOD, LAST_RUN, RUN_REASON, RUN_STARTED, RUN_ENDED, RUN_BYTES, RUN_FILES, RUN_ADDED),
    *(RUN_CHANGED, PARTIAL, NEWEST, SIZE, FILES, REPOSITORY, SNAPSHOTS, OLDEST, MONTHS, LOCKS),
    *(LOCK_SINCE, FUTURE, DAMAGED, PROBLEM, VANISHED, ARCHIVED, MEDIUM, PLACE, CONTENT, KEYS),
    *(CHECK, CHECK_GOOD, DATA, DATA_GOOD, DATA_READ, DATA_OLDEST, RESTORE),
    *(*DRILLS.values(), *DRILLS_GOOD.values(), RESTORE_RATE, RESTORE_TIME, IMMUTABLE, COPIES),
)
# A restore of less says more of the start-up than of the rate.
_LEAST_BYTES_FOR_RATE = 2**20
_LEAST_SECONDS_FOR_RATE = 0.2
# Whatever a repository claims, it must be a time that can be written down: up to 2262.
_LATEST_MS = 2**63 // 1_000_000


def is_complete(run: Any) -> bool:  # noqa: ANN401 - BackupRun, or what looks like one in tests
    """Whether a backup run may count as a good backup.

    Only the tool's own "complete" does, and not when it is known to have saved no file.
    """
    return run.outcome == "complete" and not (run.counts_known and run.files == 0)


def _event(kind: FactKind, series: str, value: float | None, text: str, at_ms: int) -> Claim:
    return Claim(kind, series, value, text, at_ms, EVENT_VALID_MS)


def _backup_run(arrival: "Arrival") -> Iterator[Claim]:
    run = arrival.observation.backup_run
    started = arrival.centre_ms(run.started_unix_ms)
    if not run.ended_unix_ms:
        yield _event(RUN_STARTED, run.series, started / 1000, run.run_id, started)
        return
    ended = arrival.centre_ms(run.ended_unix_ms)
    yield _event(RUN_ENDED, run.series, ended / 1000, run.run_id, ended)
    yield _event(LAST_RUN, run.series, float(run.exit_code), run.outcome, ended)
    wrong = float(run.errors + run.missing_sources)
    yield _event(RUN_REASON, run.series, wrong, run.reason, ended)
    if is_complete(run):
        yield _event(LAST_GOOD, run.series, ended / 1000, run.snapshot_id, ended)
        yield _event(GOOD_STARTED, run.series, started / 1000, run.run_id, ended)
        yield from _sizes(run, ended)
    elif run.snapshot_id:
        # It looks like any other in the repository; only we know.
        yield _event(PARTIAL, run.series, ended / 1000, run.snapshot_id, ended)


def _sizes(run: Any, ended: int) -> Iterator[Claim]:  # noqa: ANN401 - BackupRun
    """What a complete run covered; the run's id tells equal sizes of two runs apart."""
    if not run.counts_known:
        return
    yield _event(RUN_BYTES, run.series, float(run.bytes), run.run_id, ended)
    yield _event(RUN_FILES, run.series, float(run.files), run.run_id, ended)
    yield _event(RUN_ADDED, run.series, float(run.bytes_added), run.run_id, ended)
    seen = run.files_changed + run.files_unmodified
    if seen:
        yield _event(RUN_CHANGED, run.series, run.files_changed / seen, run.run_id, ended)


def _repository(arrival: "Arrival") -> Iterator[Claim]:
    state = arrival.observation.repository
    yield Claim(REPOSITORY, state.series, float(state.state == "ok"), state.state)
    if state.state != "ok":
        if state.problem:
            # What keeps the product from reading its repository may be the damage itself.
            yield Claim(PROBLEM, state.series, 1.0, state.problem)
        return
    yield Claim(SNAPSHOTS, state.series, float(state.snapshots))
    yield Claim(LOCKS, state.series, float(state.stale_locks), _holder(state))
    yield Claim(FUTURE, state.series, float(state.future_dated))
    yield Claim(DAMAGED, state.series, float(state.damaged))
    yield Claim(PROBLEM, state.series, float(bool(state.problem)), state.problem)
    if state.oldest_lock_unix_ms:
        yield Claim(LOCK_SINCE, state.series, _claimed(state.oldest_lock_unix_ms))
    if state.newest_unix_ms:
        yield Claim(NEWEST, state.series, _claimed(state.newest_unix_ms), state.newest_id)
    if state.summary_known:
        yield Claim(SIZE, state.series, float(state.bytes), state.newest_id)
        yield Claim(FILES, state.series, float(state.files), state.newest_id)
    if state.vanished:
        taken = arrival.event_ms
        newest = str(state.vanished_newest_unix_ms)
        yield _event(VANISHED, state.series, float(state.vanished), newest, taken)
    yield from _keeping(state)


def _claimed(unix_ms: int) -> float:
    """A time as the repository has it, in seconds; nobody knows whose clock made it."""
    return min(max(unix_ms, 0), _LATEST_MS) / 1000


def _keeping(state: Any) -> Iterator[Claim]:  # noqa: ANN401 - RepositoryState
    """Where copies lie and how long they are kept."""
    for kind, unix_ms in ((OLDEST, state.oldest_unix_ms), (ARCHIVED, state.archived_unix_ms)):
        if unix_ms:
            yield Claim(kind, state.series, _claimed(unix_ms))
    if state.months_plus_one:
        yield Claim(MONTHS, state.series, float(state.months_plus_one - 1))
    if state.keys:
        yield Claim(KEYS, state.series, float(state.keys))
    for kind, text in (
        (MEDIUM, state.medium),
        (PLACE, state.repository_id),
        (CONTENT, state.content_id),
    ):
        if text:
            yield Claim(kind, state.series, None, text)


def _holder(state: Any) -> str:  # noqa: ANN401 - RepositoryState
    return f"{state.lock_host}:{state.lock_pid}" if state.lock_host else ""


def _integrity(arrival: "Arrival") -> Iterator[Claim]:
    check = arrival.observation.integrity
    if not check.conclusive:
        return  # it was put off or cut short: the evidence before it goes on ageing
    ended = arrival.centre_ms(check.ended_unix_ms)
    text = check.failure
    if check.scope == "metadata":
        yield _event(CHECK, check.series, float(check.passed), text, ended)
        if check.passed:
            yield _event(CHECK_GOOD, check.series, ended / 1000, "", ended)
        return
    # One good slice does not heal a bad one read before it.
    whole = check.passed and not check.slices_bad
    yield _event(DATA, check.series, float(whole), text, ended)
    if check.passed:
        yield _event(DATA_GOOD, check.series, ended / 1000, "", ended)
    if check.slices:
        share = min(1.0, check.slices_read / check.slices)
        of = f"{check.slices_read}/{check.slices}"
        yield _event(DATA_READ, check.series, share, of, ended)
    if check.oldest_slice_unix_ms:
        oldest = arrival.centre_ms(check.oldest_slice_unix_ms)
        yield _event(DATA_OLDEST, check.series, oldest / 1000, "", ended)


def _drill(arrival: "Arrival") -> Iterator[Claim]:
    drill = arrival.observation.drill
    if drill.kind not in DRILLS or not drill.conclusive:
        return
    ended = arrival.centre_ms(drill.ended_unix_ms)
    text = f"{drill.kind} {drill.failure}".strip()
    passed = float(drill.passed)
    if drill.kind != KEY:
        yield _event(RESTORE, drill.series, passed, text, ended)
    yield _event(DRILLS[drill.kind], drill.series, passed, drill.failure or drill.proof, ended)
    if not drill.passed:
        return
    yield _event(DRILLS_GOOD[drill.kind], drill.series, ended / 1000, drill.drill_id, ended)
    # A sample's time is mostly that of opening the repository for each file.
    long_enough = drill.restore_seconds >= _LEAST_SECONDS_FOR_RATE
    if drill.kind == "full" and drill.bytes >= _LEAST_BYTES_FOR_RATE and long_enough:
        rate = drill.bytes / drill.restore_seconds
        yield _event(RESTORE_RATE, drill.series, rate, drill.kind, ended)
        if drill.snapshot_bytes:
            predicted = drill.snapshot_bytes / rate
            yield _event(RESTORE_TIME, drill.series, predicted, drill.kind, ended)


def _immutability(arrival: "Arrival") -> Iterator[Claim]:
    probe = arrival.observation.immutability
    if probe.result in {"refused", "allowed"}:
        yield Claim(IMMUTABLE, probe.series, float(probe.result == "refused"), probe.method)


FROM_BACKUP: "Mapping[str, Callable[[Arrival], Iterator[Claim]]]" = {
    "backup_run": _backup_run,
    "repository": _repository,
    "integrity": _integrity,
    "drill": _drill,
    "immutability": _immutability,
}
