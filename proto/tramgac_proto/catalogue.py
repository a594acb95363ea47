"""The one table of metrics: name, type, unit, help, labels.

Agent, collector, documentation, dashboards and tests read this table and no other.
``facility``, ``site`` and ``host`` are added by the collector from certificate and
inventory; they never come over the wire, so they are not listed here.
"""

from tramgac_proto.centremetrics import CENTRE_METRICS
from tramgac_proto.devicemetrics import DEVICE_METRICS
from tramgac_proto.metric import OWNER_LABELS, Metric, MetricType, Owner
from tramgac_proto.metric import counter as _counter
from tramgac_proto.metric import gauge as _gauge
from tramgac_proto.pathmetrics import PATH_METRICS

__all__ = ["CATALOGUE", "OWNER_LABELS", "Metric", "MetricType", "Owner"]

_METRICS = (
    # Liveness, derived at the centre.
    _gauge("agent_up", "bool", "1 while the agent's reports arrive in time", owner="collector"),
    _gauge(
        "agent_last_seen_timestamp_seconds",
        "timestamp_seconds",
        "When the collector last accepted a call of this agent",
        owner="collector",
    ),
    _gauge(
        "agent_clock_offset_seconds",
        "seconds",
        "Collector clock minus agent clock",
        owner="collector",
    ),
    _gauge(
        "agent_certificate_expiry_timestamp_seconds",
        "timestamp_seconds",
        "End of validity of the agent's newest certificate",
        owner="collector",
    ),
    _gauge("agent_outbox_records", "count", "Records waiting on the agent", owner="collector"),
    _gauge("agent_outbox_bytes", "bytes", "Size of the agent's outbox", owner="collector"),
    _gauge(
        "agent_lost_records",
        "count",
        "Records known to be lost, by reason",
        "reason",
        owner="collector",
    ),
    _gauge(
        "facility_coverage_ratio",
        "ratio",
        "Share of the facility's declared hosts that report now",
        owner="collector",
    ),
    # Every check, added by the runner.
    _gauge("check_success", "bool", "1 if the check's last run did what it was asked", "check"),
    _gauge("check_duration_seconds", "seconds", "Length of the check's last run", "check"),
    _gauge("check_missed_runs", "count", "Runs skipped since the agent's start", "check"),
    # uptime
    _gauge("host_uptime_seconds", "seconds", "Time since boot, suspend counted, clock steps not"),
    _gauge("host_boot_timestamp_seconds", "timestamp_seconds", "Boot time by the host's clock"),
    _gauge("host_clock_step_seconds", "seconds", "Size of the last wall-clock step seen"),
    _counter(
        "host_clock_steps_total", "count", "Wall-clock steps over 2 s since the agent's start"
    ),
    _gauge("host_last_stop_clean", "bool", "1 if the last stop of the host was orderly"),
    _gauge(
        "host_last_downtime_seconds", "seconds", "Unobserved time before the agent's last start"
    ),
    # the agent itself
    _gauge("agent_resident_memory_bytes", "bytes", "Resident memory of the agent process"),
    _counter("agent_cpu_seconds_total", "seconds", "CPU time of the agent, children included"),
    _gauge("agent_start_timestamp_seconds", "timestamp_seconds", "Start of the agent process"),
    # disk
    _gauge("filesystem_size_bytes", "bytes", "Size of the file system", "mountpoint", "fstype"),
    _gauge(
        "filesystem_avail_bytes",
        "bytes",
        "Bytes an unprivileged user may still write",
        "mountpoint",
        "fstype",
    ),
    _gauge(
        "filesystem_used_ratio",
        "ratio",
        "used / (used + avail), as df prints it",
        "mountpoint",
        "fstype",
    ),
    _gauge(
        "filesystem_readonly",
        "bool",
        "1 if writes are refused, emergency_ro included",
        "mountpoint",
        "fstype",
    ),
    _gauge(
        "filesystem_files", "count", "Inodes in all; absent without a limit", "mountpoint", "fstype"
    ),
    _gauge("filesystem_files_free", "count", "Inodes free", "mountpoint", "fstype"),
    _gauge(
        "filesystem_errors",
        "count",
        "Errors the file system recorded since its last check",
        "mountpoint",
        "fstype",
    ),
    _gauge(
        "filesystem_hung",
        "bool",
        "1 while the file system does not answer within 5 s",
        "mountpoint",
        "fstype",
    ),
    # link
    _gauge("network_link_up", "bool", "1 if the carrier is there", "interface"),
    _gauge("network_link_known", "bool", "1 if the driver tells the negotiated speed", "interface"),
    _gauge(
        "network_link_speed_bytes",
        "bytes_per_second",
        "Negotiated speed in bytes per second; absent where unknown",
        "interface",
    ),
    _gauge(
        "network_link_full_duplex",
        "bool",
        "1 full, 0 half; absent where unknown",
        "interface",
    ),
    _counter("network_carrier_changes_total", "count", "Carrier losses and returns", "interface"),
    _counter("network_bytes_total", "bytes", "Bytes carried", "interface", "direction"),
    _counter("network_errors_total", "count", "Frames with errors", "interface", "direction"),
    _counter("network_drops_total", "count", "Frames dropped", "interface", "direction"),
    _counter("network_crc_errors_total", "count", "Frames with a bad checksum", "interface"),
    _counter("network_collisions_total", "count", "Collisions seen by the driver", "interface"),
    # latency
    _gauge("path_rtt_seconds", "seconds", "Mean round trip", "target", "method"),
    _gauge("path_rtt_min_seconds", "seconds", "Shortest round trip", "target", "method"),
    _gauge("path_rtt_max_seconds", "seconds", "Longest round trip", "target", "method"),
    _gauge(
        "path_jitter_seconds",
        "seconds",
        "Mean difference of successive round trips",
        "target",
        "method",
    ),
    _gauge("path_loss_ratio", "ratio", "Share of probes without an answer", "target", "method"),
    # throughput
    _gauge(
        "path_throughput_bytes_per_second",
        "bytes_per_second",
        "Rate measured at the receiver",
        "target",
        "direction",
        "proves",
    ),
    _gauge(
        "path_throughput_pace_bytes_per_second",
        "bytes_per_second",
        "Pace the test was held to",
        "target",
        "direction",
        "proves",
    ),
    _gauge(
        "path_throughput_test_bytes",
        "bytes",
        "Bytes the last test moved",
        "target",
        "direction",
        "proves",
    ),
    _gauge(
        "path_throughput_held",
        "bool",
        "1 if the path carried the pace within 2 %",
        "target",
        "direction",
        "proves",
    ),
    # service
    _gauge("service_up", "bool", "1 if the declared system answers", "system", "method"),
    _gauge("service_probe_seconds", "seconds", "Time to the answer", "system", "method"),
    _gauge("service_restarts", "count", "Restarts systemd counts for the unit", "system"),
    _gauge(
        "service_certificate_expiry_timestamp_seconds",
        "timestamp_seconds",
        "End of validity of the system's TLS certificate",
        "system",
    ),
    # backup
    _gauge(
        "backup_newest_snapshot_timestamp_seconds",
        "timestamp_seconds",
        "Start of the newest snapshot seen in the repository; says nothing of completeness",
        "series",
    ),
    _gauge(
        "backup_newest_snapshot_end_timestamp_seconds",
        "timestamp_seconds",
        "End of the newest snapshot, where the repository records it",
        "series",
    ),
    _gauge("backup_snapshots", "count", "Snapshots of the series in the repository", "series"),
    _gauge("backup_snapshot_files", "count", "Files in the newest snapshot", "series"),
    _gauge("backup_snapshot_bytes", "bytes", "Size of the newest snapshot", "series"),
    _gauge("backup_repository_bytes", "bytes", "Stored size of the repository", "series"),
    _gauge("backup_locks", "count", "Locks in the repository", "series"),
    _gauge("backup_stale_locks", "count", "Locks whose owner is gone", "series"),
    _gauge("backup_repository_readable", "bool", "1 if the repository could be read", "series"),
    _gauge(
        "backup_last_run_exit_code",
        "count",
        "Exit code of the last backup run",
        "series",
    ),
    _gauge("backup_last_run_duration_seconds", "seconds", "Length of the last run", "series"),
    _gauge(
        "backup_last_good_timestamp_seconds",
        "timestamp_seconds",
        "End of the newest complete run; absent until there is one",
        "series",
        owner="collector",
    ),
    _gauge(
        "backup_state",
        "bool",
        "1 for the state the series' evidence gives now",
        "series",
        "state",
        owner="collector",
    ),
    _gauge(
        "backup_finding",
        "bool",
        "1 for everything found wrong with the series now, by reason",
        "series",
        "reason",
        owner="collector",
    ),
    _gauge(
        "backup_next_due_timestamp_seconds",
        "timestamp_seconds",
        "When the next complete run must have ended, grace included",
        "series",
        owner="collector",
    ),
    _gauge(
        "backup_last_check_timestamp_seconds",
        "timestamp_seconds",
        "End of the newest integrity check that found nothing, by scope",
        "series",
        "scope",
        owner="collector",
    ),
    _gauge(
        "backup_data_read_ratio",
        "ratio",
        "Share of the repository's data that was read and found whole",
        "series",
        owner="collector",
    ),
    _gauge(
        "backup_last_drill_timestamp_seconds",
        "timestamp_seconds",
        "End of the newest restore drill that passed, by kind",
        "series",
        "kind",
        owner="collector",
    ),
    _gauge(
        "backup_restore_bytes_per_second",
        "bytes_per_second",
        "Rate of the newest restore drill that was long enough to tell",
        "series",
        owner="collector",
    ),
    _gauge(
        "backup_predicted_restore_seconds",
        "seconds",
        "Time a full restore would take at that rate",
        "series",
        owner="collector",
    ),
    _gauge(
        "backup_immutable",
        "bool",
        "1 if deleting was refused to the host's own credential; absent where not proven",
        "series",
        owner="collector",
    ),
    _gauge(
        "backup_copies",
        "count",
        "Fresh copies in failure domains that share nothing",
        "dataset",
        owner="collector",
    ),
    _gauge(
        "backup_copies_required",
        "count",
        "Copies the inventory asks for",
        "dataset",
        owner="collector",
    ),
    # Judged at the centre; of the whole facility.
    _gauge(
        "rule_status",
        "count",
        "0 pass_observed, 1 fail, 2 partial, 3 unknown, 4 stale, 5 not_applicable,"
        " 6 not_evaluated, 7 out_of_reach",
        "rule",
        owner="collector",
    ),
    _gauge(
        "deadline_timestamp_seconds",
        "timestamp_seconds",
        "End of the last day of something that must be done and is not shown to be",
        "rule",
        owner="collector",
    ),
    _gauge(
        "incident_open",
        "count",
        "Open incidents that are part of no other; a provider's and the centre's have no facility",
        "code",
        "severity",
        owner="collector",
    ),
    _gauge(
        "judge_last_turn_timestamp_seconds",
        "timestamp_seconds",
        "When a part of the judge last ended a step well; `facts`: when ingest wrote any",
        "part",
        owner="collector",
    ),
    _gauge(
        "judge_turn_seconds",
        "seconds",
        "Length of the last step of a part of the judge",
        "part",
        owner="collector",
    ),
    _gauge(
        "judge_failures",
        "count",
        "Steps of a part of the judge that ended in a fault, since it began",
        "part",
        owner="collector",
    ),
    *CENTRE_METRICS,
    *DEVICE_METRICS,
    *PATH_METRICS,
    # tick: proves that nothing is lost or doubled on the way
    _gauge("tick_last", "count", "Newest number the tick check handed over"),
)

CATALOGUE: dict[str, Metric] = {metric.name: metric for metric in _METRICS}
