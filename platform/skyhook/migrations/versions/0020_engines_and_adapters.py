"""engines and adapters"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("catalogue_models", sa.Column("engine", sa.String(length=30), nullable=True))
    op.add_column("catalogue_models", sa.Column("adapter", sa.String(length=1000), nullable=True))
