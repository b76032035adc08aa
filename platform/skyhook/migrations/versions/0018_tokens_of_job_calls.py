"""tokens of job calls"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("job_calls", sa.Column("token", sa.String(length=32), server_default="", nullable=False))
