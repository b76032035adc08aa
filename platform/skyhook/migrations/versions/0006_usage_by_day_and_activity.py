"""usage by day and activity"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from skyhook.database import UTCDateTime

revision = "0006"
down_revision = "0005"
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
    _fill_days()


def _fill_days() -> None:
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    day = "strftime('%Y-%m-%d 00:00:00.000000', hour)" if is_sqlite else "date_trunc('day', hour, 'UTC')"
    key = ", ".join(_KEY)
    op.execute(
        f"INSERT INTO usage_days (organization_id, day, {key}, quantity, cost, calls) "  # noqa: S608
        f"SELECT organization_id, {day}, {key}, SUM(quantity), SUM(cost), SUM(calls) "
        f"FROM usage_hours GROUP BY organization_id, {day}, {key}"
    )
