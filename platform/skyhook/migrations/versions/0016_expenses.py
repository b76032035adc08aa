"""expenses"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from skyhook.database import UTCDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_KEY = ("organization_id", "hour", "plugin", "operation", "model", "is_served", "function")


def upgrade() -> None:
    op.create_table(
        "usage_expenses",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("hour", UTCDateTime(), nullable=False),
        sa.Column("plugin", sa.String(length=40), nullable=False),
        sa.Column("operation", sa.String(length=80), nullable=False),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("is_served", sa.Boolean(), nullable=False),
        sa.Column("function", sa.String(length=200), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("microseconds", sa.BigInteger(), nullable=False),
        sa.Column("charged", sa.BigInteger(), nullable=False),
        sa.Column("expense", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "calls >= 0 AND microseconds >= 0 AND charged >= 0 AND expense >= 0",
            name=op.f("ck_usage_expenses_not_negative"),
        ),
        sa.CheckConstraint(
            "charged = 0 OR (function = '' AND is_served)", name=op.f("ck_usage_expenses_charged_once")
        ),
        sa.PrimaryKeyConstraint(*_KEY, name=op.f("pk_usage_expenses")),
        sqlite_with_rowid=False,
    )
    op.add_column("usage_events", sa.Column("expenses", sa.JSON(none_as_null=True), nullable=True))
