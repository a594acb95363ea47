"""What the runs of a series say: how the newest ended, and which never did."""

from collections.abc import Iterator

from tramgac_collector.backups.evidence import Evidence
from tramgac_collector.backups.findings import Finding, finding
from tramgac_collector.facts import backups as bk

_HOUR_MS = 3_600_000
# Healthchecks' bound: a start and an end further apart have nothing to do with each other.
_UNRELATED_MS = 72 * _HOUR_MS
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
    """A start without its end for longer than a run may take."""
    limit = (hung_hours or _HUNG_HOURS) * _HOUR_MS
    ended = {past.text for past in evidence.recent(bk.RUN_ENDED)}
    later = evidence.time_ms(bk.GOOD_STARTED) or 0
    for past in evidence.recent(bk.RUN_STARTED):
        age = now_ms - past.collected_ms
        superseded = past.collected_ms < later and age > _UNRELATED_MS
        if past.text not in ended and age > limit and not superseded:
            yield finding("run_hung")
            return
