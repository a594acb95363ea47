"""What an alert and a recording rule are made of, and how bad a level is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from tramgac_dashboards.model import Text

Level = Literal["critical", "high", "medium", "low", "none"]
Teller = Literal["prometheus", "collector"]

# The collector has four levels and Prometheus by custom three: only what wakes people in a storm
# is critical, and nobody is told of `none`.
SEVERITY: Final[Mapping[Level, str]] = {
    "critical": "critical",
    "high": "warning",
    "medium": "warning",
    "low": "info",
    "none": "none",
}


@dataclass(frozen=True, slots=True)
class Held:
    """How long something lasts before it counts, and why."""

    time: str
    why: str


# Both stay on the page when the store is away: what is past counts no more.
_STORM: Final = "tramgac_storm_until_timestamp_seconds"
_WORK: Final = "tramgac_maintenance_until_timestamp_seconds"

AT_ONCE: Final = Held("", "what it reads is held already")
NO_KEEPING: Final = Held("", "its end is as sure as its beginning")
# What goes by expiry comes back by the next report: no recovery in between.
ONE_REPORT: Final = Held("2m", "one report that comes late is no recovery")


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule.

    Attributes:
        name: In CamelCase; of its runbook as well.
        expr: PromQL without storm and planned work, which `expression` adds.
        summary: One sentence that is the same for all that fires.
        text: May use `{{ $labels.x }}` and `{{ $value }}`.
        hold: How long it must hold.
        keep: How long it stays after it has gone.
        board: The dashboard that shows it.
        storm: Whether it rests in a facility's storm; what is critical never does.
        planned: Its labels of place, the widest first: planned work there quietens it.
        scope: Which of several rules of one name and level it is; a label where it is set.
    """

    name: str
    level: Level
    expr: str
    summary: Text
    text: Text
    hold: Held = AT_ONCE
    keep: Held = NO_KEEPING
    board: str = "collector"
    told_by: Teller = "prometheus"
    storm: bool = False
    planned: tuple[str, ...] = ()
    scope: str = ""

    @property
    def severity(self) -> str:
        """As Prometheus and Alertmanager know it."""
        return SEVERITY[self.level]

    @property
    def expression(self) -> str:
        """With storm mode and planned work: both quieten what they explain, never a measurement."""
        parts: list[str] = []
        if self.storm and self.level != "critical":
            parts.append(f"unless on (facility) {_STORM} > time()")
        parts += [_unless_planned(self.planned[: n + 1]) for n in range(len(self.planned))]
        return "\n".join([f"({self.expr})", *parts]) if parts else self.expr


def _unless_planned(labels: tuple[str, ...]) -> str:
    """Work that was planned for just this facility, site or host."""
    empty = [f'{name}=""' for name in ("site", "host") if name not in labels]
    matchers = f"{{{','.join(empty)}}}" if empty else ""
    return f"unless on ({', '.join(labels)}) {_WORK}{matchers} > time()"


@dataclass(frozen=True, slots=True)
class Record:
    """One recording rule; `why` says what it is for and what it leaves out."""

    name: str
    expr: str
    why: str
