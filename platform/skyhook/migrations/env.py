"""Alembic's entry: runs one branch's revisions on the connection that `environment.upgrade` gives."""

from __future__ import annotations

from alembic import context

branch = context.config.attributes["branch"]

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=branch.metadata,
    version_table=branch.version_table,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
