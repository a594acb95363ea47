"""Runs as a product's own log tells them, and what they say of its repository."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tramgac_agent.drop import FUTURE_TOLERANCE_MS, BackupRun, Outcome, Record, RepositoryState
from tramgac_agent.sources.base import Source, Visit
from tramgac_agent.sources.folders import name_hidden
from tramgac_agent.sources.listed import Backup, Catalogue, ListedSeries


@dataclass(frozen=True, slots=True)
class Run:
    """One finished run.

    Attributes:
        identity: The product's own, or made of what does not change.
        started_ms: Unix milliseconds; equal to ``ended_ms`` where the log tells one time only.
        bytes: Of what was saved, where it is told.
    """

    identity: str
    started_ms: int
    ended_ms: int
    outcome: Outcome
    exit_code: int
    reason: str = ""
    bytes: int | None = None


def report(
    source: Source[Any],
    visit: Visit,
    told: Mapping[str, Iterable[Run]],
    snapshots: int | None = None,
) -> list[Record]:
    """New runs and one state for each series.

    Args:
        source: Who reports.
        visit: Its state folder remembers what was reported.
        told: By series, every run the log still has.
        snapshots: How many the product says there are; None: one if there was a good run, as
            a log tells what was made and not what is left of it.

    Raises:
        OSError: The state folder is not writable.
    """
    catalogue = Catalogue(source, visit)
    latest_ms = visit.now_ms + FUTURE_TOLERANCE_MS
    records: list[Record] = []
    for series, runs in told.items():
        known = [one for one in runs if 0 < one.started_ms <= one.ended_ms <= latest_ms]
        records += catalogue.untold(series, [_record(source.name, series, one) for one in known])
        records.append(_state(catalogue, series, known, snapshots))
    catalogue.save()
    return records


def _record(tool: str, series: str, run: Run) -> BackupRun:
    return BackupRun(
        version=1,
        series=series,
        run_id=f"{tool}-{name_hidden(run.identity)}",
        started_unix_ms=run.started_ms,
        ended_unix_ms=run.ended_ms,
        outcome=run.outcome,
        exit_code=run.exit_code,
        reason=run.reason,
        tool=tool,
        bytes=run.bytes,
    )


def _state(
    catalogue: Catalogue, series: str, runs: Sequence[Run], snapshots: int | None
) -> RepositoryState:
    newest = catalogue.newest(
        Backup(name_hidden(one.identity), one.started_ms, one.ended_ms, bytes=one.bytes)
        for one in runs
        if one.outcome == "complete"
    )
    listed = [newest] if newest and snapshots != 0 else []
    state = catalogue.state(ListedSeries(id=series), listed)
    count = len(listed) if snapshots is None else snapshots
    # How long backups are kept is not for a log to say.
    return msgspec.structs.replace(state, snapshots=count, oldest_unix_ms=None, months=None)
