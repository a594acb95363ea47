"""From snapshots and locks to the state of each declared series: no clock, no restic, no files."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from tramgac_agent.drop import FUTURE_TOLERANCE_MS, RepositoryState
from tramgac_agent.restic.messages import count
from tramgac_proto.compat import iso_time

# restic refreshes a lock every 5 minutes and calls it stale after 30
# (restic: internal/restic/lock.go, `staleTimeout`).
STALE_LOCK_MS = 30 * 60_000
_HEX = re.compile(r"\A[0-9a-f]{1,64}\Z")
_HOST = re.compile(r"\A[A-Za-z0-9._-]{1,63}\Z")


@dataclass(frozen=True, slots=True)
class Rule:
    """Which snapshots belong to a series; an empty part matches everything.

    Attributes:
        host: The snapshot's host name, exactly.
        paths: All of these must be among the snapshot's paths.
        tags: All of these must be among the snapshot's tags.
        keep_days: Nothing younger than this may ever disappear.
    """

    series: str
    host: str = ""
    paths: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    keep_days: int = 0

    def matches(self, snapshot: "Snapshot") -> bool:
        """Whether ``snapshot`` belongs to this series."""
        return (
            self.host in ("", snapshot.host)
            and snapshot.paths.issuperset(self.paths)
            and snapshot.tags.issuperset(self.tags)
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """What one snapshot holds."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot as restic lists it.

    Attributes:
        start_ms: What the client said was the start; 0 when it cannot be read.
        end_ms: End of the run, known since 0.17; 0 before.
        counts: From its summary, since 0.17; None before.
        tree: Id of its content.
        original: The first snapshot it was rewritten or copied from; empty for none.
    """

    id: str
    start_ms: int
    end_ms: int = 0
    host: str = ""
    paths: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    counts: Counts | None = None
    tree: str = ""
    original: str = ""


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock.

    Attributes:
        refreshed_ms: When its owner last touched it; 0 when that was not read.
        owner_gone: Its process was on this host and is no more.
        host: Where its owner runs, as the owner said.
    """

    refreshed_ms: int
    owner_gone: bool = False
    host: str = ""
    pid: int = 0

    def is_stale(self, now_ms: int) -> bool:
        """Whether nobody holds it any longer."""
        return self.owner_gone or 0 < self.refreshed_ms < now_ms - STALE_LOCK_MS


@dataclass(frozen=True, slots=True)
class Look:
    """Everything one visit to a repository showed.

    Attributes:
        damaged: Snapshots that are there and cannot be read.
        keys: How many open it; None when not known.
    """

    taken_ms: int
    tool_version: str
    snapshots: Sequence[Snapshot]
    locks: Sequence[Lock]
    repository_bytes: int | None = None
    repository_id: str | None = None
    damaged: int = 0
    keys: int | None = None


def hex_id(value: object) -> str:
    """An id as restic writes it, empty when ``value`` is none."""
    return value if isinstance(value, str) and _HEX.match(value) else ""


def unix_ms(text: object) -> int:
    """Milliseconds of an RFC 3339 time with nanoseconds and offset; 0 when it is none.

    A time without offset is none: it would be hours off in another zone.
    """
    if not isinstance(text, str):
        return 0
    try:
        moment = iso_time(text)
        if moment.tzinfo is None:
            return 0
        return max(
            0, int((moment - datetime(1970, 1, 1, tzinfo=timezone.utc)).total_seconds() * 1000)
        )
    except (ValueError, OverflowError):
        return 0


def _texts(value: object) -> frozenset[str]:
    items: Iterable[object] = value if isinstance(value, list) else ()
    return frozenset(item for item in items if isinstance(item, str))


def snapshot_of(entry: Mapping[str, Any]) -> Snapshot:
    """Read one entry of ``snapshots --json``; fields that are missing stay unknown."""
    summary = entry.get("summary")
    counts = None
    end_ms = 0
    if isinstance(summary, dict):
        end_ms = unix_ms(summary.get("backup_end"))
        files = count(summary, "total_files_processed")
        counts = Counts(files, count(summary, "total_bytes_processed"))
    return Snapshot(
        id=hex_id(entry.get("id")),
        start_ms=unix_ms(entry.get("time")),
        end_ms=end_ms,
        host=str(entry.get("hostname", "")),
        paths=_texts(entry.get("paths")),
        tags=_texts(entry.get("tags")),
        counts=counts,
        tree=hex_id(entry.get("tree")),
        original=hex_id(entry.get("original")),
    )


def newest_of(rule: Rule, snapshots: Iterable[Snapshot], now_ms: int) -> Snapshot | None:
    """The newest believable snapshot of a series.

    The time is the client's word (``--time``): one from the future would look fresh for
    months and is never taken.
    """
    believable = (
        one
        for one in snapshots
        if rule.matches(one) and 0 < one.start_ms <= now_ms + FUTURE_TOLERANCE_MS
    )
    return max(believable, key=lambda one: (one.start_ms, one.id), default=None)


def state_of_series(
    rule: Rule, look: Look, counted: Mapping[str, Counts], valid_seconds: int
) -> RepositoryState:
    """What a readable repository shows of one series.

    ``counted`` has counts by snapshot id, for snapshots that carry none themselves.
    """
    now_ms = look.taken_ms
    mine = [one for one in look.snapshots if rule.matches(one)]
    newest = newest_of(rule, mine, now_ms)
    starts = [one.start_ms for one in mine if one.start_ms > 0]
    counts = None if newest is None else newest.counts or counted.get(newest.id)
    holder = _holder(look)
    return RepositoryState(
        version=1,
        series=rule.series,
        taken_unix_ms=now_ms,
        valid_seconds=valid_seconds,
        state="ok",
        tool_version=look.tool_version[:32],
        snapshots=len(mine),
        newest_unix_ms=newest.start_ms if newest else None,
        newest_end_unix_ms=_end_of(newest, now_ms),
        newest_id=newest.id if newest and newest.id else None,
        oldest_unix_ms=min(starts, default=None),
        files=counts.files if counts else None,
        bytes=counts.bytes if counts else None,
        content_id=newest.tree if newest and newest.tree else None,
        damaged=look.damaged,
        locks=len(look.locks),
        stale_locks=sum(lock.is_stale(now_ms) for lock in look.locks),
        oldest_lock_unix_ms=min(
            (one.refreshed_ms for one in look.locks if one.refreshed_ms), default=None
        ),
        lock_host=holder.host if holder and _HOST.match(holder.host) else "",
        lock_pid=min(holder.pid, 2**32 - 1) if holder else 0,
        future_dated=any(start > now_ms + FUTURE_TOLERANCE_MS for start in starts),
        repository_bytes=look.repository_bytes,
        repository_id=look.repository_id,
        keys=look.keys,
    )


def _holder(look: Look) -> Lock | None:
    """The oldest stale lock."""
    stale = (one for one in look.locks if one.is_stale(look.taken_ms))
    return min(stale, key=lambda one: one.refreshed_ms, default=None)


def _end_of(newest: Snapshot | None, now_ms: int) -> int | None:
    if newest is None or not newest.start_ms <= newest.end_ms <= now_ms + FUTURE_TOLERANCE_MS:
        return None
    return newest.end_ms
