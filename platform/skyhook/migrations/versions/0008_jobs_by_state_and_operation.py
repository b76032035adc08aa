"""jobs by their state and by their operation"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for column in ("state", "operation"):
        op.create_index(f"ix_jobs_{column}", "jobs", ["organization_id", column, "created_at", "id"])
