"""What is told of backups: looks at repositories, and runs, checks and drills of weeks."""

from collections.abc import Iterator, Mapping
from typing import Any

from demo.look import Look, Self, between, labelled, ran, share
from tramgac_collector.inventory.model import BackupSeries
from tramgac_proto.v1 import fleet_pb2

_HOUR, _DAY = 3_600.0, 86_400.0
_GB = 10**9
# Nightly runs that are known of.
_NIGHTS = 9
_RUN_SECONDS = 1_500.0
_FILES = 1_200
_SLICES = 30
_LOOK_VALID = 9_000
_PROBE_VALID = 8 * 86_400

# What is wrong with a series; all others are well.
STORIES: Mapping[str, str] = {
    "bvdk-tinh/lis-01/du-lieu-lis@nas": "undrilled",
    "bvdk-tinh/lis-01/du-lieu-lis@ngoai-vien": "locked",
    "bvdk-tinh/pacs-01/du-lieu-pacs@nas": "partial",
    "bvdk-tinh/pacs-01/du-lieu-pacs@ngoai-vien": "failed",
    "bvdk-cua-bac/his-01/du-lieu-his@nas": "late",
    "bvdk-cua-bac/his-01/du-lieu-his@ngoai-vien": "blind",
    "bvdk-cua-bac/lis-01/du-lieu-lis@nas": "shrunk",
    "bvdk-cua-bac/lis-01/du-lieu-lis@ngoai-vien": "deletable",
    "ttyt-bai-say/his-01/du-lieu-his@nas": "late",
    "bvtn-may-trang/his-01/du-lieu-his@ngoai-vien": "failed",
}


def _nights(series: str, now: float) -> list[float]:
    """Ends of the nightly runs, Unix seconds, the oldest first."""
    story = STORIES.get(series, "")
    last = now - between(2, 9, series.partition("/")[0], "night") * _HOUR
    newest = last - (4 * _DAY if story == "late" else 0)
    return [newest - night * _DAY for night in reversed(range(_NIGHTS))]


def _size(series: str) -> float:
    return (400 if "pacs" in series else 30) * _GB * between(0.5, 1.5, series.rpartition("@")[0])


def _files(series: str) -> int:
    return _FILES + int(500 * share(series.rpartition("@")[0], "files"))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def _snapshot(series: str, night: int) -> str:
    return f"{int(share(series, night) * 2**32):08x}" * 8


def backup_looks(me: Self, began: float, now: float) -> Iterator[Look]:
    """Looks at the repositories of the data that lie on the host.

    Args:
        me: The host.
        began: When the simulation began, Unix seconds: the nights count from there.
        now: Unix seconds.
    """
    all_of = [
        one for one in me.inventory.all_series()
        if (one.facility.id, one.dataset.host) == (me.facility.id, me.host.id)
    ]  # fmt: skip
    for one in all_of:
        yield _repository(me, one, began)
    if all_of:
        seen = all(STORIES.get(one.id) != "blind" for one in all_of)
        yield Look("repository", ran(me, "repository", now, well=seen), _LOOK_VALID)


def _repository(me: Self, one: BackupSeries, began: float) -> Look:
    series, story = one.id, STORIES.get(one.id, "")
    labels = {"series": series}
    if story == "blind":
        state = fleet_pb2.RepositoryState(series=series, state="blind_auth", source="restic")
        told = tuple(labelled(labels, backup_repository_readable=0))
        return Look("repository", told, _LOOK_VALID, stream=series, detail={"repository": state})
    end = _nights(series, began)[-1]
    size = _size(series) * (0.2 if story == "shrunk" else 1)
    stale = int(story == "locked")
    values = {
        "newest_snapshot_timestamp_seconds": end - _RUN_SECONDS,
        "newest_snapshot_end_timestamp_seconds": end,
        "snapshots": 38 + int(30 * share(series, "kept")),
        "snapshot_files": _files(series),
        "snapshot_bytes": size,
        "repository_bytes": 3.1 * size,
        "locks": stale + (share(me.facility.id, "lock") > 0.5),  # noqa: PLR2004 - half of them
        "stale_locks": stale,
        "repository_readable": 1,
    }
    samples = tuple(labelled(labels, **{f"backup_{name}": to for name, to in values.items()}))
    samples += tuple(_last_run(series, story))
    detail = {"repository": _state(one, story, end, size)}
    return Look("repository", samples, _LOOK_VALID, stream=series, detail=detail)


def _last_run(series: str, story: str) -> Iterator[Any]:
    yield from labelled(
        {"series": series},
        backup_last_run_exit_code={"failed": 1, "partial": 3}.get(story, 0),
        backup_last_run_duration_seconds=_RUN_SECONDS * between(0.7, 1.3, series),
    )


def _state(one: BackupSeries, story: str, end: float, size: float) -> fleet_pb2.RepositoryState:
    stale = int(story == "locked")
    away = one.destination.kind != "local"
    return fleet_pb2.RepositoryState(
        series=one.id,
        state="ok",
        source="restic",
        newest_unix_ms=_ms(end - _RUN_SECONDS),
        newest_end_unix_ms=_ms(end),
        newest_id=_snapshot(one.id, _NIGHTS - 1),
        oldest_unix_ms=_ms(end - 45 * _DAY),
        files=_files(one.id),
        bytes=int(size),
        summary_known=True,
        snapshots=45,
        locks=stale,
        stale_locks=stale,
        oldest_lock_unix_ms=_ms(end) if stale else 0,
        lock_host=one.dataset.host if stale else "",
        lock_pid=4711 if stale else 0,
        repository_bytes=int(3.1 * size),
        repository_id=_snapshot(one.id.partition("@")[2] + one.facility.id, 0),
        medium="elsewhere" if away else "same_machine",
        months_plus_one=3,
        keys=2,
    )


def backup_events(me: Self, began: float) -> Iterator[Look]:
    """Everything that happened to the host's backups before the simulation began."""
    for one in me.inventory.all_series():
        if (one.facility.id, one.dataset.host) == (me.facility.id, me.host.id):
            for detail in _happened(one.id, began):
                yield Look("drop", valid_seconds=_PROBE_VALID, event=True, detail=detail)


def _happened(series: str, began: float) -> Iterator[Mapping[str, Any]]:
    story, nights = STORIES.get(series, ""), _nights(series, began)
    for night, end in enumerate(nights):
        last = night == len(nights) - 1
        yield {"backup_run": _run(series, night, end, story if last else "")}
    if story != "undrilled":
        yield from _proofs(series, began)
    result = "allowed" if story == "deletable" else "refused"
    if series.endswith("@ngoai-vien"):
        probe = fleet_pb2.ImmutabilityProbe(
            series=series, method="rest_delete", result=result, probed_unix_ms=_ms(began - _HOUR)
        )
        yield {"immutability": probe}


def _run(series: str, night: int, end: float, story: str) -> fleet_pb2.BackupRun:
    outcome = story if story in {"failed", "partial"} else "complete"
    size = int(_size(series) * (0.2 if story == "shrunk" else 1 + 0.001 * night))
    return fleet_pb2.BackupRun(
        series=series,
        run_id=f"{series.partition('@')[2]}-{night}",
        tool="restic",
        tool_version="0.14.0",
        started_unix_ms=_ms(end - _RUN_SECONDS),
        ended_unix_ms=_ms(end),
        exit_code={"failed": 1, "partial": 3}.get(outcome, 0),
        outcome=outcome,
        reason={"failed": "exit_code", "partial": "unreadable_files"}.get(outcome, ""),
        errors=4 if outcome == "partial" else 0,
        bytes=size,
        files=_files(series),
        files_changed=12,
        files_unmodified=_files(series) - 12,
        bytes_added=size // 900,
        counts_known=True,
        snapshot_id="" if outcome == "failed" else _snapshot(series, night),
    )


def _proofs(series: str, began: float) -> Iterator[Mapping[str, Any]]:
    """Checks of the structure and of all data, and each kind of drill, all of them passed."""
    days = between(1, 6, series, "check")
    for scope in ("metadata", "data"):
        ended = _ms(began - days * _DAY)
        check = fleet_pb2.IntegrityCheck(
            series=series, scope=scope, passed=True, conclusive=True, ended_unix_ms=ended
        )
        if scope == "data":
            read = _SLICES if "his" in series else _SLICES - 4
            check.slices, check.slices_read = _SLICES, read
            check.oldest_slice_unix_ms = _ms(began - 50 * _DAY)
        yield {"integrity": check}
    size = int(_size(series))
    for kind, days in (("canary", 0.4), ("sample", 4.0), ("full", 30.0)):
        ended_at = began - days * between(0.7, 1.3, series, kind) * _DAY
        whole = kind == "full"
        restored = size if whole else 40_000_000
        yield {
            "drill": fleet_pb2.Drill(
                series=series, kind=kind, passed=True, conclusive=True,
                drill_id=f"{kind}-{_ms(ended_at)}", started_unix_ms=_ms(ended_at - 900),
                ended_unix_ms=_ms(ended_at), bytes=restored, snapshot_bytes=size,
                restore_seconds=restored / between(6e7, 1.1e8, series), started_by="schedule",
                files=_files(series), files_expected=_files(series), tool="restic",
                proof="hook" if whole else "none",
            )
        }  # fmt: skip
