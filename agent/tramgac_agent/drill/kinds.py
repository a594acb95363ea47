"""The drills: a canary, a sample, everything; and a recovery key."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tramgac_agent.drill import canary, full, proof, scratch
from tramgac_agent.drill.live import differs, snapshot_places
from tramgac_agent.drill.progress import Progress, filling
from tramgac_agent.drill.reading import Content, Node, Repository
from tramgac_agent.drill.sample import Draw
from tramgac_agent.drill.settings import DrillSettings
from tramgac_agent.drill.tally import DrillFailed, Tally
from tramgac_agent.drop import DrillKind
from tramgac_agent.restic.repository import Snapshot
from tramgac_agent.restic.runner import Budget

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Bench:
    """What every drill works with.

    Attributes:
        series: Its id.
        canary_state: Folder where planted canaries are remembered.
        protected: Paths no scratch folder may touch, beside the snapshot's own.
    """

    drill_id: str
    series: str
    settings: DrillSettings
    repository: Repository
    snapshot: Snapshot
    canary_state: Path
    protected: tuple[str, ...]
    budget: Budget
    tally: Tally
    progress: Progress


def _count(content: Content, tally: Tally) -> None:
    tally.files += 1
    tally.size += content.size
    tally.restore_seconds += content.seconds
    tally.digests.append(content.sha256)


def run_canary(bench: Bench) -> None:
    """Find the canary in the newest snapshot.

    Raises:
        DrillFailed: ``nonce_missing``, ``nonce_wrong``, ``nonce_old`` or as restic failed.
    """
    settings, tally, start_ms = bench.settings, bench.tally, bench.snapshot.start_ms
    if not settings.canary:
        raise DrillFailed("config", "`canary` is not set", conclusive=False)
    known = canary.planted(bench.canary_state, bench.series)
    tally.files_expected = 1
    for place in snapshot_places(settings.canary, bench.snapshot.paths):
        found = bench.repository.dump(bench.snapshot.id, place)
        if found is not None:
            break
    else:
        expected = any(one.placed and one.unix_ms <= start_ms for one in known)
        raise DrillFailed("nonce_missing", conclusive=expected)
    _count(found, tally)
    period_ms = settings.canary_days * _DAY_MS
    code, one = canary.judge(found.sha256.hex(), known, start_ms, period_ms)
    tally.snapshot_unix_ms = one.unix_ms if one else start_ms
    if code:
        raise DrillFailed(code)
    tally.proof, tally.proof_count = "canary", 1


def run_sample(bench: Bench) -> None:
    """Read some files back and compare them with the listing and the live files.

    Raises:
        DrillFailed: ``nothing_restored``, ``size_differs``, ``content_differs`` or as restic
            failed.
    """
    settings, tally = bench.settings, bench.tally
    draw = Draw(settings.sample_files, bench.drill_id, settings.sample_max_bytes)
    bench.repository.listing(bench.snapshot.id, draw.take)
    tally.snapshot_bytes = draw.bytes
    chosen = draw.chosen()
    tally.files_expected = len(chosen)
    bench.progress.begin("sample", sum(node.size for node in chosen))
    differing = 0
    for node in chosen:
        differing += _look_at(node, bench)
        bench.progress.reach(tally.size)
    if differing:
        raise DrillFailed("content_differs", f"{differing} files")
    if not tally.files:
        raise DrillFailed("nothing_restored")


def _look_at(node: Node, bench: Bench) -> bool:
    """Read one file; whether the live file, not written since, holds something else."""
    found = bench.repository.dump(bench.snapshot.id, node.path)
    if found is None:
        raise DrillFailed("count_differs", "a listed file cannot be read")
    if found.size != node.size:
        raise DrillFailed("size_differs", f"{found.size} of {node.size} B")
    _count(found, bench.tally)
    differing = differs(node, found.sha256, bench.snapshot)
    bench.tally.files_same += differing is False
    return differing is True


def run_key(bench: Bench) -> None:
    """Read the head of the listing; that the key opens the repository is known by now.

    Raises:
        DrillFailed: As restic failed.
    """
    bench.repository.listing_head(bench.snapshot.id)


def run_full(bench: Bench) -> None:
    """Restore everything into the scratch folder, count it, prove it, delete it.

    Raises:
        DrillFailed: ``no_space``, ``config``, ``nothing_restored``, ``count_differs``,
            ``size_differs``, ``proof_failed``, or as restic or the proof failed.
    """
    settings, tally, snapshot = bench.settings, bench.tally, bench.snapshot
    if not settings.scratch:
        raise DrillFailed("config", "`scratch` is not set", conclusive=False)
    place = Path(settings.scratch)
    scratch.check_place(place, [*snapshot.paths, *bench.protected])
    listed = Draw(1, bench.drill_id, 1)
    bench.repository.listing(snapshot.id, listed.take)
    tally.snapshot_bytes, tally.files_expected = listed.bytes, listed.files
    scratch.sweep(place)
    scratch.check_room(place, listed.bytes)
    with scratch.opened(place, bench.drill_id[:12]) as folder:
        target = folder / "restored"
        target.mkdir(mode=0o700)
        bench.progress.begin("restore", listed.bytes)
        with filling(place, bench.progress):
            tally.restore_seconds = bench.repository.restore(snapshot.id, target)
        bench.progress.begin("count", listed.bytes)
        full.count(target, tally, _ticker(bench))
        full.compare(tally, listed.bytes)
        if settings.proof != "none":
            _prove(target, folder, bench)


def _ticker(bench: Bench) -> Callable[[], None]:
    def tick() -> None:
        if bench.budget.left <= 0:
            raise DrillFailed("deadline", conclusive=False)
        bench.progress.reach(bench.tally.size)

    return tick


def _prove(target: Path, folder: Path, bench: Bench) -> None:
    settings, tally, snapshot = bench.settings, bench.tally, bench.snapshot
    bench.progress.begin("proof", 0)
    work = folder / "work"
    work.mkdir(mode=0o700)
    facts = {
        "SERIES": bench.series,
        "SNAPSHOT": snapshot.id,
        "SNAPSHOT_UNIX_MS": str(snapshot.start_ms),
        "FILES": str(tally.files),
        "BYTES": str(tally.size),
        "DEADLINE_SECONDS": f"{bench.budget.left:.0f}",
    }
    places = snapshot_places(settings.proof_path, snapshot.paths) if settings.proof_path else []
    task = proof.Task(settings, work, bench.budget, places, facts)
    result = proof.prove(settings.proof, target, task)
    if settings.proof != "none":
        tally.proof, tally.proof_count = settings.proof, result.count
    if not result.passed:
        raise DrillFailed(result.failure)


DRILLS: dict[DrillKind, Callable[[Bench], None]] = {
    "canary": run_canary,
    "sample": run_sample,
    "full": run_full,
    "key": run_key,
}
