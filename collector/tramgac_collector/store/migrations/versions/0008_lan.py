"""What each speed test loaded and how it ended; who was refused, and why."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Leases of before say nothing of what they loaded: they have expired long since."""
    for column in (
        sa.Column("direction", sa.String(length=8), server_default="", nullable=False),
        sa.Column("proves", sa.String(length=8), server_default="", nullable=False),
        sa.Column("starts_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("until_ms", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("locks", sa.Text(), server_default="", nullable=False),
        sa.Column("released_ms", sa.BigInteger(), nullable=True),
        sa.Column("verdict", sa.String(length=16), server_default="", nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
    ):
        op.add_column("leases", column)
    op.create_table(
        "lease_refusals",
        sa.Column("initiator", sa.String(length=36), nullable=False),
        sa.Column("target", sa.String(length=160), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("proves", sa.String(length=8), nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("site", sa.String(length=160), nullable=False),
        sa.Column("last_ms", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("initiator", "target", "direction", "proves", "code"),
    )
    op.create_index("ix_lease_refusals_last_ms", "lease_refusals", ["last_ms"])


def downgrade() -> None:
    """Permits stay as they were before; what became of them is forgotten."""
    op.drop_index("ix_lease_refusals_last_ms", table_name="lease_refusals")
    op.drop_table("lease_refusals")
    with op.batch_alter_table("leases") as table:
        for name in (
            "bytes", "verdict", "released_ms", "locks",
            "until_ms", "starts_ms", "proves", "direction",
        ):  # fmt: skip
            table.drop_column(name)
