"""What the evidence says of a backup series now: a pure function of facts and the time."""

from enum import StrEnum

from tramgac_collector.facts.ledger import Fact

_HOUR_MS = 3_600_000


class BackupState(StrEnum):
    """One of these is 1 in ``tramgac_backup_state``.

    Silence is never health: whatever is not shown by a complete run is not ``ok``.
    """

    OK = "ok"
    """A complete run ended within the declared RPO."""
    LEARNING = "learning"
    """There is a complete run, but no RPO is declared to judge its age by."""
    FAILED = "failed"
    """No complete run within the RPO, and the newest run failed."""
    PARTIAL = "partial"
    """No complete run within the RPO, and the newest run left something out."""
    BLIND = "blind"
    """No complete run within the RPO, and the repository cannot be read either."""
    NOT_EVIDENCED = "not_evidenced"
    """No complete run within the RPO, and nothing says why."""


def judge(
    last_good: Fact | None,
    last_run: Fact | None,
    repository: Fact | None,
    now_ms: int,
    rpo_hours: float | None,
) -> BackupState:
    """Judge one series.

    Args:
        last_good: ``bk.last_good``: end of the newest complete run.
        last_run: ``bk.run``: outcome of the newest run.
        repository: ``bk.repository``: whether the repository could be read.
        now_ms: Now.
        rpo_hours: Declared age a backup may have; ``None`` where the inventory has none.
    """
    if last_good is not None:
        if rpo_hours is None:
            return BackupState.LEARNING
        if now_ms - last_good.collected_ms <= rpo_hours * _HOUR_MS:
            return BackupState.OK
    if last_run is not None and last_run.text == "partial":
        return BackupState.PARTIAL
    if last_run is not None and last_run.text in {"failed", "blocked", "interrupted"}:
        return BackupState.FAILED
    if repository is not None and repository.expires_ms > now_ms and repository.text != "ok":
        return BackupState.BLIND
    return BackupState.NOT_EVIDENCED
