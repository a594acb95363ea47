"""Drop records as observations: the only way from a backup to the outbox."""

from tramgac_agent.checks.base import Observation, Sample
from tramgac_agent.drop import BackupRun, Dropped, RepositoryState
from tramgac_proto.v1 import fleet_pb2

# The exit code of the last run stays true until the next; a week's job gets a day of grace.
RUN_VALID_SECONDS = 8 * 86400


def observation_of(dropped: Dropped, now_ms: int) -> Observation:
    """Turn one file into one observation that the outbox takes exactly once."""
    record = dropped.record
    age = max(0, now_ms - record.seen_unix_ms) / 1000
    if isinstance(record, BackupRun):
        # A start replaces the last start, not what is known of the last finished run.
        stream = "start" if record.outcome == "running" else "run"
        return Observation(
            samples=_run_samples(record),
            detail=_run_detail(record),
            event=True,
            token=dropped.token,
            stream=f"{stream}:{record.series}",
            valid_seconds=RUN_VALID_SECONDS,
            age_seconds=age,
        )
    return Observation(
        samples=_state_samples(record),
        detail=_state_detail(record),
        token=dropped.token,
        stream=f"repository:{record.series}",
        valid_seconds=record.valid_seconds,
        age_seconds=age,
    )


def _run_samples(run: BackupRun) -> tuple[Sample, ...]:
    if run.ended_unix_ms is None or run.exit_code is None:
        return ()
    labels = {"series": run.series}
    seconds = (run.ended_unix_ms - run.started_unix_ms) / 1000
    return (
        Sample("tramgac_backup_last_run_exit_code", float(run.exit_code), labels),
        Sample("tramgac_backup_last_run_duration_seconds", seconds, labels),
    )


def _run_detail(run: BackupRun) -> fleet_pb2.BackupRun:
    return fleet_pb2.BackupRun(
        series=run.series,
        run_id=run.run_id,
        tool=run.tool,
        started_unix_ms=run.started_unix_ms,
        ended_unix_ms=run.ended_unix_ms or 0,
        exit_code=run.exit_code or 0,
        outcome=run.outcome,
        bytes=run.bytes or 0,
        files=run.files or 0,
        snapshot_id=run.snapshot_id or "",
        files_changed=run.files_changed or 0,
        files_unmodified=run.files_unmodified or 0,
        bytes_added=run.bytes_added or 0,
        errors=run.errors,
        counts_known=run.bytes is not None and run.files is not None,
    )


def _state_samples(state: RepositoryState) -> tuple[Sample, ...]:
    """Only what is known: a blind repository shows that it is blind and nothing else."""
    readable = state.state == "ok"
    values: dict[str, float | None] = {"repository_readable": float(readable)}
    if readable:
        values |= {
            "newest_snapshot_timestamp_seconds": _seconds(state.newest_unix_ms),
            "newest_snapshot_end_timestamp_seconds": _seconds(state.newest_end_unix_ms),
            "snapshots": state.snapshots,
            "snapshot_files": state.files,
            "snapshot_bytes": state.bytes,
            "repository_bytes": state.repository_bytes,
            "locks": state.locks,
            "stale_locks": state.stale_locks,
        }
    labels = {"series": state.series}
    return tuple(
        Sample(f"tramgac_backup_{name}", float(value), labels)
        for name, value in values.items()
        if value is not None
    )


def _seconds(unix_ms: int | None) -> float | None:
    return None if unix_ms is None else unix_ms / 1000


def _state_detail(state: RepositoryState) -> fleet_pb2.RepositoryState:
    return fleet_pb2.RepositoryState(
        series=state.series,
        state=state.state,
        newest_unix_ms=state.newest_unix_ms or 0,
        newest_end_unix_ms=state.newest_end_unix_ms or 0,
        newest_id=state.newest_id or "",
        files=state.files or 0,
        bytes=state.bytes or 0,
        snapshots=state.snapshots or 0,
        locks=state.locks or 0,
        stale_locks=state.stale_locks or 0,
        oldest_lock_unix_ms=state.oldest_lock_unix_ms or 0,
        future_dated=state.future_dated,
        summary_known=state.files is not None and state.bytes is not None,
        tool_version=state.tool_version,
        oldest_unix_ms=state.oldest_unix_ms or 0,
        repository_bytes=state.repository_bytes or 0,
    )
