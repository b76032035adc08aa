"""documents"""

import sqlalchemy as sa
from alembic import op

from skyhook.plugin import UTCDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "embeddings_documents",
        sa.Column("organization_id", sa.Uuid(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_embeddings_documents")),
    )
    with op.batch_alter_table("embeddings_documents") as batch_op:
        batch_op.create_index(batch_op.f("ix_embeddings_documents_organization_id"), ["organization_id"])


def downgrade() -> None:
    op.drop_table("embeddings_documents")
