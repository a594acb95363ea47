"""What the repository of a series says: whether it can be read, and what is odd in it."""

from collections.abc import Iterator

from tramgac_collector.backups.declared import Declared
from tramgac_collector.backups.evidence import FUTURE_MS, Evidence, same_id
from tramgac_collector.backups.findings import Finding, finding
from tramgac_collector.facts import backups as bk

_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
# An agent that has not called for so long tells nothing, whatever the page's own limit is.
DARK_MS = 900_000
_UNSEEN_MS = 7 * _DAY_MS
_BLIND = {"blind_auth", "blind_unreachable", "blind_timeout", "blind_tool"}
_WRONG = (
    (bk.DAMAGED, "snapshot_damaged"),
    (bk.PROBLEM, "product_problem"),
    (bk.LOCKS, "stale_lock"),
    (bk.FUTURE, "future_dated"),
)


def is_dark(evidence: Evidence, now_ms: int) -> bool:
    """Whether the agent that tells of the series is known to be silent."""
    return evidence.heard_ms is not None and now_ms - evidence.heard_ms > DARK_MS


def blindness(evidence: Evidence, declared: Declared | None, now_ms: int) -> Iterator[Finding]:
    """Why nothing can be seen now: never a failure, and never good."""
    look = evidence.of(bk.REPOSITORY)
    if look is not None and look.expires_ms > now_ms:
        if look.text == "missing":
            # A disk that is carried away takes its mount point's content with it.
            away = declared is not None and declared.destination.kind == "removable"
            yield finding("blind_unreachable" if away else "repository_missing")
        elif look.text != "ok":
            yield finding(look.text if look.text in _BLIND else "blind_tool")
    elif look is not None:
        yield finding("silent")
        return
    if is_dark(evidence, now_ms):
        point = evidence.point_ms(now_ms)
        rpo_hours = 0.0 if declared is None else declared.dataset.rpo_hours
        if point is None or now_ms - point > rpo_hours * _HOUR_MS:
            yield finding("silent")


def oddities(evidence: Evidence, now_ms: int) -> Iterator[Finding]:
    """What the newest look showed that must not be."""
    for kind, reason in _WRONG:
        fact = evidence.shown(kind, now_ms)
        if fact is not None and fact.value:
            yield finding(reason, fact.text)
    newest = evidence.shown(bk.NEWEST, now_ms)
    if newest is not None and evidence.newest_ms(now_ms) is None:
        yield finding("future_dated")
    gone = evidence.of(bk.VANISHED)
    if gone is not None and gone.value and now_ms - gone.collected_ms <= _UNSEEN_MS:
        yield finding("vanished")
    if _empty(evidence, now_ms):
        yield finding("zero_files")
    if _not_found(evidence, now_ms):
        yield finding("snapshot_not_found")


def _empty(evidence: Evidence, now_ms: int) -> bool:
    """Whether the newest snapshot holds nothing; of an empty run its own reason is told."""
    files, count = evidence.shown(bk.FILES, now_ms), evidence.shown(bk.SNAPSHOTS, now_ms)
    if files is None or files.value != 0 or count is None or not count.value:
        return False
    return not evidence.newest_is_partial(now_ms)


def _not_found(evidence: Evidence, now_ms: int) -> bool:
    """A complete run names a snapshot, and a later look shows neither it nor a newer one."""
    good, look = evidence.of(bk.LAST_GOOD), evidence.of(bk.REPOSITORY)
    if good is None or not good.text or look is None or not evidence.readable(now_ms):
        return False
    if look.collected_ms <= good.collected_ms:
        return False
    count = evidence.shown(bk.SNAPSHOTS, now_ms)
    if count is not None and count.value == 0:
        return True
    newest = evidence.shown(bk.NEWEST, now_ms)
    if newest is None or newest.value is None or not newest.text:
        return False
    started = evidence.time_ms(bk.GOOD_STARTED) or good.collected_ms
    older = newest.value * 1000 < started - FUTURE_MS
    return older and not same_id(newest.text, good.text)
