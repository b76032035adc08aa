"""jobs by their state and by their operation"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_jobs_operation", "jobs", ["organization_id", "operation", "created_at", "id"])
