"""Panels and looks that several boards share."""

from typing import Final

from tramgac_dashboards.alerts.thresholds import COLLECTOR
from tramgac_dashboards.model import Look, Query, Stat, Step, Text
from tramgac_dashboards.palette import BAD, GOOD, WARN, WORST, rising

DAY: Final = 86400
NONE_FOUND: Final = Text(vi="không thấy", en="none found")
# Where the collector opens an incident of a disk.
DISK_USED: Final = rising(
    float(COLLECTOR["disk_used_ratio"]), float(COLLECTOR["disk_used_high_ratio"])
)
# Days left until something must be done; below 0 it is overdue.
DAYS_LEFT: Final = (Step(None, WORST), Step(0, BAD), Step(7, WARN), Step(30, GOOD))


def figure(title: Text, what: Text, expr: str, look: Look, runbook: str = "") -> Stat:
    """One of the eight figures at the top of a board."""
    return Stat(title, what, (Query(expr),), look, width=3, height=4, runbook=runbook)
