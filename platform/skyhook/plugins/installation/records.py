"""What is installed, as the database remembers it: for every machine, and for one that begins anew."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from sqlalchemy import Connection, MetaData, column, delete, func, inspect, select, table
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing.models import Price
from skyhook.database import Base, Database
from skyhook.errors import NotFound
from skyhook.plugins.errors import PluginRefused
from skyhook.plugins.installation.generation import NOTHING, Generation
from skyhook.plugins.models import DisabledPlugin, PluginFailure, PluginGeneration, PluginSetting, PluginWheel

LARGEST_WHEEL = 64 << 20
"""Larger wheels are not kept in the database: other machines are given them with `--find-links`."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A generation with its number; 0 is the one before the first change."""

    number: int = 0
    generation: Generation = NOTHING


class Records:
    """The generations in the database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def current(self) -> Recorded:
        """The last one."""
        async with self._database.read() as session:
            number = await session.scalar(select(func.max(PluginGeneration.number)))
        return await self.get(number) if number else Recorded()

    async def get(self, number: int) -> Recorded:
        """The one of this number. Raises NotFound."""
        if number == 0:
            return Recorded()
        async with self._database.read() as session:
            row = await session.get(PluginGeneration, number)
        if row is None:
            raise NotFound(f"There is no generation {number}: see `skyhook plugins history`.")
        return Recorded(number, msgspec.json.decode(row.content, type=Generation))

    async def history(self) -> Sequence[PluginGeneration]:
        """Every change, the newest first."""
        async with self._database.read() as session:
            query = select(PluginGeneration).order_by(PluginGeneration.number.desc())
            return (await session.scalars(query)).all()

    async def add(self, number: int, change: str, generation: Generation, wheels: Path, made_by: str) -> None:
        """Writes a generation down, with its wheels. Raises PluginRefused where another came first."""
        contents = {
            package.wheel: await asyncio.to_thread((wheels / package.wheel).read_bytes)
            for package in generation.packages
            if package.wheel is not None and (wheels / package.wheel).stat().st_size <= LARGEST_WHEEL
        }
        row = PluginGeneration(
            number=number, change=change, content=msgspec.json.encode(generation), made_by=made_by
        )
        try:
            async with self._database.write() as session:
                session.add(row)
                await session.flush()
                for name, content in contents.items():
                    if await session.get(PluginWheel, name) is None:
                        session.add(PluginWheel(name=name, content=content))
        except IntegrityError:
            raise PluginRefused("Another machine changed plugins meanwhile: skyhook plugins sync") from None

    async def bring_wheels(self, generation: Generation, wheels: Path) -> None:
        """Writes the wheels that this machine lacks. Raises PluginRefused for one that is kept nowhere."""
        for package in generation.packages:
            if package.wheel is None or (wheels / package.wheel).exists():
                continue
            async with self._database.read() as session:
                row = await session.get(PluginWheel, package.wheel)
            if row is None:
                raise PluginRefused(
                    f"The wheel of {package.name} {package.version} is too large to be kept in the database: "
                    f"copy {package.wheel} into {wheels} from another machine."
                )
            await asyncio.to_thread(_write, wheels / package.wheel, row.content)


def _write(wheel: Path, content: bytes) -> None:
    wheel.parent.mkdir(parents=True, exist_ok=True)
    fresh = wheel.with_name(f"{wheel.name}.new")
    fresh.write_bytes(content)
    fresh.replace(wheel)


async def revision(database: Database, plugin: str) -> str | None:
    """The newest of the plugin's migrations that the database has."""
    async with database.read() as session:
        tables = await _tables(session)
        name = f"alembic_version_{plugin}"
        if name not in tables:
            return None
        found: str | None = await session.scalar(select(column("version_num")).select_from(table(name)))
        return found


async def purge(database: Database, plugin: str) -> list[str]:
    """Deletes the plugin's tables with what is in them, its settings, switches, failures and prices.

    Usage and charges stay: they are the organizations'. Gives back the names of the tables.
    """
    core = {*Base.metadata.tables}
    async with database.write() as session:
        names = [
            name
            for name in await _tables(session)
            if (name.startswith(f"{plugin}_") and name not in core) or name == f"alembic_version_{plugin}"
        ]
        connection = await session.connection()

        def drop(sync: Connection) -> None:
            found = MetaData()
            found.reflect(bind=sync, only=names, resolve_fks=False)
            found.drop_all(bind=sync)

        await connection.run_sync(drop)
        for rows in (PluginSetting, DisabledPlugin, PluginFailure):
            await session.execute(delete(rows).where(rows.plugin == plugin))
        await session.execute(delete(Price).where(Price.meter.startswith(f"{plugin}.", autoescape=True)))
    return names


async def _tables(session: AsyncSession) -> list[str]:
    connection = await session.connection()
    return await connection.run_sync(lambda sync: inspect(sync).get_table_names())
