"""which plugins are switched off, how they are set, what fails in them"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from skyhook.database import UTCDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plugin_failures",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("operation", sa.String(length=80), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("plugin", sa.String(length=40), nullable=False),
        sa.Column("message", sa.String(length=500), nullable=False),
        sa.Column("request_id", sa.String(length=200), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at", UTCDateTime(), nullable=False),
        sa.Column("last_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "operation", "code", name=op.f("pk_plugin_failures")),
    )
    with op.batch_alter_table("plugin_failures", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_plugin_failures_last_at"), ["last_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_plugin_failures_plugin"), ["plugin"], unique=False)

    op.create_table(
        "disabled_plugins",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("plugin", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("disabled_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organizations.id"], name=op.f("fk_disabled_plugins_organization_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_disabled_plugins_user_id")),
        sa.PrimaryKeyConstraint("organization_id", "plugin", name=op.f("pk_disabled_plugins")),
    )
    op.create_table(
        "plugin_settings",
        sa.Column("plugin", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.Column("changed_by_id", sa.Uuid(), nullable=True),
        sa.Column("changed_at", UTCDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["changed_by_id"], ["users.id"], name=op.f("fk_plugin_settings_changed_by_id")
        ),
        sa.PrimaryKeyConstraint("plugin", "name", name=op.f("pk_plugin_settings")),
    )
