"""Recording rules: what several boards and alerts read, worked out once.

A value that is not known is absent, never 0.
"""

from typing import Final

from tramgac_dashboards.alerts.centre import TRUSTED
from tramgac_dashboards.alerts.model import Record
from tramgac_dashboards.alerts.thresholds import CENTRE, COLLECTOR, seconds

_UP: Final = "tramgac_agent_up"
_SEEN: Final = "tramgac_agent_last_seen_timestamp_seconds"
_SERIES: Final = "facility, site, host, series"
_OPEN: Final = "tramgac_incident_open"
_SILENT: Final = f"{_UP} and on (facility, site, host) {_SEEN}"
_FULL: Final = seconds(COLLECTOR["disk_full_soon"])
_ENOUGH: Final = CENTRE["coverage_ratio"]
_TURN: Final = "tramgac_judge_last_turn_timestamp_seconds"


def _p99(what: str) -> str:
    buckets = f"tramgac_collector_{what}_seconds_bucket"
    return f"histogram_quantile(0.99, sum by (le) (rate({buckets}[5m])))"


def _level(severity: str, number: int) -> str:
    return f'0 * {_OPEN}{{severity="{severity}",facility!=""}} + {number}'


_WORST: Final = "\n  or ".join(
    (
        _level("critical", 4), _level("high", 3), _level("medium", 2), _level("low", 1),
        "0 * (facility:tramgac_systems_down:count > 0) + 4",
        f"0 * (tramgac_facility_coverage_ratio >= {_ENOUGH}) and on () ({TRUSTED})",
        f"0 * (0 < tramgac_facility_coverage_ratio < {_ENOUGH}) + 0.5 and on () ({TRUSTED})",
    )
)  # fmt: skip

COLLECTOR_ITSELF: Final = (
    Record(
        "collector:tramgac_judge_age:seconds", f'time() - min({_TURN}{{part!="facts"}})',
        "Since the slowest part of the judge last ended a step well",
    ),
    Record("collector:tramgac_ack_seconds:p99", _p99("ack"), "Acknowledgement, 99th percentile"),
    Record("collector:tramgac_commit_seconds:p99", _p99("commit"), "Commit, 99th percentile"),
    Record(
        "collector:tramgac_reports:rate5m", "sum(rate(tramgac_collector_reports_total[5m]))",
        "Report calls a second",
    ),
    Record(
        "collector:tramgac_samples:rate5m", "sum(rate(tramgac_collector_samples_total[5m]))",
        "Values a second",
    ),
    Record(
        "version:tramgac_agents:count", "count by (version) (tramgac_agent_info)",
        "Agents by version",
    ),
)  # fmt: skip

PLACES: Final = (
    Record("facility:tramgac_hosts_declared:count", f"count by (facility) ({_UP})", "Declared"),
    Record("facility:tramgac_hosts_up:count", f"sum by (facility) ({_UP})", "Of them, reporting"),
    Record("province:tramgac_coverage:ratio", f"avg({_UP})", "Share of all that report"),
    Record(
        "site:tramgac_last_call:timestamp", f"max by (facility, site) ({_SEEN})", "Of any host"
    ),
    Record(
        "site:tramgac_hosts_silent:ratio", f"1 - avg by (facility, site) ({_SILENT})",
        "Of hosts that ever called: one that never did is no witness",
    ),
    Record(
        "site:tramgac_hosts_silent:count",
        f"count by (facility, site) (({_UP} == 0) and on (facility, site, host) {_SEEN})"
        f"\nor 0 * count by (facility, site) ({_SILENT})",
        "How many of them",
    ),
    Record(
        "host:tramgac_filesystem_used_ratio:max",
        "max by (facility, site, host) (tramgac_filesystem_used_ratio)", "Fullest file system",
    ),
    # Each host counts by its worst method: a page that hangs is down though its unit runs.
    Record(
        "system:tramgac_service_up:max",
        "max by (facility, system) (min by (facility, site, host, system) (tramgac_service_up))",
        "0 where nobody reaches the system",
    ),
    Record(
        "system:tramgac_service_up:min", "min by (facility, system) (tramgac_service_up)",
        "0 where somebody does not",
    ),
    Record(
        "facility:tramgac_systems_down:count",
        "count by (facility)"
        f" (max_over_time(system:tramgac_service_up:max[{COLLECTOR['held']}]) == 0)"
        "\nor 0 * (count by (facility) (system:tramgac_service_up:max)"
        " >= on (facility) count by (facility) (tramgac_system_info))",
        "Systems nobody reached for as long as an incident is held; 0 only where all are known",
    ),
)  # fmt: skip

VERDICTS: Final = (
    Record(
        "facility:tramgac_open_severity:max", f"max by (facility) (\n  {_WORST}\n)",
        "4 critical to 1 low; nothing open: 0, and 0.5 where too few report. What a provider took"
        " is part of a larger incident: systems that are down count by themselves",
    ),
    Record(
        "province:tramgac_facilities:count",
        'count_values("level", facility:tramgac_open_severity:max)', "Facilities by level",
    ),
    Record(
        "province:tramgac_facilities_unknown:count",
        "count(tramgac_facility_info unless on (facility) facility:tramgac_open_severity:max)"
        "\nor 0 * count(tramgac_facility_info)",
        "Facilities of which nothing is known",
    ),
    Record("province:tramgac_incidents:count", f"sum by (severity) ({_OPEN})", "Open incidents"),
    Record(
        "series:tramgac_backup_age:seconds",
        f"time() - max by ({_SERIES}) (tramgac_backup_last_good_timestamp_seconds)",
        "Age of the newest good backup",
    ),
    Record(
        "series:tramgac_backup_age_rpo:ratio",
        f"series:tramgac_backup_age:seconds / on ({_SERIES})"
        f" max by ({_SERIES}) (tramgac_backup_rpo_seconds)",
        "Over 1: older than allowed",
    ),
    Record(
        "series:tramgac_backup_restore_rto:ratio",
        f"max by ({_SERIES}) (tramgac_backup_predicted_restore_seconds) / on ({_SERIES})"
        f" max by ({_SERIES}) (tramgac_backup_rto_seconds)",
        "Over 1: a restore takes longer than allowed",
    ),
    Record(
        "facility:tramgac_backup_series:count",
        "sum by (facility, state) (tramgac_backup_state)", "Backup series by state",
    ),
    Record(
        "facility:tramgac_rules:count",
        'count_values by (facility) ("status", tramgac_rule_status)', "Rules by their status",
    ),
    Record(
        "facility:tramgac_rule_gaps:count",
        "count by (facility) ((tramgac_rule_status == 1 or tramgac_rule_status == 2)"
        " unless on (facility, rule) tramgac_gap_accepted_until_timestamp_seconds > time())"
        "\nor 0 * count by (facility) (tramgac_rule_status)",
        "Gaps that nobody has accepted",
    ),
    Record(
        "rule:tramgac_deadline:days",
        "(max by (facility, rule) (tramgac_deadline_timestamp_seconds) - time()) / 86400",
        "Below 0 when it has passed",
    ),
)  # fmt: skip

MEMORY: Final = (
    Record(
        "filesystem:tramgac_avail_soon:bytes",
        f"predict_linear(tramgac_filesystem_avail_bytes[1d:15m], {_FULL})"
        " and tramgac_filesystem_avail_bytes offset 1d",
        "Room left in three days by the last day's line, not before a day was seen",
    ),
    # It reads itself: what was once seen is known while the host reports, and for a day more.
    Record(
        "filesystem:tramgac_seen_writable:bool",
        "(tramgac_filesystem_readonly == 0) + 1\n"
        "or (last_over_time(filesystem:tramgac_seen_writable:bool[1d])"
        " and tramgac_filesystem_readonly)",
        "What was never writable is meant to be read-only",
    ),
)
