"""Runs one drill and turns it into evidence: counts, hashes and times, never a name."""

import errno
import os
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tramgac_agent import drop
from tramgac_agent.backup.running import is_running
from tramgac_agent.drill.kinds import DRILLS, Bench
from tramgac_agent.drill.progress import Progress
from tramgac_agent.drill.reading import Repository
from tramgac_agent.drill.settings import DrillSettings
from tramgac_agent.drill.tally import DrillFailed, Tally
from tramgac_agent.restic.repository import Rule, newest_of
from tramgac_agent.restic.runner import Budget, Runner
from tramgac_agent.restic.settings import ProbeSettings, SeriesRule
from tramgac_agent.restic.shim import install


@dataclass(frozen=True, slots=True)
class Job:
    """One drill of one series.

    Attributes:
        probe: The probe file of its repository; for ``key``, with that key in it.
        rule: Its ``[[series]]`` table.
        state_folder: The probe's own.
        drop_folder: Where backups at work leave their mark.
    """

    kind: drop.DrillKind
    probe: ProbeSettings
    rule: SeriesRule
    state_folder: Path
    drop_folder: Path
    started_by: Literal["schedule", "hand"]
    progress: Progress

    @property
    def settings(self) -> DrillSettings:
        """Its ``[series.drill]`` table, or what stands for it."""
        return self.rule.drill or DrillSettings()

    @property
    def canary_state(self) -> Path:
        """Where its canaries are remembered."""
        return Path(self.settings.canary_state or self.state_folder)


def run(job: Job) -> tuple[drop.Drill, str]:
    """Do it, whatever it takes; gives the evidence and a word for the person at the keyboard."""
    started_ms, drill_id, tally = time.time_ns() // 1_000_000, uuid.uuid4().hex, Tally()
    failure, text, conclusive = "", "", True
    try:
        DRILLS[job.kind](_bench(job, drill_id, tally, started_ms))
    except DrillFailed as failed:
        failure, text, conclusive = failed.code, str(failed), failed.conclusive
    except OSError as error:  # of this machine; it says nothing of the backup
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        failure, text, conclusive = ("no_space" if full else "blind_tool"), str(error), False
    snapshot = tally.snapshot
    record = drop.Drill(
        version=1,
        series=job.rule.id,
        scope=job.kind,
        drill_id=drill_id,
        started_by=job.started_by,
        started_unix_ms=started_ms,
        # A clock set back meanwhile must not cost the evidence.
        ended_unix_ms=max(started_ms, time.time_ns() // 1_000_000),
        passed=not failure,
        conclusive=conclusive,
        failure=failure,
        snapshot_id=snapshot.id if snapshot else None,
        snapshot_unix_ms=tally.snapshot_unix_ms,
        snapshot_bytes=tally.snapshot_bytes,
        restore_seconds=tally.restore_seconds,
        bytes=tally.size,
        files=tally.files,
        files_expected=tally.files_expected,
        files_same=tally.files_same,
        proof=tally.proof,
        proof_count=tally.proof_count,
        digest=tally.digest,
        tool_version=tally.tool_version,
        host=socket.gethostname().partition(".")[0][:63],
    )
    return record, text


def _bench(job: Job, drill_id: str, tally: Tally, now_ms: int) -> Bench:
    if is_running(job.drop_folder, job.rule.id):
        raise DrillFailed("backup_running", conclusive=False)
    budget = Budget(job.settings.deadline_seconds)
    environment = job.probe.environment(os.environ)
    repository = Repository(Runner(install(job.state_folder), environment, budget))
    tally.tool_version = repository.version()
    if job.kind == "key":
        repository.try_key()
    rule = Rule(job.rule.id, job.rule.host, job.rule.paths, job.rule.tags)
    snapshot = newest_of(rule, repository.snapshots(), now_ms)
    if snapshot is None:
        raise DrillFailed("no_snapshot")
    tally.snapshot = snapshot
    tally.snapshot_unix_ms = snapshot.start_ms
    tally.snapshot_bytes = snapshot.counts.bytes if snapshot.counts else None
    local = job.probe.locks_folder
    return Bench(
        drill_id=drill_id,
        series=job.rule.id,
        settings=job.settings,
        repository=repository,
        snapshot=snapshot,
        canary_state=job.canary_state,
        protected=(*job.rule.paths, *([str(local.parent)] if local else [])),
        budget=budget,
        tally=tally,
        progress=job.progress,
    )


def sentence(record: drop.Drill, text: str) -> str:
    """One line that says how it ended."""
    verdict = "passed" if record.passed else "FAILED" if record.conclusive else "inconclusive"
    seconds = (record.ended_unix_ms - record.started_unix_ms) / 1000
    parts = [f"{record.series}: {record.scope} drill {verdict}"]
    if record.failure:
        detail = f" ({text})" if text and text != record.failure else ""
        parts[0] += f": {record.failure}{detail}"
    if record.scope != "key":
        parts.append(f"{record.files} of {record.files_expected} files, {record.bytes} B")
    if record.files_same:
        parts.append(f"{record.files_same} same as the live file")
    if record.proof != "none":
        parts.append(f"proof {record.proof}: {record.proof_count}")
    if record.scope == "full" and record.restore_seconds:
        parts.append(f"restored in {record.restore_seconds:.1f} s")
    return "; ".join([*parts, f"{seconds:.1f} s in all"])
