"""What can be wrong with a series: the states, worst first, and one reason under one of them."""

from enum import StrEnum
from typing import NamedTuple


class BackupState(StrEnum):
    """One of these is 1 in ``tramgac_backup_state``; worst first.

    Silence is never health: ``ok`` needs every proof that is asked for.
    """

    FAILED = "failed"
    BLOCKED = "blocked"
    LATE = "late"
    BLIND = "blind"
    SUSPICIOUS = "suspicious"
    PARTIAL = "partial"
    UNVERIFIED = "unverified"
    OK = "ok"


class Finding(NamedTuple):
    """One thing that holds now.

    Attributes:
        reason: Stable code; its words are in ``reasons``.
        state: What it makes of the series.
        detail: A further code, such as the reason of the run, or who holds a lock.
    """

    reason: str
    state: BackupState
    detail: str = ""


# Every reason, in the order they are told.
STATE_OF: dict[str, BackupState] = {
    reason: state
    for state, reasons in {
        BackupState.FAILED: (
            *("run_failed", "run_interrupted", "run_hung", "metadata_damaged", "data_damaged"),
            *("snapshot_damaged", "drill_failed", "key_wrong", "repository_missing"),
            "product_problem",
        ),
        BackupState.BLOCKED: ("run_blocked", "stale_lock"),
        BackupState.LATE: ("overdue", "rpo_passed", "never_ran"),
        BackupState.BLIND: (
            *("blind_auth", "blind_unreachable", "blind_timeout", "blind_tool", "silent"),
        ),
        BackupState.SUSPICIOUS: (
            *("future_dated", "vanished", "size_drop", "files_drop", "zero_files"),
            *("change_shock", "size_jump", "snapshot_not_found", "immutability_refuted"),
        ),
        BackupState.PARTIAL: ("run_partial", "missing_source", "empty_source"),
        BackupState.UNVERIFIED: (
            *("not_yet_seen", "learning", "no_run_evidence", "size_untold"),
            *("check_old", "check_never"),
            *("data_unread", "data_old", "drill_old", "drill_never", "key_untried"),
            "undeclared",
            *("retention_short", "copies_missing", "same_place", "rto_exceeded"),
            "immutability_unproven",
        ),
    }.items()
    for reason in reasons
}

_RANK = {state: rank for rank, state in enumerate(BackupState)}
_ORDER = {reason: place for place, reason in enumerate(STATE_OF)}


def finding(reason: str, detail: str = "") -> Finding:
    """A reason in its usual state."""
    return Finding(reason, STATE_OF[reason], detail)


def worst_first(findings: list[Finding]) -> tuple[Finding, ...]:
    """Sorted by state, then by the order of the reasons; one in another state than its own last."""

    def place(one: Finding) -> tuple[int, bool, int]:
        return _RANK[one.state], STATE_OF[one.reason] is not one.state, _ORDER[one.reason]

    return tuple(sorted(findings, key=place))


def rank(state: BackupState) -> int:
    """0 is the worst."""
    return _RANK[state]
