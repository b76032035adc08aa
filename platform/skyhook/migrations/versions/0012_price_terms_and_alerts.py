"""price terms and alerts"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from skyhook.database import UTCDateTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "discounts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("basis_points", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("basis_points BETWEEN 1 AND 10000", name=op.f("ck_discounts_basis_points")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_discounts_organization_id")
        ),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_discounts")),
    )
    op.create_table(
        "price_overrides",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("model", sa.String(length=120), nullable=False),
        sa.Column("from_quantity", sa.BigInteger(), nullable=False),
        sa.Column("price", sa.BigInteger(), nullable=False),
        sa.Column("effective_at", UTCDateTime(), nullable=False),
        sa.Column("ends_at", UTCDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "ends_at IS NULL OR ends_at >= effective_at", name=op.f("ck_price_overrides_ends_after_it_begins")
        ),
        sa.CheckConstraint("from_quantity >= 0", name=op.f("ck_price_overrides_from_quantity_not_negative")),
        sa.CheckConstraint("price >= 0", name=op.f("ck_price_overrides_price_not_negative")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_price_overrides_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_price_overrides")),
        sa.UniqueConstraint(
            "organization_id",
            "meter",
            "model",
            "from_quantity",
            "effective_at",
            name="uq_price_overrides_effective_at",
        ),
    )
    # Written out, so that SQLite takes its check too without a copy of the table.
    op.execute(
        "ALTER TABLE prices ADD COLUMN from_quantity BIGINT DEFAULT 0 NOT NULL "
        "CONSTRAINT ck_prices_from_quantity_not_negative CHECK (from_quantity >= 0)"
    )
    with op.batch_alter_table("prices", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("uq_prices_all"), sqlite_where=sa.text("model IS NULL"))
        batch_op.create_index(
            "uq_prices_all",
            ["meter", "from_quantity", "effective_at"],
            unique=True,
            sqlite_where=sa.text("model IS NULL"),
            postgresql_where=sa.text("model IS NULL"),
        )
        batch_op.drop_index(batch_op.f("uq_prices_model"), sqlite_where=sa.text("model IS NOT NULL"))
        batch_op.create_index(
            "uq_prices_model",
            ["meter", "model", "from_quantity", "effective_at"],
            unique=True,
            sqlite_where=sa.text("model IS NOT NULL"),
            postgresql_where=sa.text("model IS NOT NULL"),
        )

    op.create_table(
        "stripe_metering",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("since", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_metering")),
    )
    op.create_table(
        "spending_alerts",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("threshold", sa.BigInteger(), nullable=False),
        sa.Column("fired_for", sa.String(length=7), nullable=True),
        sa.Column("fired_at", UTCDateTime(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind IN ('spending', 'credit')", name=op.f("ck_spending_alerts_kind")),
        sa.CheckConstraint("threshold > 0", name=op.f("ck_spending_alerts_threshold_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_spending_alerts_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_spending_alerts")),
        sa.UniqueConstraint(
            "organization_id",
            "kind",
            "threshold",
            name=op.f("uq_spending_alerts_organization_id_kind_threshold"),
        ),
    )
    op.create_table(
        "stripe_usage_reports",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("meter", sa.String(length=80), nullable=False),
        sa.Column("hour", UTCDateTime(), nullable=False),
        sa.Column("part", sa.BigInteger(), nullable=False),
        sa.Column("quantity", sa.BigInteger(), nullable=False),
        sa.Column("sent_at", UTCDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_stripe_usage_reports_quantity_positive")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_stripe_usage_reports_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stripe_usage_reports")),
        sa.UniqueConstraint("hour", "organization_id", "meter", "part", name="uq_stripe_usage_reports_part"),
    )
    with op.batch_alter_table("stripe_usage_reports", schema=None) as batch_op:
        batch_op.create_index(
            "ix_stripe_usage_reports_unsent",
            ["hour"],
            unique=False,
            sqlite_where=sa.text("sent_at IS NULL"),
            postgresql_where=sa.text("sent_at IS NULL"),
        )
