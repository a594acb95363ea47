"""The tables of judging: papers, results of rules, incidents, notifications.

Times as in ``schema``, by which they are named. A moment that has not come is NULL.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    SmallInteger,
    String,
    Table,
    Text,
)

from tramgac_collector.store.base import BigId, metadata

# Documents and statements that people hand in. A row is never changed but to take it back.
papers = Table(
    "papers",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("facility", String(64), nullable=False),
    # Empty: of the whole facility; else kind/id, like `system/his`.
    Column("subject", String(256), nullable=False, server_default=""),
    # doc:... or att:...
    Column("name", String(64), nullable=False),
    Column("value", String(200), nullable=False),
    Column("issued_on", Date, nullable=False),
    # NULL: until it is replaced.
    Column("expires_ms", BigInteger),
    # DIR | IT | SYT | VEN | IND
    Column("given_by", String(8), nullable=False),
    Column("statement", Text, nullable=False, server_default=""),
    # Of the file that was shown; empty where there was none.
    Column("evidence_sha256", String(64), nullable=False, server_default=""),
    Column("entered_ms", BigInteger, nullable=False),
    Column("entered_by", String(64), nullable=False),
    Column("revoked_ms", BigInteger),
    Column("revoked_by", String(64), nullable=False, server_default=""),
    Index("papers_of", "facility", "name"),
)

rule_results = Table(
    "rule_results",
    metadata,
    Column("facility", String(64), primary_key=True),
    Column("rule", String(96), primary_key=True),
    # As judged; overlays are told beside it, never in its place.
    Column("status", String(16), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("advisory", Boolean, nullable=False),
    Column("coverage", Float, nullable=False),
    # Since when its status is what it is.
    Column("since_ms", BigInteger, nullable=False),
    Column("pack_version", String(80), nullable=False),
    Column("evaluated_ms", BigInteger, nullable=False, index=True),
    # JSON, at most 4 kB.
    Column("detail", Text, nullable=False, server_default="{}"),
    sqlite_with_rowid=False,
)

rule_history = Table(
    "rule_history",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("facility", String(64), nullable=False),
    Column("rule", String(96), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("status", String(16), nullable=False),
    # What the evidence of that moment alone said, before hysteresis.
    Column("raw_status", String(16), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("pack_version", String(80), nullable=False),
    Index("rule_history_of", "facility", "rule", "at_ms"),
    Index("rule_history_at", "at_ms"),
)

# Accepted gaps, each with a way out of it.
acceptances = Table(
    "acceptances",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("facility", String(64), nullable=False, index=True),
    Column("rule", String(96), nullable=False),
    Column("reason", Text, nullable=False),
    # The owner's representative, not the operator.
    Column("accepted_by", String(200), nullable=False),
    Column("compensation", Text, nullable=False),
    Column("due_on", Date, nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("entered_ms", BigInteger, nullable=False),
    Column("entered_by", String(64), nullable=False),
    Column("revoked_ms", BigInteger),
)

# Where a law itself excuses: a citation, a window and what proves it.
excuses = Table(
    "excuses",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("facility", String(64), nullable=False, index=True),
    Column("rule", String(96), nullable=False),
    Column("citation", String(200), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    # How the window was measured, and the record of who was told.
    Column("proof", Text, nullable=False),
    Column("notified", Text, nullable=False),
    Column("entered_ms", BigInteger, nullable=False),
    Column("entered_by", String(64), nullable=False),
    Column("revoked_ms", BigInteger),
)

# What a facility set instead of a number a pack marks as tailorable.
tailorings = Table(
    "tailorings",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("facility", String(64), nullable=False, index=True),
    Column("rule", String(96), nullable=False),
    Column("param", String(64), nullable=False),
    # A literal of the expression language, like `4h`.
    Column("value", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_by", String(200), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
    Column("entered_ms", BigInteger, nullable=False),
    Column("entered_by", String(64), nullable=False),
    Column("revoked_ms", BigInteger),
)

# Storms and floods the centre declares: pages of these facilities rest for a while.
storms = Table(
    "storms",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    # JSON, a list of facility ids.
    Column("facilities", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("decided_by", String(200), nullable=False),
    # The order or notice it rests on.
    Column("citation", String(200), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False, index=True),
    Column("entered_ms", BigInteger, nullable=False),
    Column("entered_by", String(64), nullable=False),
    Column("ended_ms", BigInteger),
)

# A province's own packs that are in force, whole: their files may change or vanish.
packs_in_force = Table(
    "packs_in_force",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("version", String(16), nullable=False),
    Column("sha256", String(64), nullable=False),
    # Of the public key that signed it.
    Column("key_sha256", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    # Taken back; the row stays, so that no older version comes in.
    Column("withdrawn_ms", BigInteger),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    # Place in the tree, like `facility/site/host` or `provider:cloud`.
    Column("node", String(256), nullable=False),
    Column("code", String(64), nullable=False),
    # Empty: of the province or a provider.
    Column("facility", String(64), nullable=False, server_default=""),
    Column("site", String(64), nullable=False, server_default=""),
    Column("opened_ms", BigInteger, nullable=False),
    Column("closed_ms", BigInteger),
    Column("cause", String(64), nullable=False, server_default=""),
    Column("severity", String(16), nullable=False),
    Column("parent_id", BigId, ForeignKey("incidents.id"), index=True),
    # JSON.
    Column("detail", Text, nullable=False, server_default="{}"),
    # When people were told that it is there, and that it is over.
    Column("told_ms", BigInteger),
    Column("recovered_told_ms", BigInteger),
    # A vendor's or carrier's clock, where it was handed over.
    Column("vendor", String(200), nullable=False, server_default=""),
    Column("vendor_told_ms", BigInteger),
    Column("vendor_answered_ms", BigInteger),
    Column("vendor_fixed_ms", BigInteger),
    # Raised by every change, so that readers find what changed.
    Column("changed_ms", BigInteger, nullable=False, index=True),
    Index("incidents_open", "closed_ms", "node"),
    Index("incidents_facility", "facility", "opened_ms"),
)

incident_events = Table(
    "incident_events",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("incident_id", BigId, ForeignKey("incidents.id"), nullable=False, index=True),
    Column("at_ms", BigInteger, nullable=False),
    # opened | child_added | relabelled | acked | handed_over | noted | closed | ...
    Column("kind", String(24), nullable=False),
    Column("actor", String(64), nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default="{}"),
)

# Windows of planned work; measuring goes on.
maintenances = Table(
    "maintenances",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("node", String(256), nullable=False),
    Column("from_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False, index=True),
    Column("reason", String(200), nullable=False),
    Column("entered_ms", BigInteger, nullable=False),
    Column("entered_by", String(64), nullable=False),
    Column("revoked_ms", BigInteger),
    # Of what a host planned for itself; NULL for what was planned here.
    Column("agent_id", String(64)),
    Column("plan_id", String(64)),
    # Not empty: more than a host may plan, and counts for nothing.
    Column("refused", String(24), nullable=False, server_default=""),
    Index("maintenances_plan", "agent_id", "plan_id", unique=True),
)

notifications = Table(
    "notifications",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    # One of the two: what it tells of.
    Column("incident_id", BigId, ForeignKey("incidents.id"), index=True),
    # Like `gaps:2026-11-22`.
    Column("digest", String(64), nullable=False, server_default=""),
    # down | recovered | relabelled | escalation | digest | test
    Column("stage", String(24), nullable=False),
    Column("channel", String(64), nullable=False),
    Column("recipient", String(200), nullable=False),
    # waiting | sent | failed | dropped
    Column("state", String(16), nullable=False),
    # Why it waits, or why it was dropped.
    Column("reason", String(40), nullable=False, server_default=""),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("made_ms", BigInteger, nullable=False),
    Column("next_ms", BigInteger),
    Column("sent_ms", BigInteger),
    # What the channel answered.
    Column("proof", String(200), nullable=False, server_default=""),
    Column("error", String(200), nullable=False, server_default=""),
    Index("notifications_due", "state", "next_ms"),
    Index("notifications_digest", "digest"),
)

acks = Table(
    "acks",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("incident_id", BigId, ForeignKey("incidents.id"), nullable=False, index=True),
    Column("recipient", String(200), nullable=False),
    # link | cli
    Column("how", String(16), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("note", String(200), nullable=False, server_default=""),
)
