"""Idempotency keys: the same key with the same request gives the same answer and is charged once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, bindparam, delete, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing.calls import IdempotentResult
from skyhook.billing.errors import IdempotencyKeyReused
from skyhook.billing.lookups import Lookups
from skyhook.billing.models import IdempotencyRecord
from skyhook.database import Database
from skyhook.errors import InvalidInput

KEPT = timedelta(hours=24)
"""How long a result is kept, at least; a sweep deletes it then."""

LONGEST_KEY = 270
"""In characters."""

_RECORDS = IdempotencyRecord.metadata.tables[IdempotencyRecord.__tablename__]
_NAME = (_RECORDS.c.organization_id, _RECORDS.c.key)
_SELECT = select(
    *_NAME, _RECORDS.c.operation, _RECORDS.c.fingerprint, _RECORDS.c.result, _RECORDS.c.usage_event_id
).where(tuple_(*_NAME).in_(bindparam("names", expanding=True)))


class Winner(NamedTuple):
    """The call that was first with a key."""

    operation: str
    fingerprint: bytes
    result: bytes
    usage_event_id: UUID


class _Running(NamedTuple):
    operation: str
    fingerprint: bytes
    ended: asyncio.Future[bytes | None]
    """The result; None where the call failed or gave up."""


class Idempotency:
    """The keys of this process's running calls, and everybody's stored results."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        self._running: dict[tuple[UUID, str], _Running] = {}
        self._stored: Lookups[tuple[UUID, str], Winner] = Lookups(
            lambda names: database.read_at_once(partial(_winners, names=names))
        )

    async def begin(
        self, organization_id: UUID, key: str, operation: str, fingerprint: bytes
    ) -> bytes | None:
        """The stored result, or None: go on, then call `Billing.settle` or `abandon`.

        Waits for a running call with the same key in this process. Raises IdempotencyKeyReused where the key
        belongs to another request, InvalidInput where it is no key.
        """
        if not 0 < len(key) <= LONGEST_KEY or not key.isprintable():
            raise InvalidInput(
                f"An idempotency key has 1 to {LONGEST_KEY} printable characters.", field="idempotencyKey"
            )
        name = (organization_id, key)
        while (running := self._running.get(name)) is not None:
            if (running.operation, running.fingerprint) != (operation, fingerprint):
                raise _reused()
            result = await asyncio.shield(running.ended)
            if result is not None:
                return result
        ended = asyncio.get_running_loop().create_future()
        self._running[name] = _Running(operation, fingerprint, ended)
        try:
            winner = await self._stored.get(name)
        except BaseException:
            self.abandon(organization_id, key)
            raise
        if winner is None:
            return None
        self.finish(organization_id, key, winner.result)
        if (winner.operation, winner.fingerprint) != (operation, fingerprint):
            raise _reused()
        return winner.result

    def abandon(self, organization_id: UUID, key: str) -> None:
        """The call failed or gave up: one that waits for it may run."""
        self.finish(organization_id, key, None)

    def finish(self, organization_id: UUID, key: str, result: bytes | None) -> None:
        """Wakes the calls that wait for this one."""
        running = self._running.pop((organization_id, key), None)
        if running is not None and not running.ended.done():
            running.ended.set_result(result)

    def store(
        self, connection: Connection, results: Sequence[tuple[UUID, UUID, IdempotentResult]]
    ) -> dict[UUID, Winner]:
        """Stores the results of (organization, usage event) where their keys are free.

        Returns, by the usage event's id, who was first where it was somebody else.
        """
        at = self._clock()
        rows = [
            {
                "organization_id": organization_id,
                "key": result.key,
                "operation": result.operation,
                "fingerprint": result.fingerprint,
                "result": result.result,
                "usage_event_id": event_id,
                "created_at": at,
            }
            for organization_id, event_id, result in results
        ]
        # In one order everywhere: two processes that store the same keys do not deadlock.
        rows.sort(key=lambda row: (row["organization_id"], row["key"]))
        stored = set(connection.execute(_insert(connection.dialect.name), rows).scalars())
        lost = {
            event_id: (organization_id, result.key)
            for organization_id, event_id, result in results
            if event_id not in stored
        }
        if not lost:
            return {}
        winners = _winners(connection, list(lost.values()))
        return {event_id: winners[name] for event_id, name in lost.items()}

    async def sweep(self, session: AsyncSession) -> None:
        """Deletes the results that were kept long enough."""
        await session.execute(delete(_RECORDS).where(_RECORDS.c.created_at <= self._clock() - KEPT))


def replay(winner: Winner, result: IdempotentResult) -> bytes:
    """The winner's result for a call that came second; raises IdempotencyKeyReused for another request."""
    if (winner.operation, winner.fingerprint) != (result.operation, result.fingerprint):
        raise _reused()
    return winner.result


def _winners(connection: Connection, names: Sequence[tuple[UUID, str]]) -> dict[tuple[UUID, str], Winner]:
    rows = connection.execute(_SELECT, {"names": names})
    return {(row[0], row[1]): Winner(*row[2:]) for row in rows}


def _reused() -> IdempotencyKeyReused:
    return IdempotencyKeyReused(
        "This idempotency key belongs to another request. Use a new key for a new request.",
        field="idempotencyKey",
    )


@cache
def _insert(dialect: str) -> Any:
    insert = (sqlite if dialect == "sqlite" else postgresql).insert(_RECORDS)
    return insert.on_conflict_do_nothing().returning(_RECORDS.c.usage_event_id)
