"""The list people read: one row for each series, declared or only seen, worst first.

A pure function of facts, inventory and now; the judging is ``judging``'s alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tramgac_collector.backups.copies import Copies, Judged
from tramgac_collector.backups.declared import Declarations, dataset_of
from tramgac_collector.backups.findings import BackupState, Finding, rank
from tramgac_collector.backups.judging import judge_all, judge_beside
from tramgac_collector.facts import backups as bk
from tramgac_collector.facts.stored import StoredFacts
from tramgac_collector.inventory.base import Named
from tramgac_collector.inventory.model import Inventory


@dataclass(frozen=True, slots=True)
class LastDrill:
    """The newest drill that ended with a result.

    Attributes:
        ended_ms: By the centre's clock; with the series it names the drill's record.
    """

    kind: str
    passed: bool
    ended_ms: int


@dataclass(frozen=True, slots=True)
class BackupRow:
    """One dataset on its way to one destination; times in ms since 1970, None: not known.

    Attributes:
        names: Of facility, dataset and destination, by language; the ids where undeclared.
        findings: Everything that holds, worst first.
        good_ms: To when could be recovered from a good copy.
        checked_ms: Newest check of the structure that found nothing.
        data_read: Share of the data that was ever read and found whole.
        copies: Of the whole dataset; None for a series nobody declared.
        notes: What could not be looked at and makes the state no worse.
    """

    series: str
    facility: str
    names: Mapping[str, tuple[str, str, str]]
    state: BackupState
    findings: tuple[Finding, ...]
    good_ms: int | None
    next_due_ms: int | None
    checked_ms: int | None
    data_read: float | None
    drill: LastDrill | None
    copies: Copies | None
    notes: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Code of the worst finding; empty when all is well."""
        return self.findings[0].reason if self.findings else ""


def list_rows(
    facts: StoredFacts, inventory: Inventory, now_ms: int, facility: str = ""
) -> list[BackupRow]:
    """Rows of one facility or of all, worst first."""
    if facility:
        inside = tuple(one for one in inventory.facilities if one.id == facility)
        inventory = Inventory(facilities=inside, providers=inventory.providers)
    seen = [one for one in facts.series() if not facility or one.startswith(f"{facility}/")]
    judgement = judge_all(facts, Declarations.of(inventory), now_ms, seen)
    rows = [
        _row(one, judgement.copies.get(dataset_of(series)), inventory)
        for series, one in judgement.series.items()
    ]
    return sorted(rows, key=lambda row: (rank(row.state), row.good_ms or 0, row.series))


def judge_one(
    facts: StoredFacts, inventory: Inventory, series: str, now_ms: int
) -> tuple[Judged, BackupRow]:
    """One series with everything that was used to judge it."""
    judgement = judge_beside(facts, Declarations.of(inventory), series, now_ms)
    judged = judgement.series[series]
    return judged, _row(judged, judgement.copies.get(dataset_of(series)), inventory)


def _row(judged: Judged, copies: Copies | None, inventory: Inventory) -> BackupRow:
    evidence, verdict = judged.evidence, judged.verdict
    read = evidence.of(bk.DATA_READ)
    return BackupRow(
        series=judged.series,
        facility=judged.series.partition("/")[0],
        names=_names(judged, inventory),
        state=verdict.state,
        findings=verdict.findings,
        good_ms=verdict.point_ms,
        next_due_ms=verdict.next_due_ms,
        checked_ms=evidence.time_ms(bk.CHECK_GOOD),
        data_read=None if read is None else read.value,
        drill=_last_drill(judged),
        copies=None if judged.declared is None else copies,
        notes=verdict.notes,
    )


def _last_drill(judged: Judged) -> LastDrill | None:
    fact = judged.evidence.of(bk.RESTORE)
    if fact is None:
        return None
    return LastDrill(fact.text.partition(" ")[0], fact.value == 1, fact.collected_ms)


def _names(judged: Judged, inventory: Inventory) -> dict[str, tuple[str, str, str]]:
    place, _, destination = judged.series.partition("@")
    facility, _, dataset = place.partition("/")
    known = inventory.facility(facility)
    declared = judged.declared

    def title(thing: Named | None, fallback: str, language: str) -> str:
        return fallback if thing is None else thing.title(language)

    return {
        language: (
            title(known, facility, language),
            title(declared.dataset if declared else None, dataset, language),
            title(declared.destination if declared else None, destination, language),
        )
        for language in ("vi", "en")
    }
