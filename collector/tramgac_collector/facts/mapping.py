"""The one table from catalogue names and typed messages to facts.

Names follow the regulations' vocabulary (``bk.``, ``net.``, ``host.``, ``svc.``, ``inv``,
``mon.``); operational facts join it here and nowhere else. ``docs/facts.md`` explains each.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from tramgac_collector.model import Owner

if TYPE_CHECKING:
    from tramgac_collector.ingest.arrival import Arrival

# What happened stays true; how long it counts is for the verdict to say.
EVENT_VALID_MS = 3660 * 86_400_000

FactKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class FactKind:
    """One name of the vocabulary.

    Attributes:
        step: A change of at least this much is a change; less only refreshes the fact.
    """

    name: str
    unit: str
    step: float = 0.0


@dataclass(frozen=True, slots=True)
class FromMetric:
    """A catalogue series that is a fact.

    Attributes:
        labels: Their values, joined by ``:``, name the part of the host the fact is about.
        series: The fact is about a backup series, named by the label of that name.
    """

    kind: FactKind
    labels: tuple[str, ...] = ()
    series: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """Which value of an observation is which fact."""

    index: int
    key: FactKey
    kind: FactKind


@dataclass(frozen=True, slots=True)
class Claim:
    """A fact as a typed message states it; times in centre time.

    Attributes:
        valid_ms: Zero: as long as the observation.
    """

    kind: FactKind
    subject: str
    value: float | None
    text: str = ""
    collected_ms: int = 0
    valid_ms: int = 0


_PATH = ("target", "method")
_TEST = ("target", "direction", "proves")
_MOUNT = ("mountpoint",)
_PORT = ("interface",)

FROM_METRIC: Mapping[str, FromMetric] = {
    f"tramgac_{name}": source
    for name, source in {
        "host_uptime_seconds": FromMetric(FactKind("host.up", "seconds", 86_400.0)),
        "host_boot_timestamp_seconds": FromMetric(FactKind("host.boot", "timestamp_seconds", 60.0)),
        "host_last_stop_clean": FromMetric(FactKind("host.stop", "bool")),
        "filesystem_used_ratio": FromMetric(FactKind("host.disk", "ratio", 0.01), _MOUNT),
        "filesystem_avail_bytes": FromMetric(FactKind("host.disk.free", "bytes", 2.0**30), _MOUNT),
        "filesystem_readonly": FromMetric(FactKind("host.disk.readonly", "bool"), _MOUNT),
        "filesystem_hung": FromMetric(FactKind("host.disk.hung", "bool"), _MOUNT),
        "filesystem_errors": FromMetric(FactKind("host.disk.errors", "count"), _MOUNT),
        "network_link_up": FromMetric(FactKind("net.link.up", "bool"), _PORT),
        "network_link_speed_bytes": FromMetric(FactKind("net.link", "bytes_per_second"), _PORT),
        "network_link_full_duplex": FromMetric(FactKind("net.link.duplex", "bool"), _PORT),
        "path_rtt_seconds": FromMetric(FactKind("net.path.rtt", "seconds", 0.01), _PATH),
        "path_jitter_seconds": FromMetric(FactKind("net.path.jitter", "seconds", 0.01), _PATH),
        "path_loss_ratio": FromMetric(FactKind("net.path.loss", "ratio", 0.05), _PATH),
        "path_throughput_bytes_per_second": FromMetric(
            FactKind("net.path", "bytes_per_second", 125_000.0), _TEST
        ),
        "path_throughput_held": FromMetric(FactKind("net.path.held", "bool"), _TEST),
        "service_up": FromMetric(FactKind("svc.up", "bool"), ("system", "method")),
        "service_certificate_expiry_timestamp_seconds": FromMetric(
            FactKind("svc.tls", "timestamp_seconds", 1.0), ("system",)
        ),
        "backup_repository_readable": FromMetric(FactKind("bk.readable", "bool"), series=True),
    }.items()
}

AGENT_SEEN = FactKind("agent.seen", "timestamp_seconds", inf)
HOST_TIME = FactKind("host.time", "seconds", 1.0)
COVERAGE = FactKind("mon.cover", "ratio", 0.01)
LAST_GOOD = FactKind("bk.last_good", "timestamp_seconds")
_LAST_RUN = FactKind("bk.run", "exit_code")
_NEWEST = FactKind("bk.age", "timestamp_seconds")
_SIZE = FactKind("bk.size", "bytes", 2.0**20)
_STATE = FactKind("bk.repository", "bool")
_LOCKS = FactKind("bk.locks", "count")
_RESTORE = FactKind("bk.restore", "bool")
_OUTAGE = FactKind("host.outage", "seconds")
_SERVICE = FactKind("svc.state", "bool")
_TEST_RESULT = FactKind("net.path.test", "bytes_per_second")
_INVENTORY = FactKind("inv", "count")

KINDS: Mapping[str, FactKind] = {
    kind.name: kind
    for kind in (
        *(source.kind for source in FROM_METRIC.values()),
        *(AGENT_SEEN, HOST_TIME, COVERAGE, LAST_GOOD, _LAST_RUN, _NEWEST, _SIZE, _STATE),
        *(_LOCKS, _RESTORE, _OUTAGE, _SERVICE, _TEST_RESULT, _INVENTORY),
    )
}


def part_of(owner: Owner, *names: str) -> str:
    """Subject of a part of a host: ``facility/site/host`` and what tells the part."""
    return "/".join((owner.place, ":".join(names)))[:256] if names else owner.place


def slots_of(
    owner: Owner, series: Sequence[tuple[str, tuple[tuple[str, str], ...]]]
) -> tuple[Slot, ...]:
    """Return which of ``series`` are facts, and about what."""
    slots: list[Slot] = []
    for index, (name, pairs) in enumerate(series):
        source = FROM_METRIC.get(name)
        if source is None:
            continue
        labels = dict(pairs)
        subject = (
            labels["series"]
            if source.series
            else part_of(owner, *(labels[label] for label in source.labels))
        )
        slots.append(Slot(index, (source.kind.name, subject), source.kind))
    return tuple(slots)


def is_complete(run: Any) -> bool:  # noqa: ANN401 - BackupRun, or what looks like one in tests
    """Whether a backup run may count as a good backup.

    Only the tool's own "complete" does, and not when it is known to have saved no file.
    """
    return run.outcome == "complete" and not (run.counts_known and run.files == 0)


def _backup_run(arrival: "Arrival") -> Iterator[Claim]:
    run = arrival.observation.backup_run
    if not run.ended_unix_ms:
        return  # started; the run says nothing until it ends
    ended = min(run.ended_unix_ms + arrival.offset_ms, arrival.received_ms)
    yield Claim(_LAST_RUN, run.series, float(run.exit_code), run.outcome, ended, EVENT_VALID_MS)
    if is_complete(run):
        yield Claim(LAST_GOOD, run.series, ended / 1000, run.snapshot_id, ended, EVENT_VALID_MS)


def _repository(arrival: "Arrival") -> Iterator[Claim]:
    state = arrival.observation.repository
    yield Claim(_STATE, state.series, float(state.state == "ok"), state.state)
    if state.state != "ok":
        return
    yield Claim(_LOCKS, state.series, float(state.stale_locks))
    if state.newest_unix_ms:
        yield Claim(_NEWEST, state.series, state.newest_unix_ms / 1000, state.newest_id)
    if state.summary_known:
        yield Claim(_SIZE, state.series, float(state.bytes))


def _drill(arrival: "Arrival") -> Iterator[Claim]:
    drill = arrival.observation.drill
    ended = min(drill.ended_unix_ms + arrival.offset_ms, arrival.received_ms)
    text = f"{drill.kind} {drill.failure}".strip()
    yield Claim(_RESTORE, drill.series, float(drill.passed), text, ended, EVENT_VALID_MS)


def _service(arrival: "Arrival") -> Iterator[Claim]:
    service = arrival.observation.service
    subject = part_of(arrival.subject, service.system, service.method)
    yield Claim(_SERVICE, subject, float(service.up), service.reason)


def _outage(arrival: "Arrival") -> Iterator[Claim]:
    note = arrival.observation.outage
    yield Claim(_OUTAGE, part_of(arrival.subject), note.seconds, note.kind, valid_ms=EVENT_VALID_MS)


def _throughput(arrival: "Arrival") -> Iterator[Claim]:
    test = arrival.observation.throughput
    subject = part_of(arrival.subject, test.target, test.direction, test.proves)
    yield Claim(_TEST_RESULT, subject, test.rate_bytes_per_second, test.verdict)


def _inventory(arrival: "Arrival") -> Iterator[Claim]:
    seen = arrival.observation.inventory
    yield Claim(_INVENTORY, part_of(arrival.subject, seen.kind), float(seen.count))


FROM_DETAIL: Mapping[str, "Callable[[Arrival], Iterator[Claim]]"] = {
    "backup_run": _backup_run,
    "repository": _repository,
    "drill": _drill,
    "service": _service,
    "outage": _outage,
    "throughput": _throughput,
    "inventory": _inventory,
}
