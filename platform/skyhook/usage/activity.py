"""What goes on in this hour: calls and their cost, those that failed, and what runs now, on all servers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Table, case, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite

from skyhook import clock as clocks
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.usage.expenses import FailedExpenses
from skyhook.usage.models import CALL, UsageActivity
from skyhook.usage.recording import HOURS

WRITE_S = 1.0
"""How soon the other servers know what this one does."""
BEAT = timedelta(seconds=3)
"""How often a server that runs something says that it still does;"""
SILENT = timedelta(seconds=10)
"""nothing is known any more of one that was silent for so long."""
LOOK_S = 0.5
"""How soon a watcher sees a change. Watchers of one organization share one look at the database."""
TOLD_EVERY_S = 12.0
"""How often a watcher is told that nothing has changed, so that no proxy takes its connection for dead."""

_ACTIVITY: Table = UsageActivity.metadata.tables[UsageActivity.__tablename__]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CurrentHour:
    """An organization's activity since the hour began."""

    hour: datetime
    calls: int
    """Served and charged, where they started in this hour."""
    cost: int
    """In nano-dollars."""
    failed: int
    """Refused for want of credit, or failed: they cost nothing."""
    running: int
    """Calls and jobs that run now."""


@dataclass(slots=True)
class _Counts:
    hour: datetime
    failed: int = 0
    running: int = 0
    is_changed: bool = False
    written_at: datetime | None = None


class Activity:
    """One for each server process."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = clocks.now) -> None:
        self._database = database
        self._clock = clock
        self.expenses = FailedExpenses(database)
        """What calls cost that are not charged."""
        self._process_id = new_id()
        self._counts: dict[UUID, _Counts] = {}
        self._looks: dict[UUID, tuple[float, asyncio.Task[CurrentHour]]] = {}
        self._writing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to tell the other servers what this one does."""
        self._writing = asyncio.create_task(self._write_forever())

    async def close(self) -> None:
        """Tells them for the last time."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
            await self.write()
            await self.expenses.write()

    def began(self, organization_id: UUID) -> None:
        """A call or a job runs from now on."""
        self._of(organization_id).running += 1

    def ended(self, organization_id: UUID) -> None:
        """It does not run any more."""
        self._of(organization_id).running -= 1

    def failed(self, organization_id: UUID) -> None:
        """A call was refused for want of credit, or it or a job failed."""
        self._of(organization_id).failed += 1

    async def current(self, organization_id: UUID) -> CurrentHour:
        """What an organization does, as it was at most `LOOK_S` ago."""
        loop = asyncio.get_running_loop()
        at, look = self._looks.get(organization_id, (0.0, None))
        if look is None or loop.time() - at >= LOOK_S:
            look = asyncio.create_task(self._look(organization_id))
            self._looks[organization_id] = (loop.time(), look)
        return await asyncio.shield(look)

    async def watch(self, organization_id: UUID, end: asyncio.Event) -> AsyncGenerator[CurrentHour, None]:
        """What an organization does now, then whenever it changes, and at least every `TOLD_EVERY_S`.

        It ends soon after `end` is set.
        """
        clock = asyncio.get_running_loop().time
        seen, told_at = None, clock()
        while not end.is_set():
            current = await self.current(organization_id)
            if current != seen or clock() - told_at >= TOLD_EVERY_S:
                seen, told_at = current, clock()
                yield current
            await asyncio.sleep(LOOK_S)

    async def write(self) -> None:
        """Writes what has changed since the last time, and what still runs."""
        at = self._clock()
        due = {
            organization_id: counts
            for organization_id, counts in self._counts.items()
            if counts.is_changed
            or (counts.running and (counts.written_at is None or at - counts.written_at >= BEAT))
        }
        if not due:
            return
        rows = [self._row(organization_id, counts, at) for organization_id, counts in sorted(due.items())]
        for counts in due.values():
            counts.is_changed, counts.written_at = False, at
        try:
            await self._database.write_at_once(lambda connection: _upsert(connection, rows, at))
        except BaseException:
            for counts in due.values():
                counts.is_changed = True
            raise
        self._forget(at)

    def _of(self, organization_id: UUID) -> _Counts:
        hour = _hour(self._clock())
        counts = self._counts.get(organization_id)
        if counts is None:
            counts = self._counts[organization_id] = _Counts(hour)
        elif counts.hour != hour:
            counts.hour, counts.failed = hour, 0
        counts.is_changed = True
        return counts

    def _row(self, organization_id: UUID, counts: _Counts, at: datetime) -> dict[str, Any]:
        return {
            "organization_id": organization_id,
            "process_id": self._process_id,
            "hour": counts.hour,
            "failed": counts.failed,
            "running": counts.running,
            "seen_at": at,
        }

    def _forget(self, at: datetime) -> None:
        """What says nothing any more."""
        idle = [
            one
            for one, counts in self._counts.items()
            if not counts.running and not counts.is_changed and counts.hour != _hour(at)
        ]
        for organization_id in idle:
            del self._counts[organization_id]
        self._looks = {one: look for one, look in self._looks.items() if not look[1].done()}

    async def _look(self, organization_id: UUID) -> CurrentHour:
        at = self._clock()
        hour = _hour(at)
        elsewhere = select(
            func.coalesce(func.sum(case((_ACTIVITY.c.hour == hour, _ACTIVITY.c.failed), else_=0)), 0),
            func.coalesce(
                func.sum(case((_ACTIVITY.c.seen_at > at - SILENT, _ACTIVITY.c.running), else_=0)), 0
            ),
        ).where(_ACTIVITY.c.organization_id == organization_id, _ACTIVITY.c.process_id != self._process_id)
        served = select(
            func.coalesce(func.sum(HOURS.c.calls), 0), func.coalesce(func.sum(HOURS.c.cost), 0)
        ).where(HOURS.c.organization_id == organization_id, HOURS.c.hour == hour, HOURS.c.meter == CALL)

        def read(connection: Connection) -> tuple[int, ...]:
            return (*connection.execute(served).one(), *connection.execute(elsewhere).one())

        calls, cost, failed, running = map(int, await self._database.read_at_once(read))
        own = self._counts.get(organization_id)
        if own is not None:
            failed += own.failed if own.hour == hour else 0
            running += own.running
        return CurrentHour(hour, calls, cost, failed, running)

    async def _write_forever(self) -> None:
        while True:
            await asyncio.sleep(WRITE_S)
            try:
                await self.write()
                await self.expenses.write()
            except Exception:
                _log.exception("what this server does is told again in %s s", WRITE_S)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _upsert(connection: Connection, rows: list[dict[str, Any]], at: datetime) -> None:
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(_ACTIVITY)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["organization_id", "process_id"],
            set_={name: statement.excluded[name] for name in ("hour", "failed", "running", "seen_at")},
        ),
        rows,
    )
    old = (_ACTIVITY.c.hour < _hour(at), _ACTIVITY.c.seen_at < at - SILENT)
    connection.execute(delete(_ACTIVITY).where(*old))
