"""Drop records as observations: the only way from a backup to the outbox."""

from collections.abc import Sequence
from typing import TypeVar

from google.protobuf.message import Message

from tramgac_agent.checks.base import Detail, Observation, Sample
from tramgac_agent.drop import (
    BackupRun,
    Drill,
    Dropped,
    Entry,
    ImmutabilityProbe,
    IntegrityCheck,
    Maintenance,
    Record,
    RepositoryState,
)
from tramgac_proto.v1 import fleet_pb2

# The exit code of the last run stays true until the next; a week's job gets a day of grace.
RUN_VALID_SECONDS = 8 * 86400
# A check or drill is told once; how long it counts is for the verdict to say.
_RESULT_VALID_SECONDS = 35 * 86400


def observation_of(dropped: Dropped, now_ms: int) -> Observation:
    """Turn one file into one observation that the outbox takes exactly once."""
    record = dropped.record
    return Observation(
        samples=tuple(_samples(record)),
        detail=_detail(record),
        # A repository is looked at again within the hour; the rest happens once.
        event=not isinstance(record, RepositoryState),
        token=dropped.token,
        stream=_stream(record),
        valid_seconds=_valid_seconds(record),
        age_seconds=max(0, now_ms - record.seen_unix_ms) / 1000,
    )


def _stream(record: Entry) -> str:
    if isinstance(record, Maintenance):
        return "maintenance"
    return f"{_kind(record)}:{record.series}"


def _kind(record: Record) -> str:
    match record:
        case BackupRun():
            # A start replaces the last start, not what is known of the last finished run.
            return "start" if record.outcome == "running" else "run"
        case RepositoryState():
            return "repository"
        case IntegrityCheck():
            return f"check-{record.scope}"
        case Drill():
            return f"drill-{record.scope}"
        case ImmutabilityProbe():
            return "immutability"


def _valid_seconds(record: Entry) -> int:
    match record:
        case BackupRun():
            return RUN_VALID_SECONDS
        case RepositoryState() | ImmutabilityProbe():
            return record.valid_seconds
        case IntegrityCheck() | Drill() | Maintenance():
            return _RESULT_VALID_SECONDS


def _samples(record: Entry) -> Sequence[Sample]:
    match record:
        case BackupRun():
            return _run_samples(record)
        case RepositoryState():
            return _state_samples(record)
        case _:
            return ()  # what a check or drill means is worked out at the centre


def _run_samples(run: BackupRun) -> tuple[Sample, ...]:
    if run.ended_unix_ms is None or run.exit_code is None:
        return ()
    labels = {"series": run.series}
    seconds = (run.ended_unix_ms - run.started_unix_ms) / 1000
    return (
        Sample("tramgac_backup_last_run_exit_code", float(run.exit_code), labels),
        Sample("tramgac_backup_last_run_duration_seconds", seconds, labels),
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


def _detail(record: Entry) -> Detail:
    match record:
        case BackupRun():
            known = record.bytes is not None and record.files is not None
            return _filled(fleet_pb2.BackupRun(counts_known=known), record)
        case RepositoryState():
            known = record.files is not None and record.bytes is not None
            months = 0 if record.months is None else record.months + 1
            empty = fleet_pb2.RepositoryState(summary_known=known, months_plus_one=months)
            return _filled(empty, record)
        case IntegrityCheck():
            return _filled(fleet_pb2.IntegrityCheck(), record)
        case Drill():
            return _filled(fleet_pb2.Drill(kind=record.scope), record)
        case ImmutabilityProbe():
            return _filled(fleet_pb2.ImmutabilityProbe(), record)
        case Maintenance():
            return _filled(fleet_pb2.Maintenance(), record)


_Message = TypeVar("_Message", bound=Message)


def _filled(message: _Message, record: Entry) -> _Message:
    """Copy what is known into the fields of the same names."""
    for field in message.DESCRIPTOR.fields:
        value = getattr(record, field.name, None)
        if value is not None:
            setattr(message, field.name, value)
    return message
