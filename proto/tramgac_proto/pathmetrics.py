"""Metrics of paths: which direction is bad, and whether what matters can be reached at all."""

from tramgac_proto.metric import Metric, gauge

# Where the last try ended; the value of ``tramgac_path_stage`` is the place in this list.
PATH_STAGES = ("ok", "resolve", "connect", "refused", "timeout", "tls")

# As the side that asks sees it: on the way there, and on the way back.
DIRECTIONS = ("send", "receive")

PATH_METRICS: tuple[Metric, ...] = (
    gauge(
        "path_loss_direction_ratio",
        "ratio",
        "Share of probes lost on the way there (send) or back (receive)",
        "target",
        "direction",
    ),
    gauge(
        "path_queue_seconds",
        "seconds",
        "Mean delay above the run's shortest, there (send) or back (receive)",
        "target",
        "direction",
    ),
    gauge("path_reflector_dwell_seconds", "seconds", "Mean time in the reflector", "target"),
    gauge("path_reachable", "bool", "1 if the place can be reached", "target"),
    gauge(
        "path_stage",
        "count",
        "Where the try ended: 0 ok, 1 resolve, 2 connect, 3 refused, 4 timeout, 5 tls",
        "target",
    ),
    gauge("path_resolve_seconds", "seconds", "Time of the name lookup", "target"),
    gauge("path_connect_seconds", "seconds", "Time of the TCP handshake", "target"),
    gauge("path_tls_seconds", "seconds", "Time of the TLS handshake", "target"),
    gauge(
        "path_certificate_expiry_timestamp_seconds",
        "timestamp_seconds",
        "End of validity of the certificate shown there",
        "target",
    ),
)
