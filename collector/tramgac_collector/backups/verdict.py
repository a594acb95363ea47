"""One verdict per series: a pure function of what the inventory asks, the evidence, and now.

Nothing is stored: the same evidence judged later may be worse, and never better.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from tramgac_collector.backups import proofs, repository, runs
from tramgac_collector.backups.declared import Declared
from tramgac_collector.backups.evidence import Evidence
from tramgac_collector.backups.findings import BackupState, Finding, finding, worst_first
from tramgac_collector.backups.schedule import next_due_ms
from tramgac_collector.backups.sizes import sizes_of
from tramgac_collector.facts import backups as bk

_HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the evidence says of a series now.

    Attributes:
        findings: Everything that holds, worst first; the first gives the state.
        next_due_ms: When the next complete run must have ended; None where nobody says.
        point_ms: To when could be recovered from a good copy; None while there is none.
        notes: What could not be looked at and makes the state no worse.
    """

    state: BackupState
    findings: tuple[Finding, ...] = ()
    next_due_ms: int | None = None
    point_ms: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """Code of the worst finding; empty when all is well."""
        return self.findings[0].reason if self.findings else ""

    def also(self, more: Finding) -> "Verdict":
        """With one more finding."""
        findings = worst_first([*self.findings, more])
        return replace(self, state=findings[0].state, findings=findings)


def judge(declared: Declared | None, evidence: Evidence, now_ms: int) -> Verdict:
    """Judge one series.

    Copies elsewhere are not its own affair; ``judging`` adds what they lack.

    Args:
        declared: What the inventory asks for; None where it does not know the series.
        evidence: What is known.
        now_ms: Now.
    """
    dataset = None if declared is None else declared.dataset
    found = [
        *runs.newest_run(evidence, now_ms),
        *runs.hung_run(evidence, dataset.hung_hours if dataset else None, now_ms),
        *proofs.checks_failed(evidence),
        *proofs.drills_failed(evidence),
        *proofs.key_failed(evidence),
        *repository.blindness(evidence, declared, now_ms),
        *repository.oddities(evidence, now_ms),
    ]
    if evidence.readable(now_ms) and evidence.of(bk.LAST_RUN) is None:
        found.append(finding("no_run_evidence"))
    notes: tuple[str, ...] = ()
    if evidence.seen:
        sizes = sizes_of(evidence, now_ms)
        found += map(finding, sizes.unusual())
        if sizes.untold and _is_restored(declared):
            notes = ("size_untold",)
        elif sizes.untold or sizes.learning:
            found.append(finding("size_untold" if sizes.untold else "learning"))
    due = None
    if declared is None:
        found.append(finding("undeclared"))
    else:
        due = _due_ms(declared, evidence, now_ms)
        found += _asked(declared, evidence, due, now_ms)
    findings = worst_first(list(dict.fromkeys(found)))
    state = findings[0].state if findings else BackupState.OK
    return Verdict(state, findings, due, evidence.point_ms(now_ms), notes)


def _is_restored(declared: Declared | None) -> bool:
    """Whether drills are asked for that would show that a backup is empty."""
    proof = None if declared is None else declared.dataset.proof
    return proof is not None and bool(proof.sample or proof.full)


def _asked(
    declared: Declared, evidence: Evidence, due: int | None, now_ms: int
) -> Iterator[Finding]:
    """Whatever the inventory asks for and nothing shows."""
    late = list(_late(declared, evidence, due, now_ms))
    told = _tells(evidence, now_ms)
    yield from late if told else [one._replace(state=BackupState.BLIND) for one in late]
    if evidence.good_ms(now_ms) is None and not late:
        yield finding("not_yet_seen")
    if evidence.seen:
        proof = declared.dataset.proof
        yield from proofs.checks_due(evidence, proof, now_ms)
        yield from proofs.drills_due(evidence, proof, now_ms)
        yield from proofs.key_due(evidence, proof, now_ms)
    yield from proofs.promises(declared, evidence, now_ms)


def _tells(evidence: Evidence, now_ms: int) -> bool:
    """Whether a backup, had there been one, would have been told of.

    Where nothing was ever told, nothing can have gone silent either.
    """
    if evidence.readable(now_ms):
        return True
    through_repository = evidence.of(bk.REPOSITORY) is not None and not evidence.tells_runs
    return not through_repository and not repository.is_dark(evidence, now_ms)


def _due_ms(declared: Declared, evidence: Evidence, now_ms: int) -> int | None:
    """When the next complete run must have ended: by the schedule, else by the RPO."""
    dataset, good = declared.dataset, evidence.good_ms(now_ms)
    begin = good[0] if good is not None else evidence.time_ms(bk.DECLARED)
    if begin is None:
        return None
    if dataset.schedule is not None:
        return next_due_ms(dataset.schedule, begin)
    since = evidence.point_ms(now_ms) if good is not None else begin
    return None if since is None else since + round(dataset.rpo_hours * _HOUR_MS)


def _late(
    declared: Declared, evidence: Evidence, due: int | None, now_ms: int
) -> Iterator[Finding]:
    """Nothing complete by the schedule, or within the RPO, or ever."""
    point = evidence.point_ms(now_ms)
    passed = due is not None and now_ms > due
    if point is None:
        if passed:
            yield finding("rpo_passed" if evidence.seen else "never_ran")
        return
    if passed and declared.dataset.schedule is not None:
        yield finding("overdue")
    if now_ms - point > declared.dataset.rpo_hours * _HOUR_MS:
        yield finding("rpo_passed")
