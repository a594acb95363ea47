"""What a drop file may say: one struct a kind, strict, bounded, with its own objections.

``None`` means not known, never zero. ``docs/formats/drop.md`` explains every key.
"""

from typing import Annotated, Literal

import msgspec

from tramgac_proto.limits import MAX_MAINTENANCE_AHEAD_MS, MAX_MAINTENANCE_MS

VERSION = 1
FUTURE_TOLERANCE_MS = 300_000

_SERIES = r"[a-z0-9-]+/[a-z0-9-]+/[a-z0-9-]+@[a-z0-9-]+"
SeriesId = Annotated[str, msgspec.Meta(pattern=rf"\A{_SERIES}\Z", max_length=200)]
UnixMs = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)]
SmallCount = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Identifier = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9._:-]{1,64}\Z")]
ToolName = Annotated[str, msgspec.Meta(pattern=r"\A[a-z0-9_.-]{1,32}\Z")]
# A stable word of ours or of the product; never text that could hold a name.
Code = Annotated[str, msgspec.Meta(pattern=r"\A([a-z][a-z0-9_]{0,47})?\Z")]
HostName = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9._-]{0,63}\Z")]
ToolVersion = Annotated[str, msgspec.Meta(max_length=32)]

Outcome = Literal["running", "complete", "partial", "failed", "blocked", "interrupted"]
State = Literal["ok", "blind_auth", "blind_unreachable", "blind_timeout", "blind_tool", "missing"]
Medium = Literal["same_device", "same_machine", "elsewhere", "unknown"]
CheckKind = Literal["metadata", "data"]
DrillKind = Literal["canary", "sample", "full", "key"]
Proof = Literal["none", "canary", "postgres", "sqlite", "mysql", "dicom", "hook"]


Reason = Annotated[str, msgspec.Meta(pattern=r"\A[^\x00-\x1f\x7f]{1,200}\Z")]


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """What every kind has."""

    version: Literal[1]
    series: SeriesId


class BackupRun(
    _Record,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="kind",
    tag="backup_run",
):
    """Start or end of one run of a backup job.

    Attributes:
        reason: Why it is not complete; empty when it is or nobody knows.
        errors: Files that could not be read.
        missing_sources: Sources that were not there.
        words: End of standard error with every name and path taken out.
        host: Where the command ran.
    """

    run_id: Identifier
    started_unix_ms: UnixMs
    outcome: Outcome
    tool: ToolName = "other"
    tool_version: ToolVersion = ""
    ended_unix_ms: UnixMs | None = None
    exit_code: Annotated[int, msgspec.Meta(ge=0, le=255)] | None = None
    reason: Code = ""
    bytes: Count | None = None
    files: Count | None = None
    snapshot_id: Identifier | None = None
    files_changed: Count | None = None
    files_unmodified: Count | None = None
    bytes_added: Count | None = None
    errors: SmallCount = 0
    missing_sources: SmallCount = 0
    words: Annotated[str, msgspec.Meta(max_length=200)] = ""
    host: HostName = ""

    @property
    def seen_unix_ms(self) -> int:
        """When this was true: the end, or the start while there is no end."""
        return self.ended_unix_ms or self.started_unix_ms

    def objection(self, now_ms: int) -> str:
        """Reason code when the record contradicts itself or the clock; empty when fine."""
        code = _bad_times(self.started_unix_ms, self.seen_unix_ms, now_ms)
        if code:
            return code
        ended = self.ended_unix_ms is not None and self.exit_code is not None
        begun_only = self.ended_unix_ms is None and self.exit_code is None
        if not (begun_only if self.outcome == "running" else ended):
            return "contradiction"
        whole = self.exit_code == 0 and not self.reason
        return "contradiction" if self.outcome == "complete" and not whole else ""


class RepositoryState(
    _Record,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="kind",
    tag="repository_state",
):
    """What a repository shows of one series. Any ``state`` but ``ok`` carries no evidence.

    Attributes:
        source: Which product was asked.
        problem: What the product itself says is wrong with the newest backup.
        content_id: Equal for two snapshots with the same content.
        vanished: Snapshots of the last look that are gone though nothing lets them go yet.
        vanished_newest_unix_ms: Time of the newest of these.
        damaged: Snapshots that are listed but cannot be read.
        months: Calendar months of the last 12 that have a snapshot.
        archived_unix_ms: Newest archived transaction log: a later point than the snapshot.
        repository_id: The same for every series in one repository.
        medium: How far from its source the repository lies.
        keys: Keys that open it.
        lock_host: Who holds the oldest stale lock.
    """

    taken_unix_ms: UnixMs
    state: State
    valid_seconds: Annotated[int, msgspec.Meta(ge=60, le=35 * 86400)] = 9000
    source: ToolName = "restic"
    tool_version: ToolVersion = ""
    snapshots: SmallCount | None = None
    newest_unix_ms: UnixMs | None = None
    newest_end_unix_ms: UnixMs | None = None
    newest_id: Identifier | None = None
    oldest_unix_ms: UnixMs | None = None
    files: Count | None = None
    bytes: Count | None = None
    problem: Code = ""
    content_id: Identifier | None = None
    vanished: SmallCount = 0
    vanished_newest_unix_ms: UnixMs | None = None
    damaged: SmallCount = 0
    months: Annotated[int, msgspec.Meta(ge=0, le=13)] | None = None
    archived_unix_ms: UnixMs | None = None
    locks: SmallCount | None = None
    stale_locks: SmallCount | None = None
    oldest_lock_unix_ms: UnixMs | None = None
    lock_host: HostName = ""
    lock_pid: SmallCount = 0
    future_dated: bool = False
    repository_bytes: Count | None = None
    repository_id: Identifier | None = None
    medium: Medium = "unknown"
    keys: SmallCount | None = None

    @property
    def seen_unix_ms(self) -> int:
        """When the repository was looked at."""
        return self.taken_unix_ms

    def objection(self, now_ms: int) -> str:
        """Reason code when the record contradicts itself or the clock; empty when fine."""
        newest = self.newest_unix_ms or 0
        if max(self.taken_unix_ms, newest) > now_ms + FUTURE_TOLERANCE_MS:
            return "future"
        if self.state == "ok":
            missing = self.snapshots is None or (self.snapshots == 0 and newest)
            return "contradiction" if missing else ""
        evidence = (self.snapshots, self.newest_unix_ms, self.newest_end_unix_ms, self.newest_id)
        return "contradiction" if any(one is not None for one in evidence) else ""


class _Finished(_Record, frozen=True, kw_only=True):
    """Something that began and ended, and passed or not.

    Attributes:
        failure: Why it did not pass.
        conclusive: False: it could not be finished and says nothing of the backup.
    """

    started_unix_ms: UnixMs
    ended_unix_ms: UnixMs
    passed: bool
    conclusive: bool = True
    failure: Code = ""
    bytes: Count = 0
    tool: ToolName = "restic"
    tool_version: ToolVersion = ""

    @property
    def seen_unix_ms(self) -> int:
        """When it ended."""
        return self.ended_unix_ms

    def objection(self, now_ms: int) -> str:
        """Reason code when the record contradicts itself or the clock; empty when fine."""
        code = _bad_times(self.started_unix_ms, self.ended_unix_ms, now_ms)
        wrong = self.passed and (self.failure or not self.conclusive)
        return code or ("contradiction" if wrong or (not self.passed and not self.failure) else "")


class IntegrityCheck(
    _Finished,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="kind",
    tag="integrity_check",
):
    """The repository's structure was checked, or one slice of its data was read.

    Attributes:
        scope: ``metadata`` or ``data``.
        slice: Number of the slice read, from 1; 0 for ``metadata``.
        slices: Into how many slices the data is divided.
        slices_read: How many of them were read and found whole, ever.
        oldest_slice_unix_ms: When the one read longest ago was; none until all were.
        slices_bad: Slices whose last reading found damage.
        errors: What the tool counted.
    """

    scope: CheckKind
    slice: SmallCount = 0
    slices: SmallCount = 0
    slices_read: SmallCount = 0
    slices_bad: SmallCount = 0
    oldest_slice_unix_ms: UnixMs | None = None
    errors: SmallCount = 0


class Drill(
    _Finished,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="kind",
    tag="drill",
):
    """Something was restored and looked at.

    Attributes:
        scope: How much; ``key``: nothing, a recovery key was tried.
        snapshot_unix_ms: When the restored content was saved; a canary's own time.
        snapshot_bytes: Size of the whole snapshot, for the time a full restore would take.
        started_by: The timer, or a person at the keyboard (nobody's name leaves the host).
        restore_seconds: Time of the restore alone.
        files: Restored, of ``files_expected``.
        files_same: Whose content equals the live file's.
        proof: What the content was put through, ``proof_count`` things of which stood it.
        digest: SHA-256 over the sorted digests of all files: no name in it.
    """

    scope: DrillKind
    drill_id: Identifier
    started_by: Literal["schedule", "hand"] = "schedule"
    snapshot_id: Identifier | None = None
    snapshot_unix_ms: UnixMs | None = None
    snapshot_bytes: Count | None = None
    restore_seconds: Seconds = 0.0
    files: Count = 0
    files_expected: Count = 0
    files_same: Count = 0
    proof: Proof = "none"
    proof_count: Count = 0
    digest: Annotated[str, msgspec.Meta(pattern=r"\A([0-9a-f]{64})?\Z")] = ""
    host: HostName = ""


class ImmutabilityProbe(
    _Record,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="kind",
    tag="immutability_probe",
):
    """Somebody with the host's own credential tried to delete what is not there.

    Attributes:
        result: ``refused`` proves that deleting is forbidden, ``allowed`` that it is not.
    """

    probed_unix_ms: UnixMs
    method: Literal["rest_delete"]
    result: Literal["refused", "allowed", "unknown"]
    failure: Code = ""
    valid_seconds: Annotated[int, msgspec.Meta(ge=60, le=35 * 86400)] = 8 * 86400

    @property
    def seen_unix_ms(self) -> int:
        """When it was tried."""
        return self.probed_unix_ms

    def objection(self, now_ms: int) -> str:
        """Reason code when the record contradicts itself or the clock; empty when fine."""
        if self.probed_unix_ms > now_ms + FUTURE_TOLERANCE_MS:
            return "future"
        return "contradiction" if (self.result == "unknown") != bool(self.failure) else ""


class Maintenance(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="kind",
    tag="maintenance",
):
    """Somebody plans work on this host, or ends it before its time.

    Attributes:
        plan_id: The same for a plan and its end.
        reason: For people; no person's or patient's name.
        ended_unix_ms: When it was ended early; the rest is repeated with it.
    """

    version: Literal[1]
    plan_id: Identifier
    entered_unix_ms: UnixMs
    from_unix_ms: UnixMs
    until_unix_ms: UnixMs
    reason: Reason
    ended_unix_ms: UnixMs | None = None

    @property
    def seen_unix_ms(self) -> int:
        """When somebody said so."""
        return self.ended_unix_ms or self.entered_unix_ms

    def objection(self, now_ms: int) -> str:
        """Reason code when the record contradicts itself or the clock; empty when fine."""
        if self.seen_unix_ms > now_ms + FUTURE_TOLERANCE_MS:
            return "future"
        ahead_ms = self.from_unix_ms - self.entered_unix_ms
        if not -FUTURE_TOLERANCE_MS <= ahead_ms <= MAX_MAINTENANCE_AHEAD_MS:
            return "bad_times"
        if self.seen_unix_ms < self.entered_unix_ms:
            return "bad_times"
        lasts_ms = self.until_unix_ms - self.from_unix_ms
        return "" if 0 < lasts_ms <= MAX_MAINTENANCE_MS else "bad_times"


def _bad_times(started_ms: int, ended_ms: int, now_ms: int) -> str:
    if ended_ms > now_ms + FUTURE_TOLERANCE_MS:
        return "future"
    return "bad_times" if ended_ms < started_ms else ""


Record = BackupRun | RepositoryState | IntegrityCheck | Drill | ImmutabilityProbe
# What a drop file may hold: evidence of a series, or word of planned work.
Entry = Record | Maintenance
