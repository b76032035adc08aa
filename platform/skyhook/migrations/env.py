"""Alembic's entry: runs one branch's revisions on the connection that `environment.upgrade` gives."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from skyhook.database import UTCDateTime

branch = context.config.attributes["branch"]


def render_item(kind: str, item: Any, autogenerate: AutogenContext) -> str | Literal[False]:
    """Writes the core's own column type by its name; everything else as alembic does."""
    if kind == "type" and isinstance(item, UTCDateTime):
        module = "skyhook.database" if branch.name == "core" else "skyhook.plugin"
        autogenerate.imports.add(f"from {module} import UTCDateTime")
        return "UTCDateTime()"
    return False


def include_name(name: str | None, kind: str, _parents: Any) -> bool:
    """Leaves the tables of other branches alone: they share the database."""
    return kind != "table" or name in branch.metadata.tables


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=branch.metadata,
    version_table=branch.version_table,
    render_as_batch=True,
    compare_type=True,
    render_item=render_item,
    include_name=include_name,
)
with context.begin_transaction():
    context.run_migrations()
