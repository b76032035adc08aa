"""Runs the migrations of the core and of each plugin, each with a version table of its own."""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, text

from skyhook.database import Base, Database
from skyhook.plugins.manifest import Plugin

FOLDER = Path(__file__).parent
ADVISORY_LOCK = 7_241_990
"""One process migrates a PostgreSQL database at a time."""


@dataclass(frozen=True, slots=True)
class Branch:
    """The migrations of the core or of one plugin."""

    name: str
    versions: Path
    metadata: MetaData

    @property
    def version_table(self) -> str:
        """The table in which alembic keeps the branch's revision."""
        return f"alembic_version_{self.name}"

    def config(self, connection: Connection | None) -> Config:
        """Alembic's configuration for this branch on a connection."""
        config = Config()
        config.set_main_option("script_location", str(FOLDER))
        config.set_main_option("version_locations", str(self.versions))
        config.set_main_option("path_separator", "newline")
        config.attributes.update(connection=connection, branch=self)
        return config


def branches(plugins: Sequence[Plugin]) -> list[Branch]:
    """The core's branch and those of the plugins that have tables."""
    found = [Branch("core", FOLDER / "versions", Base.metadata)]
    for plugin in plugins:
        if plugin.migrations is not None and plugin.tables is not None:
            package, _, folder = plugin.migrations.partition(":")
            versions = Path(str(importlib.resources.files(package).joinpath(folder)))
            found.append(Branch(plugin.name, versions, plugin.tables))
    return found


def revisions(connection: Connection, branch: Branch) -> set[str]:
    """The revisions of the branch that the database has: one, or none before the first migration."""
    context = MigrationContext.configure(connection, opts={"version_table": branch.version_table})
    return set(context.get_current_heads())


def is_ahead(connection: Connection, branch: Branch) -> bool:
    """Whether the database has a revision that this code does not know: a newer version has migrated it.

    Migrations suit the version before them, so that it can be used as it is.
    """
    scripts = ScriptDirectory.from_config(branch.config(None))
    known = {script.revision for script in scripts.walk_revisions()}
    return not revisions(connection, branch) <= known


async def upgrade(database: Database, plugins: Sequence[Plugin]) -> None:
    """Brings the database up to the newest revision of every branch, all of it or nothing."""

    def run(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
        for branch in branches(plugins):
            if not is_ahead(connection, branch):
                command.upgrade(branch.config(connection), "head")

    async with database.write() as session:
        await (await session.connection()).run_sync(run)


async def downgrade(database: Database, plugin: Plugin, revision: str) -> None:
    """Takes a plugin's migrations back to a revision; `base` for none of them."""
    _, branch = branches([plugin])

    def run(connection: Connection) -> None:
        command.downgrade(branch.config(connection), revision)

    async with database.write() as session:
        await (await session.connection()).run_sync(run)


async def behind(database: Database, plugins: Sequence[Plugin]) -> list[str]:
    """The names of the branches whose newest revision the database does not have yet."""

    def run(connection: Connection) -> list[str]:
        names = []
        for branch in branches(plugins):
            heads = set(ScriptDirectory.from_config(branch.config(None)).get_heads())
            if revisions(connection, branch) != heads and not is_ahead(connection, branch):
                names.append(branch.name)
        return names

    async with database.read() as session:
        return await (await session.connection()).run_sync(run)
