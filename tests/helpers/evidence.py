"""Arrivals for fact tests, without a wire."""

from tramgac_collector.facts.mapping import slots_of
from tramgac_collector.ingest.arrival import Arrival, Plan
from tramgac_collector.model import Owner
from tramgac_proto.v1 import fleet_pb2

OWNER = Owner("11111111-1111-4111-8111-111111111111", "bvdk", "main", "his-1")
SERIES = "bvdk/his-1/db@nas"
NOW = 1_800_000_000_000


def arrival(
    *series: tuple[str, dict[str, str], float],
    at_ms: int = NOW,
    received_ms: int = 0,
    exact: bool = True,
    offset_ms: int = 0,
    **detail: object,
) -> Arrival:
    """An observation of ``(metric, labels, value)`` that reached the centre."""
    keys = [(f"tramgac_{name}", tuple(labels.items())) for name, labels, _ in series]
    return Arrival(
        reporter=OWNER,
        subject=OWNER,
        plan=Plan(stream="c//", subject=OWNER, slots=slots_of(OWNER, keys), size=len(keys)),
        observation=fleet_pb2.Observation(check="c", **detail),  # type: ignore[arg-type]
        values=[value for _, _, value in series],
        event_ms=at_ms,
        received_ms=received_ms or at_ms,
        expires_ms=at_ms + 180_000,
        exact=exact,
        offset_ms=offset_ms,
    )


def backup_run(outcome: str = "complete", *, ended: int = NOW, **more: object) -> Arrival:
    """A finished backup run."""
    run = fleet_pb2.BackupRun(
        series=SERIES,
        outcome=outcome,
        started_unix_ms=ended - 60_000,
        ended_unix_ms=ended,
        **more,  # type: ignore[arg-type]
    )
    return arrival(backup_run=run, at_ms=ended)


def repository(state: str, *, at_ms: int = NOW) -> Arrival:
    """A look at a repository."""
    seen = fleet_pb2.RepositoryState(series=SERIES, state=state, newest_unix_ms=at_ms - 5_000)
    return arrival(repository=seen, at_ms=at_ms)
