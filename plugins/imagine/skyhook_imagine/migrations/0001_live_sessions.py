"""live sessions"""

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
        "imagine_live_sessions",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("prompt", sa.Text(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imagine_live_sessions")),
    )
    with op.batch_alter_table("imagine_live_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_imagine_live_sessions_created_at"), ["created_at"], unique=False)
