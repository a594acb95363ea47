"""Papers, results of rules, incidents and notifications; facts are found by their writing."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_BIG_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables, and the column by which changed facts are found."""
    op.add_column(
        "facts", sa.Column("written_ms", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.create_index("ix_facts_written_ms", "facts", ["written_ms"], unique=False)
    for make in (_papers, _results, _overlays, _incidents, _notifications):
        make()


def _papers() -> None:
    op.create_table(
        "papers",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("facility", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=256), server_default="", nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.Column("given_by", sa.String(length=8), nullable=False),
        sa.Column("statement", sa.Text(), server_default="", nullable=False),
        sa.Column("evidence_sha256", sa.String(length=64), server_default="", nullable=False),
        sa.Column("entered_ms", sa.BigInteger(), nullable=False),
        sa.Column("entered_by", sa.String(length=64), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_by", sa.String(length=64), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("papers_of", "papers", ["facility", "name"], unique=False)


def _results() -> None:
    op.create_table(
        "rule_results",
        sa.Column("facility", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=96), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("advisory", sa.Boolean(), nullable=False),
        sa.Column("coverage", sa.Float(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("pack_version", sa.String(length=80), nullable=False),
        sa.Column("evaluated_ms", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), server_default="{}", nullable=False),
        sa.PrimaryKeyConstraint("facility", "rule"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_rule_results_evaluated_ms", "rule_results", ["evaluated_ms"], unique=False)
    op.create_table(
        "rule_history",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("facility", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=96), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("raw_status", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("pack_version", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("rule_history_at", "rule_history", ["at_ms"], unique=False)
    op.create_index("rule_history_of", "rule_history", ["facility", "rule", "at_ms"], unique=False)


def _overlays() -> None:
    op.create_table(
        "acceptances",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("facility", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=96), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("accepted_by", sa.String(length=200), nullable=False),
        sa.Column("compensation", sa.Text(), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("entered_ms", sa.BigInteger(), nullable=False),
        sa.Column("entered_by", sa.String(length=64), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_acceptances_facility", "acceptances", ["facility"], unique=False)
    op.create_table(
        "excuses",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("facility", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=96), nullable=False),
        sa.Column("citation", sa.String(length=200), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("proof", sa.Text(), nullable=False),
        sa.Column("notified", sa.Text(), nullable=False),
        sa.Column("entered_ms", sa.BigInteger(), nullable=False),
        sa.Column("entered_by", sa.String(length=64), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_excuses_facility", "excuses", ["facility"], unique=False)


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("node", sa.String(length=256), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("facility", sa.String(length=64), server_default="", nullable=False),
        sa.Column("site", sa.String(length=64), server_default="", nullable=False),
        sa.Column("opened_ms", sa.BigInteger(), nullable=False),
        sa.Column("closed_ms", sa.BigInteger(), nullable=True),
        sa.Column("cause", sa.String(length=64), server_default="", nullable=False),
        sa.Column("severity", sa.String(length=16), nullable=False),
        sa.Column("parent_id", _BIG_ID, nullable=True),
        sa.Column("detail", sa.Text(), server_default="{}", nullable=False),
        sa.Column("told_ms", sa.BigInteger(), nullable=True),
        sa.Column("recovered_told_ms", sa.BigInteger(), nullable=True),
        sa.Column("vendor", sa.String(length=200), server_default="", nullable=False),
        sa.Column("vendor_told_ms", sa.BigInteger(), nullable=True),
        sa.Column("vendor_answered_ms", sa.BigInteger(), nullable=True),
        sa.Column("vendor_fixed_ms", sa.BigInteger(), nullable=True),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["incidents.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("incidents_facility", "incidents", ["facility", "opened_ms"], unique=False)
    op.create_index("incidents_open", "incidents", ["closed_ms", "node"], unique=False)
    op.create_index("ix_incidents_changed_ms", "incidents", ["changed_ms"], unique=False)
    op.create_index("ix_incidents_parent_id", "incidents", ["parent_id"], unique=False)
    op.create_table(
        "incident_events",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("incident_id", _BIG_ID, nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("actor", sa.String(length=64), server_default="", nullable=False),
        sa.Column("detail", sa.Text(), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_incident_events_incident_id", "incident_events", ["incident_id"], unique=False
    )
    op.create_table(
        "maintenances",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("node", sa.String(length=256), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("entered_ms", sa.BigInteger(), nullable=False),
        sa.Column("entered_by", sa.String(length=64), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_maintenances_until_ms", "maintenances", ["until_ms"], unique=False)


def _notifications() -> None:
    op.create_table(
        "notifications",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("incident_id", _BIG_ID, nullable=True),
        sa.Column("digest", sa.String(length=64), server_default="", nullable=False),
        sa.Column("stage", sa.String(length=24), nullable=False),
        sa.Column("channel", sa.String(length=64), nullable=False),
        sa.Column("recipient", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=40), server_default="", nullable=False),
        sa.Column("attempts", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=True),
        sa.Column("sent_ms", sa.BigInteger(), nullable=True),
        sa.Column("proof", sa.String(length=200), server_default="", nullable=False),
        sa.Column("error", sa.String(length=200), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_notifications_incident_id", "notifications", ["incident_id"], unique=False)
    op.create_index("notifications_digest", "notifications", ["digest"], unique=False)
    op.create_index("notifications_due", "notifications", ["state", "next_ms"], unique=False)
    op.create_table(
        "acks",
        sa.Column("id", _BIG_ID, autoincrement=True, nullable=False),
        sa.Column("incident_id", _BIG_ID, nullable=False),
        sa.Column("recipient", sa.String(length=200), nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(length=200), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["incident_id"], ["incidents.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_acks_incident_id", "acks", ["incident_id"], unique=False)
