"""Every table, once. Times are integer milliseconds since the epoch, UTC."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    Table,
    Text,
)

from tramgac_collector.store.base import BigId, metadata
from tramgac_collector.store.health_schema import judge_health
from tramgac_collector.store.judge_schema import (
    acceptances,
    acks,
    excuses,
    incident_events,
    incidents,
    maintenances,
    notifications,
    packs_in_force,
    papers,
    rule_history,
    rule_results,
    storms,
    tailorings,
)
from tramgac_collector.store.lan_schema import lease_refusals, leases
from tramgac_collector.store.report_schema import at_work, reports
from tramgac_collector.store.web_schema import accounts, login_tries, web_sessions

__all__ = [
    "acceptances",
    "accounts",
    "acks",
    "agents",
    "at_work",
    "audit",
    "certificates",
    "drills",
    "epochs",
    "excuses",
    "fact_history",
    "facts",
    "gaps",
    "incident_events",
    "incidents",
    "inventories",
    "judge_health",
    "latest",
    "lease_refusals",
    "leases",
    "login_tries",
    "maintenances",
    "metadata",
    "notifications",
    "packs_in_force",
    "papers",
    "pending",
    "quarantine",
    "records",
    "reports",
    "rollups",
    "rule_history",
    "rule_results",
    "series",
    "settings",
    "storms",
    "tailorings",
    "tokens",
    "web_sessions",
]

# Small facts about the store itself, e.g. `generation`: raised by every administrative
# change, so that the running collector reloads agents and deny list within a second.
settings = Table(
    "settings",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

agents = Table(
    "agents",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("facility", String(64), nullable=False),
    Column("site", String(64), nullable=False),
    Column("host", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    # active | denied | cloned
    Column("state", String(16), nullable=False),
    Column("reason", String(64), nullable=False, server_default=""),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("version", String(32), nullable=False, server_default=""),
    Column("enrolled_ms", BigInteger, nullable=False),
    Column("last_seen_ms", BigInteger, nullable=False, server_default="0"),
    Index("agents_place", "facility", "site", "host"),
)

certificates = Table(
    "certificates",
    metadata,
    Column("serial", String(64), primary_key=True),
    Column("agent_id", String(36), ForeignKey("agents.id"), nullable=False, index=True),
    Column("public_key_sha256", String(64), nullable=False),
    Column("not_before_ms", BigInteger, nullable=False),
    Column("not_after_ms", BigInteger, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("secret_sha256", String(64), nullable=False, unique=True),
    Column("facility", String(64), nullable=False),
    Column("site", String(64), nullable=False),
    # Empty: any host of the site.
    Column("host", String(64), nullable=False, server_default=""),
    Column("role", String(16), nullable=False),
    Column("max_uses", Integer, nullable=False),
    Column("used", Integer, nullable=False, server_default="0"),
    Column("created_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
)

pending = Table(
    "pending",
    metadata,
    Column("public_key_sha256", String(64), primary_key=True),
    Column("csr_der", LargeBinary, nullable=False),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("host", String(64), nullable=False),
    Column("peer", String(128), nullable=False),
    Column("first_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
    # Set by `agents approve`; the next request of the same key is signed.
    Column("facility", String(64), nullable=False, server_default=""),
    Column("site", String(64), nullable=False, server_default=""),
    Column("role", String(16), nullable=False, server_default=""),
    # Not empty: the agent that asks to come back through the quarantine door.
    Column("agent_id", String(36), nullable=False, server_default=""),
)

# The ack ledger of one outbox life. It outlives the records it settled.
epochs = Table(
    "epochs",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("agent_id", String(36), ForeignKey("agents.id"), nullable=False),
    Column("epoch", String(32), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("contiguous", BigInteger, nullable=False, server_default="0"),
    # Packed big-endian uint64 pairs (first, last) above `contiguous`.
    Column("ranges", LargeBinary, nullable=False),
    Index("epochs_key", "agent_id", "epoch", unique=True),
)

series = Table(
    "series",
    metadata,
    Column("epoch_id", BigInteger, ForeignKey("epochs.id"), primary_key=True),
    Column("series_id", BigInteger, primary_key=True),
    # Serialized tramgac_proto.v1.Series.
    Column("definition", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# keep: 0 point, 1 event, 2 evidence (backup runs, repository states, drills).
records = Table(
    "records",
    metadata,
    Column("epoch_id", BigInteger, ForeignKey("epochs.id"), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("event_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("keep", SmallInteger, nullable=False),
    # Serialized tramgac_proto.v1.Record.
    Column("payload", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

gaps = Table(
    "gaps",
    metadata,
    Column("epoch_id", BigInteger, ForeignKey("epochs.id"), primary_key=True),
    Column("first", BigInteger, primary_key=True),
    Column("last", BigInteger, nullable=False),
    # thinned | disk_full | corrupt | quarantined | lost_at_centre
    Column("reason", String(32), nullable=False),
    Column("received_ms", BigInteger, nullable=False),
)

# Newest record of each slow stream, so that a restart does not wait an hour for it.
latest = Table(
    "latest",
    metadata,
    Column("agent_id", String(36), ForeignKey("agents.id"), primary_key=True),
    Column("stream", String(256), primary_key=True),
    Column("epoch_id", BigInteger, nullable=False),
    Column("event_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

# One compressed row per agent and UTC day: hourly min, mean, max of every series.
rollups = Table(
    "rollups",
    metadata,
    Column("agent_id", String(36), ForeignKey("agents.id"), primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("payload", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

facts = Table(
    "facts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("subject", String(256), primary_key=True),
    Column("value", Float),
    Column("text", String(200), nullable=False, server_default=""),
    Column("unit", String(24), nullable=False),
    Column("collected_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("origin", String(80), nullable=False),
    # measured | inferred | attested | document | late | unreliable_clock
    Column("quality", String(24), nullable=False),
    # When this row was handed to the store, which may be minutes after it arrived: by it the
    # judge finds what changed since its last look.
    Column("written_ms", BigInteger, nullable=False, server_default="0", index=True),
    sqlite_with_rowid=False,
)

fact_history = Table(
    "fact_history",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("subject", String(256), primary_key=True),
    Column("collected_ms", BigInteger, primary_key=True),
    Column("received_ms", BigInteger, primary_key=True),
    Column("value", Float),
    Column("text", String(200), nullable=False, server_default=""),
    Column("expires_ms", BigInteger, nullable=False),
    Column("origin", String(80), nullable=False),
    Column("quality", String(24), nullable=False),
    sqlite_with_rowid=False,
)

# One row for each restore drill anybody ever told of, kept for years whatever `records` forgets.
drills = Table(
    "drills",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("agent_id", String(36), nullable=False),
    Column("facility", String(64), nullable=False),
    Column("host", String(64), nullable=False),
    # Of the agent that handed it over.
    Column("agent_version", String(32), nullable=False),
    # As long as a text of an agent may be.
    Column("series", String(200), nullable=False),
    Column("drill_id", String(200), nullable=False),
    Column("kind", String(200), nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("conclusive", Boolean, nullable=False),
    # By the centre's clock; the payload has the agent's own times.
    Column("started_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    # Serialized tramgac_proto.v1.Drill.
    Column("payload", LargeBinary, nullable=False),
    Index("drills_key", "agent_id", "drill_id", unique=True),
    Index("drills_series", "series", "ended_ms"),
    Index("drills_facility", "facility", "ended_ms"),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("agent_id", String(36), nullable=False, index=True),
    Column("epoch", String(32), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("code", String(64), nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),
)

inventories = Table(
    "inventories",
    metadata,
    Column("version", BigId, primary_key=True, autoincrement=True),
    Column("sha256", String(64), nullable=False),
    Column("imported_ms", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object", String(200), nullable=False),
    Column("detail", Text, nullable=False, server_default=""),
)
