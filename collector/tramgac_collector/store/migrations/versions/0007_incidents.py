"""Work planned from the agent's end, and what incidents need besides."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Work that a host plans for itself stands beside what people at the centre plan."""
    for column in (
        sa.Column("agent_id", sa.String(length=64), nullable=True),
        sa.Column("plan_id", sa.String(length=64), nullable=True),
        sa.Column("refused", sa.String(length=24), server_default="", nullable=False),
    ):
        op.add_column("maintenances", column)
    op.create_index("maintenances_plan", "maintenances", ["agent_id", "plan_id"], unique=True)
    _judge()


def _judge() -> None:
    """How the judge fares."""
    op.create_table(
        "judge_health",
        sa.Column("part", sa.String(length=32), nullable=False),
        sa.Column("turn_ms", sa.BigInteger(), nullable=False),
        sa.Column("done_ms", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("part"),
    )


def downgrade() -> None:
    """What hosts planned is over for them; nobody would know whose it was."""
    op.drop_table("judge_health")
    op.execute("DELETE FROM maintenances WHERE agent_id IS NOT NULL")
    op.drop_index("maintenances_plan", table_name="maintenances")
    for name in ("refused", "plan_id", "agent_id"):
        op.drop_column("maintenances", name)
