"""Rate limits: points a minute for each key, exact over every server process.

A process takes a slice of the minute's points from the database and spends it from memory, so that
most requests need no database trip and no number of processes can exceed the limit together.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from skyhook.database import Database
from skyhook.keys.errors import RateLimited
from skyhook.keys.models import RateWindow
from skyhook.operations.caller import Caller
from skyhook.operations.rate import UNLIMITED, RateState

SLICES = 10
"""A process takes this part of a limit at a time: small enough that others find some left."""
KEPT_MINUTES = 5
REMEMBERED_KEYS = 10_000


@dataclass(slots=True)
class _Slice:
    minute: int
    left: int = 0
    elsewhere: int = 0
    """Points of this minute that nobody had taken when the slice was."""


class RateLimits:
    """Takes and gives back points of callers' rate limits."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._slices: dict[UUID, _Slice] = {}
        self._locks: dict[UUID, asyncio.Lock] = {}

    async def take(self, caller: Caller, points: int) -> RateState:
        """Takes points. Raises RateLimited with the seconds until the next minute begins."""
        limit, key_id = caller.rate_limit_per_minute, caller.limits_key_id
        if limit is None or key_id is None:
            return UNLIMITED
        minute = int(self._clock() // 60)
        part = self._slices.get(key_id)
        if part is None or part.minute != minute or part.left < points:
            part = await self._widen(key_id, minute, limit, points)
        if part.left < points:
            raise RateLimited(
                f"This request costs {points} of the {limit} points a minute that the key has; "
                f"{part.left + part.elsewhere} are left in this minute.",
                retry_after_s=self._reset_seconds(),
            )
        part.left -= points
        return RateState(limit, part.left + part.elsewhere, self._reset_seconds())

    def give_back(self, caller: Caller, points: int) -> None:
        """Gives back points that were taken in this minute and not used."""
        part = self._slices.get(caller.limits_key_id) if caller.limits_key_id else None
        if part is not None and part.minute == int(self._clock() // 60):
            part.left += points

    async def _widen(self, key_id: UUID, minute: int, limit: int, points: int) -> _Slice:
        async with self._locks.setdefault(key_id, asyncio.Lock()):
            part = self._slices.get(key_id)
            if part is None or part.minute != minute:
                self._drop_old(minute)
                part = self._slices[key_id] = _Slice(minute)
            if part.left < points:
                wanted = max(points - part.left, limit // SLICES)
                granted, part.elsewhere = await self._take_from_window(key_id, minute, limit, wanted)
                part.left += granted
            return part

    async def _take_from_window(self, key_id: UUID, minute: int, limit: int, wanted: int) -> tuple[int, int]:
        dialect = sqlite if self._database.is_sqlite else postgresql
        begin = dialect.insert(RateWindow).values(key_id=key_id, minute=minute, taken=0)
        async with self._database.write() as session:
            await session.execute(begin.on_conflict_do_nothing())
            here = (RateWindow.key_id == key_id, RateWindow.minute == minute)
            taken = await session.scalar(select(RateWindow.taken).where(*here).with_for_update()) or 0
            granted = max(0, min(wanted, limit - taken))
            if granted:
                await session.execute(update(RateWindow).where(*here).values(taken=taken + granted))
            old = (RateWindow.key_id == key_id, RateWindow.minute < minute - KEPT_MINUTES)
            await session.execute(delete(RateWindow).where(*old))
        return granted, max(0, limit - taken - granted)

    def _drop_old(self, minute: int) -> None:
        if len(self._slices) >= REMEMBERED_KEYS:
            self._slices = {key_id: part for key_id, part in self._slices.items() if part.minute == minute}
            self._locks = {key_id: lock for key_id, lock in self._locks.items() if lock.locked()}

    def _reset_seconds(self) -> int:
        return 60 - int(self._clock() % 60)
