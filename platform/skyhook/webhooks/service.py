"""Webhooks: what the rest of the core sees of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from skyhook import clock as clocks
from skyhook.database import Database
from skyhook.webhooks import outbox


class Webhooks:
    """One for each server process."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = clocks.now) -> None:
        self._database = database
        self._clock = clock
        self._woken = asyncio.Event()

    async def publish(
        self, session: AsyncSession, organization_id: UUID, type: str, data: Mapping[str, Any], *, key: str
    ) -> UUID | None:
        """Adds an event and its deliveries to the caller's unit of work: they stand exactly if it stands.

        Call `wake` after it. `type` is one of `EVENT_TYPES`; `data` is what JSON can carry; `key` names what
        happened, such as `job:<id>:completed`: a second event of the organization with the same key is not
        written. Returns the event's id, that of the first one for a repeated key, and None where no endpoint
        of the organization wants it. Raises ValueError for an unknown type.
        """
        connection = await session.connection()
        write = partial(outbox.publish, key=key, at=self._clock())
        return await connection.run_sync(write, organization_id, type, data)

    def wake(self) -> None:
        """Delivers what was published at once; without it the next look, seconds later, finds it."""
        self._woken.set()
