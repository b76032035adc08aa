"""usage by day and activity"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from skyhook.database import UTCDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_KEY = ("plugin", "operation", "model", "key_id", "user_id", "meter")


def upgrade() -> None:
    op.create_table(
        "usage_activity",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("process_id", sa.Uuid(), nullable=False),
        sa.Column("hour", UTCDateTime(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("running", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "process_id", name=op.f("pk_usage_activity")),
    )
    op.create_table(
        "usage_days",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("day", UTCDateTime(), nullable=False),
        sa.Column("plugin", sa.String(length=40), nullable=False),
        sa.Column("operation", sa.String(length=80), nullable=False),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "day", *_KEY, name=op.f("pk_usage_days")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("ix_jobs_state", ["organization_id", "state", "created_at", "id"], unique=False)
    rolled = op.create_table(
        "usage_rolled",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("until", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_usage_rolled")),
    )
    # Nothing is summed yet: the first server to start does it.
    op.bulk_insert(rolled, [{"id": 1, "until": datetime.fromtimestamp(0, UTC)}])
