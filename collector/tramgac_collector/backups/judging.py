"""Judging together what belongs together: all series of a dataset, or everything."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from tramgac_collector.backups.copies import Copies, Judged, count
from tramgac_collector.backups.declared import Declarations, Declared, dataset_of
from tramgac_collector.backups.evidence import gather
from tramgac_collector.backups.findings import BackupState, finding, rank
from tramgac_collector.backups.verdict import judge
from tramgac_collector.facts.stored import Facts


@dataclass(frozen=True, slots=True)
class Judgement:
    """Verdicts by series, copies by ``facility/host/dataset``."""

    series: Mapping[str, Judged]
    copies: Mapping[str, Copies]


def judge_series(facts: Facts, series: str, declared: Declared | None, now_ms: int) -> Judged:
    """Judge one series by itself, whatever copies there are elsewhere."""
    evidence = gather(facts, series, "" if declared is None else declared.place)
    return Judged(series, declared, evidence, judge(declared, evidence, now_ms))


def judge_dataset(
    facts: Facts, group: Iterable[Declared], now_ms: int
) -> tuple[list[Judged], Copies]:
    """Judge all series of one dataset, and say of each when copies are missing."""
    judged = [judge_series(facts, one.series, one, now_ms) for one in group]
    copies = count(judged, now_ms)
    # The only destination has a worse reason of its own, or has not begun.
    lone = len(judged) == 1 and (
        judged[0].verdict.point_ms is None
        or rank(judged[0].verdict.state) <= rank(BackupState.BLIND)
    )
    if copies.count < copies.required and not lone:
        missing = finding("copies_missing")
        judged = [replace(one, verdict=one.verdict.also(missing)) for one in judged]
    return judged, copies


def judge_all(
    facts: Facts, declarations: Declarations, now_ms: int, seen: Iterable[str] = ()
) -> Judgement:
    """Judge everything.

    Args:
        facts: The ledger, or a snapshot of the store.
        declarations: What the inventory asks for.
        now_ms: Now.
        seen: Series with evidence; those the inventory does not know are judged as well.
    """
    series: dict[str, Judged] = {}
    copies: dict[str, Copies] = {}
    for dataset, group in declarations.datasets.items():
        judged, copies[dataset] = judge_dataset(facts, group, now_ms)
        series.update((one.series, one) for one in judged)
    for one in seen:
        if one not in declarations.series:
            series[one] = judge_series(facts, one, None, now_ms)
    return Judgement(series, copies)


def judge_beside(facts: Facts, declarations: Declarations, series: str, now_ms: int) -> Judgement:
    """Judge one series, and with it all that share its dataset."""
    group = declarations.group(series)
    if not group:
        return Judgement({series: judge_series(facts, series, None, now_ms)}, {})
    judged, copies = judge_dataset(facts, group, now_ms)
    return Judgement({one.series: one for one in judged}, {dataset_of(series): copies})
