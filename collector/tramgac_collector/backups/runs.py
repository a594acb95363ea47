"""What the runs of a series say: how the newest ended, and which never did."""

from collections.abc import Iterator

from tramgac_collector.backups.evidence import Evidence
from tramgac_collector.backups.findings import Finding, finding
from tramgac_collector.facts import backups as bk

_HOUR_MS = 3_600_000
_ENDED_AS = {
    "failed": "run_failed",
    "interrupted": "run_interrupted",
    "blocked": "run_blocked",
    "partial": "run_partial",
}
_PARTIAL_AS = {"empty": "empty_source", "missing_source": "missing_source"}
# Where the inventory says nothing, as its default.
_HUNG_HOURS = 12.0


def newest_run(evidence: Evidence, now_ms: int) -> Iterator[Finding]:
    """How the newest run that ended did so; a complete one after it clears it."""
    run, good = evidence.of(bk.LAST_RUN), evidence.of(bk.LAST_GOOD)
    if run is not None and run.text == "complete":
        if good is None or good.collected_ms < run.collected_ms:
            # It is known to have saved nothing.
            yield finding("empty_source")
        elif evidence.newest_is_partial(now_ms):
            yield finding("run_partial")
        return
    if run is None:
        return
    why = evidence.of(bk.RUN_REASON)
    told = why is not None and why.collected_ms == run.collected_ms
    reason = why.text if why is not None and told else ""
    if run.text == "partial" and reason in _PARTIAL_AS:
        yield finding(_PARTIAL_AS[reason])
    else:
        yield finding(_ENDED_AS.get(run.text, "run_failed"), reason)


def hung_run(evidence: Evidence, hung_hours: float | None, now_ms: int) -> Iterator[Finding]:
    """A start without its end for longer than a run may take, and no run got through since.

    After a power cut no end ever comes. Whether a process still runs nobody tells the centre;
    a run that began later and saved something shows that it is not in the way.
    """
    limit = (hung_hours or _HUNG_HOURS) * _HOUR_MS
    ended = {past.text for past in evidence.recent(bk.RUN_ENDED)}
    since = _got_through_ms(evidence)
    for past in evidence.recent(bk.RUN_STARTED):
        is_open = past.text not in ended and past.collected_ms >= since
        if is_open and now_ms - past.collected_ms > limit:
            yield finding("run_hung")
            return


def _got_through_ms(evidence: Evidence) -> int:
    """Start of the newest run that saved something: a complete one, or the newest if partial."""
    good, run = evidence.time_ms(bk.GOOD_STARTED) or 0, evidence.of(bk.LAST_RUN)
    if run is None or run.text != "partial":
        return good
    ended = evidence.recent(bk.RUN_ENDED)
    newest = {past.text for past in ended if past.collected_ms == run.collected_ms}
    starts = (p.collected_ms for p in evidence.recent(bk.RUN_STARTED) if p.text in newest)
    return max(starts, default=good)
