"""The one table from catalogue names and typed messages to facts.

Names follow the regulations' vocabulary (``bk.``, ``net.``, ``host.``, ``svc.``, ``inv``,
``mon.``); operational facts join it here and nowhere else. ``docs/facts.md`` explains each.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING

from tramgac_collector.facts.backups import BACKUP_KINDS, FROM_BACKUP
from tramgac_collector.facts.devices import FROM_DEVICE, PORT_FINDINGS
from tramgac_collector.facts.kinds import EVENT_VALID_MS, Claim, FactKind, FromMetric, Slot
from tramgac_collector.model import Owner

if TYPE_CHECKING:
    from tramgac_collector.ingest.arrival import Arrival


_PATH = ("target", "method")
_TEST = ("target", "direction", "proves")
_WAY = ("target", "direction")
_PLACE = ("target",)
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
        "path_loss_direction_ratio": FromMetric(FactKind("net.path.lost", "ratio", 0.05), _WAY),
        "path_queue_seconds": FromMetric(FactKind("net.path.queue", "seconds", 0.005), _WAY),
        "path_reachable": FromMetric(FactKind("net.path.reach", "bool"), _PLACE),
        "path_stage": FromMetric(FactKind("net.path.stage", "code"), _PLACE),
        "path_connect_seconds": FromMetric(FactKind("net.path.connect", "seconds", 0.01), _PLACE),
        "path_certificate_expiry_timestamp_seconds": FromMetric(
            FactKind("net.path.tls", "timestamp_seconds", 1.0), _PLACE
        ),
        "path_throughput_bytes_per_second": FromMetric(
            FactKind("net.path", "bytes_per_second", 125_000.0), _TEST
        ),
        "path_throughput_held": FromMetric(FactKind("net.path.held", "bool"), _TEST),
        "service_up": FromMetric(FactKind("svc.up", "bool"), ("system", "method")),
        "service_certificate_expiry_timestamp_seconds": FromMetric(
            FactKind("svc.tls", "timestamp_seconds", 1.0), ("system",)
        ),
        "backup_repository_readable": FromMetric(FactKind("bk.readable", "bool"), series=True),
        **FROM_DEVICE,
    }.items()
}

# Who judges silence reads the store: half a heartbeat old is young enough.
AGENT_SEEN = FactKind("agent.seen", "timestamp_seconds", inf, refresh_ms=20_000)
HOST_TIME = FactKind("host.time", "seconds", 1.0)
# It also shows that ingest is at work.
COVERAGE = FactKind("mon.cover", "ratio", 0.01, refresh_ms=30_000)
_OUTAGE = FactKind("host.outage", "seconds")
_SERVICE = FactKind("svc.state", "bool")
_TEST_RESULT = FactKind("net.path.test", "bytes_per_second")
_INVENTORY = FactKind("inv", "count")

KINDS: Mapping[str, FactKind] = {
    kind.name: kind
    for kind in (
        *(source.kind for source in FROM_METRIC.values()),
        *(AGENT_SEEN, HOST_TIME, COVERAGE, _OUTAGE, _SERVICE, _TEST_RESULT, _INVENTORY),
        *PORT_FINDINGS.values(),
        *BACKUP_KINDS,
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
        kind = source.kind_of(labels)
        if kind is None:
            continue
        subject = (
            labels["series"]
            if source.series
            else part_of(owner, *(labels[label] for label in source.labels))
        )
        slots.append(Slot(index, (kind.name, subject), kind))
    return tuple(slots)


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


def _planned(_arrival: "Arrival") -> Iterator[Claim]:
    """Nothing: work that is planned says how to read facts, and has a table of its own."""
    return iter(())


FROM_DETAIL: Mapping[str, "Callable[[Arrival], Iterator[Claim]]"] = {
    **FROM_BACKUP,
    "service": _service,
    "outage": _outage,
    "throughput": _throughput,
    "inventory": _inventory,
    "maintenance": _planned,
}
