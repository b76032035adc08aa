"""The migrations lead to the very tables that the models describe."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

import skyhook.app  # noqa: F401 (so that every table is known)
from skyhook.database import Database
from skyhook.ledger.triggers import POSTGRESQL, SQLITE
from skyhook.migrations.environment import behind, branches, upgrade
from skyhook.plugins.host import PluginHost


async def test_no_table_differs_from_its_model(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        found: list[object] = []
        for branch in branches(PluginHost.discover().loaded):
            tables = branch.metadata.tables

            def include(name: str | None, kind: str, _parents: object, tables: object = tables) -> bool:
                return kind != "table" or name in tables  # type: ignore[operator]

            options = {"version_table": branch.version_table, "include_name": include, "compare_type": True}
            context = MigrationContext.configure(connection, opts=options)
            found += compare_metadata(context, branch.metadata)
        return found

    async with database.read() as session:
        assert await (await session.connection()).run_sync(differences) == []


async def test_every_trigger_of_the_ledger_is_there(database: Database) -> None:
    statements = SQLITE if database.is_sqlite else POSTGRESQL
    wanted = {
        statement.split("TRIGGER", 1)[1].removeprefix(" IF NOT EXISTS").split()[0]
        for statement in statements
        if statement.lstrip().startswith(("CREATE TRIGGER", "CREATE OR REPLACE TRIGGER"))
    }
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if database.is_sqlite
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    async with database.read() as session:
        assert set(await session.scalars(text(query))) >= wanted
    assert len(wanted) > 5


async def test_upgrading_again_changes_nothing(database: Database) -> None:
    plugins = PluginHost.discover().loaded
    await upgrade(database, plugins)
    assert await behind(database, plugins) == []


async def test_a_database_that_a_newer_version_has_migrated_is_used_as_it_is(database: Database) -> None:
    plugins = PluginHost.discover().loaded
    async with database.write() as session:
        await session.execute(text("UPDATE alembic_version_chat SET version_num = 'later'"))
    assert await behind(database, plugins) == []
    await upgrade(database, plugins)
    async with database.read() as session:
        assert await session.scalar(text("SELECT version_num FROM alembic_version_chat")) == "later"
