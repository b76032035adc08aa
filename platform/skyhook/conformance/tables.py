"""Checks that the migrations make the tables that the models describe, and nothing else."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
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
        yield from asyncio.run(_migrate(Path(folder), plugin, _differences))


def undoes_its_migrations(subject: Subject) -> Iterator[str]:
    """Each revision that has a downgrade leads back to exactly the tables before it, and forth again."""
    if subject.plugin.tables is None or subject.plugin.migrations is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(_migrate(Path(folder), subject.plugin, _undone))


def can_take_upgrades_back(subject: Subject) -> Iterator[str]:
    """Each revision after the first has a downgrade."""
    for script in _revisions_after(subject.plugin, "base"):
        if script.down_revision is not None and not hasattr(script.module, "downgrade"):
            yield (
                f"its revision {script.revision} has no downgrade: where an upgrade fails after it, "
                "the tables stay as it has changed them"
            )


def goes_on_from(plugin: Plugin, current: str) -> None:
    """Raises what alembic does where the plugin's newest revision does not come after `current`."""
    list(_revisions_after(plugin, current))


def _revisions_after(plugin: Plugin, current: str) -> Iterator[Script]:
    if plugin.tables is not None and plugin.migrations is not None:
        _, branch = branches([plugin])
        yield from ScriptDirectory.from_config(branch.config(None)).iterate_revisions("heads", current)


async def _migrate(
    folder: Path, plugin: Plugin, judge: Callable[[Connection, Branch], list[str]]
) -> list[str]:
    database = Database(f"sqlite:///{folder / 'empty.db'}")
    _, branch = branches([plugin])
    try:
        async with database.write() as session:
            return await (await session.connection()).run_sync(judge, branch)
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


def _undone(connection: Connection, branch: Branch) -> list[str]:
    config = branch.config(connection)
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    for script in reversed(scripts):
        before = _shape(connection)
        command.upgrade(config, script.revision)
        if not hasattr(script.module, "downgrade"):
            continue
        after = _shape(connection)
        command.downgrade(config, "-1")
        if _shape(connection) != before:
            return [f"the downgrade of its revision {script.revision} does not lead back to what was before"]
        command.upgrade(config, script.revision)
        if _shape(connection) != after:
            return [f"its revision {script.revision} makes something else after it was taken back"]
    return []


def _shape(connection: Connection) -> dict[str, list[str]]:
    """Every table with its columns, indexes and constraints, but for alembic's own."""
    inspector = inspect(connection)
    return {
        table: [
            *(f"{one['name']} {one['type']!r} {one['nullable']}" for one in inspector.get_columns(table)),
            *sorted(str(one) for one in inspector.get_indexes(table)),
            *sorted(str(one) for one in inspector.get_unique_constraints(table)),
            *sorted(str(one) for one in inspector.get_foreign_keys(table)),
            str(inspector.get_pk_constraint(table)),
        ]
        for table in inspector.get_table_names()
        if not table.startswith("alembic_version_")
    }
