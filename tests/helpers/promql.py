"""What PromQL reads: the metrics and recorded names of an expression, and those that exist."""

from collections.abc import Iterator

import promql_parser

from tramgac_collector import metrics
from tramgac_dashboards.alerts.files import RECORDS
from tramgac_proto.catalogue import CATALOGUE

# Prometheus's own, and what it makes of a scrape.
OWN = frozenset(
    {"up", "ALERTS", "ALERTS_FOR_STATE", "scrape_duration_seconds", "scrape_samples_scraped"}
)
_PARTS = ("expr", "lhs", "rhs", "param")


def _nodes(node: object) -> Iterator[object]:
    yield node
    for name in _PARTS:
        inside = getattr(node, name, None)
        if inside is not None:
            yield from _nodes(inside)
    for one in getattr(node, "args", None) or ():
        yield from _nodes(one)
    selector = getattr(node, "vector_selector", None)
    if selector is not None:
        yield from _nodes(selector)


def names(expression: str) -> set[str]:
    """Every metric or recorded name that an expression reads.

    Raises:
        ValueError: It is no PromQL; Grafana's variables must have been replaced.
    """
    found = (getattr(node, "name", None) for node in _nodes(promql_parser.parse(expression)))
    return {name for name in found if isinstance(name, str)}


def existing() -> set[str]:
    """Every name that may be read: catalogue, the collector's own, recorded, Prometheus's."""
    own = {sample.name for family in metrics.REGISTRY.collect() for sample in family.samples} | {
        family.name for family in metrics.REGISTRY.collect()
    }
    histograms = {
        f"{family.name}_{end}"
        for family in metrics.REGISTRY.collect()
        for end in ("bucket", "sum", "count", "total")
    }
    recorded = {record.name for rules in RECORDS.values() for record in rules}
    return set(CATALOGUE) | own | histograms | recorded | OWN
