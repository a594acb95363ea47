"""What one metric of the catalogue is."""

from dataclasses import dataclass
from typing import Literal

MetricType = Literal["gauge", "counter"]
Owner = Literal["agent", "collector"]

OWNER_LABELS = ("facility", "site", "host")


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family.

    Attributes:
        name: Prometheus name, base units, ``tramgac_`` prefix.
        type: ``counter`` names end in ``_total`` (promtool's rule).
        unit: ``seconds``, ``bytes``, ``ratio``, ``timestamp_seconds``, ``bool``,
            ``bytes_per_second``, ``count`` or ``info``.
        help: One English sentence without the trailing full stop.
        labels: The only label names a series of this family may carry.
        owner: ``agent`` families arrive over the wire; ``collector`` families are
            derived at the centre and refused when an agent sends them.
    """

    name: str
    type: MetricType
    unit: str
    help: str
    labels: tuple[str, ...] = ()
    owner: Owner = "agent"


def gauge(name: str, unit: str, text: str, *labels: str, owner: Owner = "agent") -> Metric:
    """A value that may fall."""
    return Metric(f"tramgac_{name}", "gauge", unit, text, labels, owner)


def counter(name: str, unit: str, text: str, *labels: str) -> Metric:
    """A count since some start; its name ends in ``_total``."""
    return Metric(f"tramgac_{name}", "counter", unit, text, labels)
