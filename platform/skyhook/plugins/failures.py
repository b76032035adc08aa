"""What went wrong in plugins within a day: collected in memory, written every few seconds."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update

from skyhook.clock import now
from skyhook.database import Database
from skyhook.errors import SkyhookError
from skyhook.ledger.service import insert_if_absent
from skyhook.operations.request import REQUEST_ID
from skyhook.plugins.models import PluginFailure

KEPT = timedelta(days=1)
FLUSH_S = 2.0
MOST_KINDS = 1000
"""Between two writes; what goes beyond is in the log alone."""
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Seen:
    """One kind of failure since the last write."""

    plugin: str
    message: str
    request_id: str
    first_at: datetime
    last_at: datetime
    count: int = 1


class Failures:
    """Notes failures that are not the caller's own fault, and tells the last ones."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: dict[tuple[UUID, str, str], _Seen] = {}
        self._flusher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to write down what is noted."""
        self._flusher = asyncio.create_task(self._flush_forever())

    async def close(self) -> None:
        """Writes down what is left to write."""
        if self._flusher is not None:
            self._flusher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._flusher
        await self.flush()

    def note(self, organization_id: UUID, plugin: str, operation: str, error: BaseException) -> None:
        """Notes an error of an operation, unless it tells the caller what the caller did wrong."""
        if isinstance(error, SkyhookError):
            if error.status < 500 and not error.retryable and error.code != SkyhookError.code:
                return
            code, message = error.code, error.message
        elif isinstance(error, Exception):
            code, message = SkyhookError.code, "An unexpected error; its cause is in the server's log."
        else:
            return
        key = (organization_id, operation[:80], code[:60])
        seen, at = self._seen.get(key), now()
        if seen is None:
            if len(self._seen) < MOST_KINDS:
                self._seen[key] = _Seen(plugin, message[:500], REQUEST_ID.get()[:200], at, at)
            return
        seen.message, seen.request_id, seen.last_at = message[:500], REQUEST_ID.get()[:200], at
        seen.count += 1

    async def latest(self, organization_id: UUID, plugin: str | None = None) -> Sequence[PluginFailure]:
        """An organization's failures within a day, the last one first."""
        query = select(PluginFailure).where(
            PluginFailure.organization_id == organization_id, PluginFailure.last_at > now() - KEPT
        )
        if plugin is not None:
            query = query.where(PluginFailure.plugin == plugin)
        async with self._database.read() as session:
            return (await session.scalars(query.order_by(PluginFailure.last_at.desc()))).all()

    async def flush(self) -> None:
        """Writes down what was noted, and forgets what is older than a day."""
        if not self._seen:
            return
        # In one order everywhere, so that no two processes deadlock.
        seen, self._seen = dict(sorted(self._seen.items())), {}
        async with self._database.write() as session:
            await session.execute(delete(PluginFailure).where(PluginFailure.last_at < now() - KEPT))
            for (organization_id, operation, code), one in seen.items():
                key = {"organization_id": organization_id, "operation": operation, "code": code}
                row = key | {"plugin": one.plugin, "first_at": one.first_at, "last_at": one.last_at}
                row |= {"message": "", "request_id": "", "count": 0}
                await session.execute(insert_if_absent(session, PluginFailure).values(**row))
                await session.execute(
                    update(PluginFailure)
                    .filter_by(**key)
                    .values(
                        message=one.message,
                        request_id=one.request_id,
                        last_at=one.last_at,
                        count=PluginFailure.count + one.count,
                    )
                    .execution_options(synchronize_session=False)
                )

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await self.flush()
            except Exception:
                _log.exception("failures of plugins could not be written; they are in the log alone")
