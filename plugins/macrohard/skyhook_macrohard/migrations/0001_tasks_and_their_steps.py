"""tasks and their steps"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from skyhook.plugin import UTCDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "macrohard_tasks",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("goal", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("sites", sa.JSON(), nullable=False),
        sa.Column("model", sa.String(length=120), nullable=True),
        sa.Column("most_steps", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.BigInteger(), nullable=False),
        sa.Column("controller", sa.String(length=10), nullable=False),
        sa.Column("has_ended", sa.Boolean(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("kept_until", UTCDateTime(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_macrohard_tasks")),
    )
    with op.batch_alter_table("macrohard_tasks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_macrohard_tasks_kept_until"), ["kept_until"], unique=False)
        batch_op.create_index(
            "ix_macrohard_tasks_newest", ["organization_id", "created_at", "id"], unique=False
        )

    op.create_table(
        "macrohard_persons_actions",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.JSON(), nullable=False),
        sa.Column("step_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"],
            ["macrohard_tasks.id"],
            name=op.f("fk_macrohard_persons_actions_task_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_macrohard_persons_actions")),
    )
    with op.batch_alter_table("macrohard_persons_actions", schema=None) as batch_op:
        batch_op.create_index(
            "ix_macrohard_persons_actions_order", ["task_id", "created_at", "id"], unique=False
        )

    op.create_table(
        "macrohard_steps",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(length=10), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Text(), nullable=False),
        sa.Column("screenshot_id", sa.Uuid(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("action", sa.JSON(), nullable=True),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("started_at", UTCDateTime(), nullable=False),
        sa.Column("ended_at", UTCDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["task_id"], ["macrohard_tasks.id"], name=op.f("fk_macrohard_steps_task_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_macrohard_steps")),
    )
    with op.batch_alter_table("macrohard_steps", schema=None) as batch_op:
        batch_op.create_index("ix_macrohard_steps_order", ["task_id", "number", "id"], unique=False)
