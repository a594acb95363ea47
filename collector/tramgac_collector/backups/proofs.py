"""What was proven of a series, how long ago, and what of it the inventory asks for."""

from collections.abc import Iterator

from tramgac_collector.backups.declared import Declared
from tramgac_collector.backups.evidence import Evidence
from tramgac_collector.backups.findings import Finding, finding
from tramgac_collector.facts import backups as bk
from tramgac_collector.inventory.model import Proof

_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_MONTH_DAYS = 31
_ALL_READ = 1.0
_WRONG_KEY = "wrong_key"
# A wider drill counts as every narrower one. A key that was tried counts as none: no restore.
_KINDS = ("canary", "sample", "full")


def checks_failed(evidence: Evidence) -> Iterator[Finding]:
    """Damage found and not yet followed by a check that found none."""
    for kind, reason in ((bk.CHECK, "metadata_damaged"), (bk.DATA, "data_damaged")):
        fact = evidence.of(kind)
        if fact is not None and fact.value == 0:
            yield finding(reason, fact.text)


def checks_due(evidence: Evidence, proof: Proof, now_ms: int) -> Iterator[Finding]:
    """Checks that are asked for and too old, or were never made."""
    if proof.check:
        checked = evidence.time_ms(bk.CHECK_GOOD)
        if checked is None:
            yield finding("check_never")
        elif now_ms - checked > proof.check * _DAY_MS:
            yield finding("check_old")
    if proof.data:
        read = all_read_ms(evidence)
        share = evidence.of(bk.DATA_READ)
        if read is not None and now_ms - read <= proof.data * _DAY_MS:
            return
        whole = read is not None and (share is None or (share.value or 0) >= _ALL_READ)
        yield finding("data_old" if whole else "data_unread")


def all_read_ms(evidence: Evidence) -> int | None:
    """Since when all data was read at least once; None while some never was."""
    oldest = evidence.time_ms(bk.DATA_OLDEST)
    if oldest is None and evidence.of(bk.DATA_READ) is None:
        return evidence.time_ms(bk.DATA_GOOD)  # a check that reads everything at once
    return oldest


def drilled_ms(evidence: Evidence, kind: str) -> int | None:
    """End of the newest drill that passed, of this kind or a wider one."""
    wide = _KINDS[_KINDS.index(kind) :]
    times = [evidence.time_ms(bk.DRILLS_GOOD[one]) for one in wide]
    return max((one for one in times if one is not None), default=None)


def drills_failed(evidence: Evidence) -> Iterator[Finding]:
    """A drill that failed, and none of its kind or a wider one passed since."""
    for kind in reversed(_KINDS):
        drill = evidence.of(bk.DRILLS[kind])
        passed = drilled_ms(evidence, kind)
        if drill is None or drill.value != 0:
            continue
        if passed is None or passed < drill.collected_ms:
            yield finding("drill_failed", drill.text)
            return


def drills_due(evidence: Evidence, proof: Proof, now_ms: int) -> Iterator[Finding]:
    """Drills that are asked for and too long ago, or were never held."""
    for kind in _KINDS:
        days: float = getattr(proof, kind)
        if not days:
            continue
        passed = drilled_ms(evidence, kind)
        if passed is None:
            yield finding("drill_never", kind)
        elif now_ms - passed > days * _DAY_MS:
            yield finding("drill_old", kind)


def key_failed(evidence: Evidence) -> Iterator[Finding]:
    """A recovery key that opened nothing, until one does; or damage met while it was tried."""
    tried = evidence.of(bk.DRILLS[bk.KEY])
    if tried is None or tried.value != 0:
        return
    if tried.text == _WRONG_KEY:
        yield finding("key_wrong")
        return
    restored = drilled_ms(evidence, _KINDS[0])
    if restored is None or restored < tried.collected_ms:
        yield finding("drill_failed", tried.text)


def key_due(evidence: Evidence, proof: Proof, now_ms: int) -> Iterator[Finding]:
    """A recovery key that should be tried, and was not for too long; a wrong one was tried."""
    tried, good = evidence.of(bk.DRILLS[bk.KEY]), evidence.time_ms(bk.DRILLS_GOOD[bk.KEY])
    if not proof.key or (tried is not None and tried.text == _WRONG_KEY):
        return
    if good is None or now_ms - good > proof.key * _DAY_MS:
        yield finding("key_untried")


def promises(declared: Declared, evidence: Evidence, now_ms: int) -> Iterator[Finding]:
    """Retention, restore time, place and immutability against what the inventory says."""
    if _too_short(declared, evidence, now_ms):
        yield finding("retention_short")
    takes, rto = evidence.of(bk.RESTORE_TIME), declared.dataset.rto_hours
    if rto is not None and takes is not None and (takes.value or 0) > rto * 3600:
        yield finding("rto_exceeded")
    medium = evidence.shown(bk.MEDIUM, now_ms)
    if medium is not None and medium.text in _too_near(declared.destination.kind):
        yield finding("same_place", medium.text)
    if declared.destination.immutable:
        probe = evidence.of(bk.IMMUTABLE)
        if probe is None or probe.expires_ms <= now_ms:
            yield finding("immutability_unproven")
        elif not probe.value:
            yield finding("immutability_refuted")


def _too_near(kind: str) -> tuple[str, ...]:
    if kind == "local":
        return ()
    # A removable disk is measured while it is plugged in.
    return ("same_device",) if kind == "removable" else ("same_device", "same_machine")


def _too_short(declared: Declared, evidence: Evidence, now_ms: int) -> bool:
    """Whether old copies are gone that must be there, of a series old enough to have them."""
    keep, since = declared.dataset.retention, evidence.time_ms(bk.DECLARED)
    if since is None:
        return False
    age_days = (now_ms - since) / _DAY_MS
    oldest = evidence.shown(bk.OLDEST, now_ms)
    if keep.days and age_days > keep.days and oldest is not None and oldest.value is not None:
        # What is kept for 30 days is 29 days and some hours old just before the next run.
        least = keep.days * _DAY_MS - declared.dataset.rpo_hours * _HOUR_MS
        if now_ms - oldest.value * 1000 < least:
            return True
    months = evidence.shown(bk.MONTHS, now_ms)
    old_enough = age_days > keep.months * _MONTH_DAYS
    return bool(
        keep.months and old_enough and months is not None and (months.value or 0) < keep.months
    )
