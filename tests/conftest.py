"""What every test of the data layer shares: an empty database, on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from skyhook.accounts.models import Organization
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.migrations.environment import upgrade
from skyhook.plugins.host import PluginHost

_NUMBERS = count()


async def create_tables(url: str) -> None:
    """Makes every table of the core and the plugins in an empty database, by the real migrations."""
    database = Database(url)
    await upgrade(database, PluginHost.discover().loaded)
    if database.is_sqlite:
        async with database.engine.connect() as connection:
            await connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    await database.close()


@dataclass(frozen=True, slots=True)
class Cluster:
    """A throw-away PostgreSQL cluster that listens on a Unix socket only."""

    binaries: Path
    folder: Path

    def url(self, name: str) -> str:
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def run(self, command: str, *arguments: str) -> None:
        """Runs one of PostgreSQL's programs as the user that may run them."""
        user = "postgres" if os.geteuid() == 0 else None
        done = subprocess.run(
            [self.binaries / command, *arguments],
            user=user,
            group=user,
            extra_groups=[] if user else None,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command} failed: {done.stderr}")

    def sql(self, statement: str) -> None:
        self.run("psql", "-qXh", str(self.folder), "-U", "postgres", "-c", statement)


def _binaries() -> Path:
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]), reverse=True
    )
    if found:
        return found[0].parent
    if (elsewhere := shutil.which("initdb")) and shutil.which("pg_ctl"):
        return Path(elsewhere).resolve().parent
    raise RuntimeError("The tests need PostgreSQL's programs: apt-get install postgresql")


def _roomy() -> str | None:
    """Memory, where there is enough of it: tests make a database each, and need no power cut survived."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 4 << 30 else None


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running PostgreSQL with the database `template_skyhook`, which has every table."""
    folder = Path(tempfile.mkdtemp(prefix="skyhook-postgresql-", dir=_roomy()))
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    cluster = Cluster(_binaries(), folder)
    data = str(folder / "data")
    cluster.run(
        "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"
    )
    options = f"-k {folder} -c listen_addresses= -c max_connections=200 -c fsync=on"
    cluster.run("pg_ctl", "-D", data, "-l", str(folder / "log"), "-w", "-o", options, "start")
    try:
        cluster.sql("CREATE DATABASE template_skyhook")
        asyncio.run(create_tables(cluster.url("template_skyhook")))
        yield cluster
    finally:
        cluster.run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file that has every table."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(create_tables(f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> Callable[[], str]:
    """Makes an empty SQLite database; returns its URL."""

    def make() -> str:
        path = tmp_path / f"{next(_NUMBERS)}.db"
        shutil.copy(sqlite_template, path)
        return f"sqlite:///{path}"

    return make


@pytest.fixture
def postgresql_url(cluster: Cluster) -> Callable[[], str]:
    """Makes an empty PostgreSQL database; returns its URL.

    It stays until the cluster goes: to drop one takes a checkpoint, which takes longer than most tests.
    """

    def make() -> str:
        name = f"test_{next(_NUMBERS)}"
        cluster.sql(f"CREATE DATABASE {name} TEMPLATE template_skyhook")
        return cluster.url(name)

    return make


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database_url(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Makes an empty database with every table, once on SQLite and once on PostgreSQL; returns its URL."""
    make: Callable[[], str] = request.getfixturevalue(f"{request.param}_url")
    return make


@pytest.fixture
def database_url(new_database_url: Callable[[], str]) -> str:
    """The URL of an empty database with every table."""
    return new_database_url()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An empty database with every table."""
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture
async def organization(database: Database) -> UUID:
    """The id of an organization."""
    organization_id = new_id()
    async with database.write() as session:
        session.add(Organization(id=organization_id, name="Acme", slug=f"acme-{organization_id.hex[-12:]}"))
    return organization_id
