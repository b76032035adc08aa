"""The database: one engine, SQLite by default and PostgreSQL in production, read and write units of work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Dialect, MetaData, TypeDecorator, Uuid, create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from skyhook.clock import new_id

T = TypeVar("T")

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class UTCDateTime(TypeDecorator[datetime]):
    """A time in UTC on every database; naive times are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without its zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


TYPES = {datetime: UTCDateTime, UUID: Uuid(), int: BigInteger()}


class Base(DeclarativeBase):
    """The core's tables. A plugin's base is built in the same way from `NAMING` and `TYPES`."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = TYPES


class Identified:
    """A row with a UUIDv7 as its primary key."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)


def async_url(url: str) -> URL:
    """The URL with the async driver that Skyhook uses for its database.

    Raises ValueError for a database other than SQLite and PostgreSQL.
    """
    parsed = make_url(url)
    match parsed.get_backend_name():
        case "sqlite":
            return parsed.set(drivername="sqlite+aiosqlite")
        case "postgresql":
            return parsed.set(drivername="postgresql+asyncpg")
        case other:
            raise ValueError(f"SKYHOOK_DATABASE_URL must be sqlite or postgresql, not {other!r}")


class Database:
    """The engine with two ways in, `read()` and `write()`, and `transact()` for what must be cheapest.

    SQLite has one writer at a time, so a write waits its turn in this process before it begins, and
    begins as a writer (BEGIN IMMEDIATE) so that no write fails half-way on a lock.
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = async_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.engine: AsyncEngine = create_async_engine(self.url, pool_size=pool_size)
        self._writing = asyncio.Lock()
        if self.is_sqlite:
            event.listen(self.engine.sync_engine, "connect", _configure_sqlite)
            event.listen(self.engine.sync_engine, "begin", _begin_sqlite)
            # One connection, in one thread: a transaction takes one hop between threads, not one a statement.
            self._direct = create_engine(self.url.set(drivername="sqlite"))
            event.listen(self._direct, "connect", _configure_sqlite)
            event.listen(self._direct, "begin", _begin_sqlite)
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="skyhook-database")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """A session for reading; what it changed is rolled back."""
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """A session whose changes are committed, and durable, when the block ends without an error."""
        if not self.is_sqlite:
            async with (
                AsyncSession(self.engine, expire_on_commit=False) as session,
                session.begin(),
            ):
                yield session
            return
        async with self._writing:
            engine = self.engine.execution_options(skyhook_write=True)
            async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
                yield session

    async def transact(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns; what it writes is committed, and durable, when this returns.

        On SQLite `work` runs in another thread, so that the whole transaction is one hop: it may touch
        nothing that the event loop changes meanwhile.
        """
        if not self.is_sqlite:
            async with self.engine.begin() as connection:
                return await connection.run_sync(work)
        async with self._writing:
            loop = asyncio.get_running_loop()
            return await asyncio.shield(loop.run_in_executor(self._thread, self._transact, work))

    def _transact(self, work: Callable[[Connection], T]) -> T:
        with self._direct.connect().execution_options(skyhook_write=True) as connection, connection.begin():
            return work(connection)

    async def close(self) -> None:
        """Closes every connection."""
        await self.engine.dispose()
        if self.is_sqlite:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._direct.dispose)
            self._thread.shutdown()


def _configure_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # a charged call stays charged, also at a power cut
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA busy_timeout = 30000")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    write = connection.get_execution_options().get("skyhook_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
