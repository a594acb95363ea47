"""What things are called, and what people declared or entered: told by the collector.

Free text (``name_*``, ``title_*``, ``cite``) stands only in families whose name ends in
``_info``, so that a renamed hospital never tears a measured series in two.
"""

from tramgac_proto.metric import gauge

_NAMES = ("name_vi", "name_en")
_INFO = "info"
_UNTIL = "timestamp_seconds"


CENTRE_METRICS = (
    gauge(
        "facility_info",
        _INFO,
        "Always 1; carries the facility's insurance code and names",
        "code",
        *_NAMES,
        owner="collector",
    ),
    gauge("site_info", _INFO, "Always 1; carries the names of a site", *_NAMES, owner="collector"),
    gauge(
        "host_info",
        _INFO,
        "Always 1; a declared host or device, with its role and names",
        "role",
        *_NAMES,
        owner="collector",
    ),
    gauge(
        "system_info",
        _INFO,
        "Always 1; a declared system, what it is, who runs it outside the house, and its names",
        "system",
        "kind",
        "provider",
        *_NAMES,
        owner="collector",
    ),
    gauge(
        "agent_info",
        _INFO,
        "Always 1; carries the version an agent told last",
        "version",
        owner="collector",
    ),
    gauge(
        "rule_info",
        _INFO,
        "Always 1; what a rule in force asks, where it stands, and how far its text is sure",
        "rule",
        "pack",
        "force",
        "text_status",
        "cite",
        "title_vi",
        "title_en",
        owner="collector",
    ),
    gauge(
        "gap_accepted_until_timestamp_seconds",
        _UNTIL,
        "When the owner's acceptance of a gap ends; absent where none holds",
        "rule",
        owner="collector",
    ),
    gauge(
        "storm_until_timestamp_seconds",
        _UNTIL,
        "When storm mode ends at the latest; absent where none holds",
        owner="collector",
    ),
    gauge(
        "maintenance_until_timestamp_seconds",
        _UNTIL,
        "When planned work ends; of a host, or without `host` or `site` of all that is below",
        owner="collector",
    ),
    gauge(
        "backup_rpo_seconds",
        "seconds",
        "How old the newest good copy may be, as declared",
        "series",
        owner="collector",
    ),
    gauge(
        "backup_rto_seconds",
        "seconds",
        "How long a full restore may take, as declared",
        "series",
        owner="collector",
    ),
    gauge(
        "incident_oldest_timestamp_seconds",
        _UNTIL,
        "Opening of the oldest incident counted in tramgac_incident_open",
        "code",
        "severity",
        owner="collector",
    ),
)
