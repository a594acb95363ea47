"""How each dataset fared: when its RPO had passed, what was restored to prove it.

A copy counts from the moment its run ended. Where nobody tells of runs, the newest snapshot
that was seen counts, as it does for the judge.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from tramgac_collector.backups.copies import Judged
from tramgac_collector.backups.evidence import FUTURE_MS
from tramgac_collector.backups.records import StoredDrill
from tramgac_collector.facts import backups as bk
from tramgac_collector.inventory.base import Named
from tramgac_collector.inventory.model import BackupSeries
from tramgac_collector.report.model import Dataset, DrillDone, Text
from tramgac_collector.report.spans import Span, Window, join, total
from tramgac_collector.store.schema import drills, fact_history

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_RUNS = (bk.LAST_RUN.name, bk.RUN_STARTED.name)
_COPIES = (bk.LAST_GOOD.name, bk.NEWEST.name, bk.ARCHIVED.name)
_NAMES = (*_RUNS, *_COPIES, bk.DECLARED.name, bk.RESTORE_TIME.name)
# So far before the window, beside its RPO, the last good copy is looked for first.
_BEFORE_MS = 35 * _DAY_MS

_Told = Mapping[str, Sequence[tuple[int, float]]]


def dataset_of(
    connection: Connection,
    series: BackupSeries,
    window: Window,
    judged: Judged | None,
    done: Sequence[DrillDone],
) -> Dataset:
    """Figures of one series; ``judged`` is what the judge says at the end, if it can."""
    rpo = round(series.dataset.rpo_hours * _HOUR_MS)
    told = _told(connection, series.id, window, rpo)
    copies = _copies(told)
    declared = [at for at, _ in told.get(bk.DECLARED.name, ())]
    begin = min([*declared, *copies[:1]], default=None)
    passed = None if begin is None else _passed(begin, copies, rpo, window)
    rto, predicted = series.dataset.rto_hours, told.get(bk.RESTORE_TIME.name, ())
    state, reason = _verdict(judged)
    return Dataset(
        series=series.id,
        dataset=_names(series.dataset),
        destination=_names(series.destination),
        rpo_ms=rpo,
        rto_ms=None if rto is None else round(rto * _HOUR_MS),
        good_ms=copies[-1] if copies else None,
        passed=None if passed is None else len(passed),
        passed_ms=total(passed or ()),
        longest_ms=max((end - since for since, end in passed or ()), default=0),
        open=any(end >= window.until_ms for _, end in passed or ()),
        unseen_ms=_unseen(begin, window),
        state=state,
        reason=reason,
        predicted_ms=round(predicted[-1][1] * 1000) if predicted else None,
        drills=tuple(done),
    )


def _verdict(judged: Judged | None) -> tuple[str, str]:
    return ("", "") if judged is None else (judged.verdict.state.value, judged.verdict.reason)


def _unseen(begin: int | None, window: Window) -> int:
    if begin is None:
        return window.length_ms
    return total(window.cut([(window.since_ms, begin)]))


def _names(thing: Named) -> Text:
    return {language: thing.title(language) for language in ("vi", "en")}


def _told(connection: Connection, series: str, window: Window, rpo: int) -> _Told:
    """What was told of a series up to the end, by name: when, and the value."""
    table = fact_history.c
    query = (
        select(table.name, table.collected_ms, table.value)
        .where(table.name.in_(_NAMES), table.subject == series, table.value.is_not(None))
        .where(table.collected_ms < window.until_ms, table.received_ms <= window.known_ms)
        .order_by(table.collected_ms)
    )
    # Proofs and the day of declaration may be years old; there are few of them.
    recent = table.collected_ms >= window.since_ms - rpo - _BEFORE_MS
    old = table.name.in_((bk.DECLARED.name, bk.RESTORE_TIME.name))
    found = _by_name(connection.execute(query.where(recent | old)))
    if not any(found.get(name) for name in _COPIES):
        found = _by_name(connection.execute(query))
    return found


def _by_name(rows: Iterable[Row[Any]]) -> dict[str, list[tuple[int, float]]]:
    found: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for row in rows:
        found[row.name].append((row.collected_ms, row.value))
    return found


def _copies(told: _Told) -> list[int]:
    """When there was a new good copy, the oldest first; none that came from the future."""
    runs = any(told.get(name) for name in _RUNS)
    names = [bk.LAST_GOOD.name] if runs else [bk.LAST_GOOD.name, bk.NEWEST.name]
    found = {
        round(value * 1000)
        for name in (*names, bk.ARCHIVED.name)
        for at_ms, value in told.get(name, ())
        if value * 1000 <= at_ms + FUTURE_MS
    }
    return sorted(found)


def _passed(begin: int, copies: Sequence[int], rpo: int, window: Window) -> list[Span]:
    """Spans of the window in which the newest good copy was older than its RPO."""
    points = sorted({begin, *copies})
    ends = [*points[1:], max(window.until_ms, points[-1])]
    late = ((at + rpo, end) for at, end in zip(points, ends, strict=True) if at + rpo < end)
    return join(window.cut(late))


def drills_in(connection: Connection, facility: str, window: Window) -> dict[str, list[DrillDone]]:
    """Drills of a facility that ended in the window, by series, the oldest first."""
    table = drills.c
    query = (
        select(drills)
        .where(table.facility == facility, table.ended_ms >= window.since_ms)
        .where(table.ended_ms < window.until_ms, table.received_ms <= window.known_ms)
        .order_by(table.ended_ms)
    )
    found: defaultdict[str, list[DrillDone]] = defaultdict(list)
    for row in connection.execute(query):
        one = StoredDrill(*tuple(row))
        seconds = one.told.restore_seconds
        found[one.series].append(
            DrillDone(
                number=one.number,
                kind=one.kind,
                result=one.result,
                failure=one.told.failure,
                ended_ms=one.ended_ms,
                restore_ms=round(seconds * 1000) if 0 < seconds < 10**9 else None,
            )
        )
    return found
