"""What the collector tells of itself, by prometheus-client in a registry of its own."""

from math import nan

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from tramgac_proto import __version__

# `_created` series tell nothing Prometheus does not know from the value itself.
disable_created_metrics()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()

_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"tramgac_collector_{name}", text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(f"tramgac_collector_{name}", text, labels, registry=REGISTRY)


def _histogram(name: str, text: str) -> Histogram:
    return Histogram(f"tramgac_collector_{name}", text, registry=REGISTRY, buckets=_LATENCY)


ProcessCollector(registry=REGISTRY)

BUILD_INFO = _gauge("build_info", "Always 1; carries the collector's version", "version")
BUILD_INFO.labels(__version__).set(1)

REPORTS = _counter("reports_total", "Report calls that were acknowledged")
RECORDS = _counter("records_total", "Records stored for the first time")
SAMPLES = _counter("samples_total", "Values in the records stored")
BYTES = _counter("received_bytes_total", "Bytes of report calls as they came over the wire")
DUPLICATES = _counter("duplicates_total", "Records that had been stored before")
REFUSED = _counter("refused_total", "Calls refused, by reason", "code")
QUARANTINED = _counter("quarantined_total", "Records put into quarantine, by reason", "code")
LIVE_REFUSED = _counter(
    "live_refused_total", "Observations stored but not shown, by reason", "code"
)
HANDSHAKE_FAILURES = _counter("handshake_failures_total", "Connections that failed in TLS")
LEASES = _counter("leases_total", "Throughput leases by decision", "code")
RELOADS = _counter("reloads_total", "Reloads of agents, deny list and inventory", "result")
# A count that is born at 1 has not risen: the first reload that fails must.
for _result in ("ok", "failed"):
    RELOADS.labels(_result)

QUEUE_BATCHES = _gauge("queue_batches", "Batches waiting for the writer")
INFLIGHT_BYTES = _gauge("inflight_bytes", "Bytes of calls being handled")
SERIES = _gauge("series", "Series the collector holds definitions of")
AGENTS = _gauge("agents", "Registered agents by state", "state")
STORE_BYTES = _gauge("store_bytes", "Size of the store")
STORE_FREE_BYTES = _gauge("store_free_bytes", "Free space where the store lies; SQLite only")
# Until it is known; 0 would be an alarm.
STORE_FREE_BYTES.set(nan)
STORE_FLOOR_BYTES = _gauge("store_floor_bytes", "Free space below which somebody must act")

ACK_SECONDS = _histogram("ack_seconds", "Time from a call's arrival to its acknowledgement")
COMMIT_SECONDS = _histogram("commit_seconds", "Length of one commit of the writer")
