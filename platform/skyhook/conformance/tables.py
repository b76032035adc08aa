"""Checks that the migrations make the tables that the models describe, and nothing else."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from skyhook.conformance.subject import Subject
from skyhook.database import Database
from skyhook.migrations.environment import Branch, branches
from skyhook.plugins.manifest import Plugin


def migrates_to_its_tables(subject: Subject) -> Iterator[str]:
    """An empty database reaches the branch's head, and has exactly the plugin's tables then."""
    plugin = subject.plugin
    if (plugin.tables is None) != (plugin.migrations is None):
        yield "tables and migrations go together: it declares only one of them"
    if plugin.tables is None or plugin.migrations is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(_migrate(Path(folder), plugin))


async def _migrate(folder: Path, plugin: Plugin) -> list[str]:
    database = Database(f"sqlite:///{folder / 'empty.db'}")
    _, branch = branches([plugin])
    try:
        async with database.write() as session:
            return await (await session.connection()).run_sync(_differences, branch)
    finally:
        await database.close()


def _differences(connection: Connection, branch: Branch) -> list[str]:
    command.upgrade(branch.config(connection), "head")
    expected = {*branch.metadata.tables, branch.version_table}
    problems = [
        f"its migrations make the table {name!r}, which no model describes"
        for name in inspect(connection).get_table_names()
        if name not in expected
    ]
    context = MigrationContext.configure(
        connection,
        opts={
            "version_table": branch.version_table,
            "include_name": lambda name, kind, _parents: kind != "table" or name in branch.metadata.tables,
            "compare_type": True,
        },
    )
    heads = ScriptDirectory.from_config(branch.config(None)).get_heads()
    if len(heads) != 1 or context.get_current_heads() != tuple(heads):
        problems.append(
            f"its migrations have {len(heads)} newest revisions, which must be one that is reached"
        )
    problems += [
        f"its migrations leave a difference from its tables: {difference}"
        for difference in compare_metadata(context, branch.metadata)
    ]
    return problems
