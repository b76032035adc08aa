"""Group commit: calls that end while a transaction is being written, and shortly after, share the next one.

A call that ends alone is written at once. Each returns only when its own settlement is durable.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

from skyhook.billing.calls import Receipt, Served
from skyhook.billing.errors import IdempotencyKeyReused, InsufficientCredit
from skyhook.billing.idempotency import Idempotency, Winner, replay
from skyhook.billing.lease import Lease
from skyhook.billing.leases import LeaseBook
from skyhook.billing.prices import PriceList
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.ledger.models import LedgerEntry
from skyhook.usage.recording import EVENTS, Usage, record

LARGEST_BATCH = 256
"""Calls in one transaction: it bounds how long a row of the ledger stays locked."""
WINDOW_S = 0.001
"""A pause between two batches, in which the callers of the first send their next: nobody waits when idle."""
RETRIES_S = (0.05, 0.2, 1.0)
"""Pauses before a batch is tried again that failed for no fault of its calls, such as a lost connection."""
_RETRYABLE_STATES = ("40001", "40P01")  # PostgreSQL: serialization failure, deadlock

_INSERT_ENTRIES = insert(LedgerEntry.metadata.tables[LedgerEntry.__tablename__])
_log = logging.getLogger(__name__)


class _Item:
    """A call on its way to be durable."""

    __slots__ = ("ended", "future", "leases", "served", "usage")

    def __init__(self, served: Served, usage: Usage, leases: tuple[Lease, ...]) -> None:
        self.served = served
        self.usage = usage
        self.leases = leases
        self.ended = False
        self.future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()

    def refuse(self, error: BaseException) -> None:
        """Tells the caller, or the log where nobody waits any more."""
        if not self.future.done():
            self.future.set_exception(error)
        elif self.future.cancelled():
            _log.error("a call that was served could not be charged", exc_info=error)


class Settlement:
    """Writes what calls used and what they are charged."""

    def __init__(
        self,
        database: Database,
        prices: PriceList,
        leases: LeaseBook,
        idempotency: Idempotency,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._prices = prices
        self._leases = leases
        self._idempotency = idempotency
        self._clock = clock
        self._queue: list[_Item] = []
        self._running: asyncio.Task[None] | None = None

    async def settle(self, served: Served) -> Receipt:
        """Charges a call; returns when that is durable. See `Billing.settle`."""
        leases = served.hold.consume()
        try:
            item = _Item(served, self._usage(served), leases)
        except BaseException:
            self._release(served, leases, charged=0, result=None)
            raise
        self._queue.append(item)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await item.future

    async def drain(self) -> None:
        """Waits until everything that ended is written."""
        while self._running is not None:
            await asyncio.shield(self._running)

    def _usage(self, served: Served) -> Usage:
        payer = served.payer
        items = self._prices.itemize(served.quantities, served.model, payer.organization_id)
        left = served.hold.amount
        for meter, (quantity, cost) in items.items():
            items[meter] = (quantity, min(cost, left))
            left -= items[meter][1]
        return Usage(
            id=new_id(),
            organization_id=payer.organization_id,
            key_id=payer.key_id,
            user_id=payer.user_id,
            plugin=served.plugin,
            operation=served.operation,
            model=served.model,
            quantities=items,
            cost=served.hold.amount - left,
            outcome=served.outcome,
            started_at=served.started_at.astimezone(UTC),
            duration_ms=served.duration_ms,
            expenses=served.expenses,
        )

    async def _run(self) -> None:
        try:
            while self._queue:
                batch, self._queue = self._queue[:LARGEST_BATCH], self._queue[LARGEST_BATCH:]
                try:
                    await self._commit(batch)
                except BaseException as error:
                    self._fail(batch, error)
                    raise
                if self._queue:
                    await asyncio.sleep(WINDOW_S)
        finally:
            self._running = None

    async def _commit(self, batch: list[_Item]) -> None:
        """Writes a batch; what a failure leaves unwritten is tried again in smaller ones."""
        for pause in (*RETRIES_S, None):
            try:
                winners = await self._write(batch)
            except Exception as error:
                batch = await self._unwritten(batch, error)
                if not batch:
                    return None
                if _is_passing(error) and pause is not None:
                    _log.warning("settlement of %d calls is tried again: %s", len(batch), error)
                    await asyncio.sleep(pause)
                    continue
                return await self._isolate(batch, error)
            return self._succeed(batch, winners)
        return None

    async def _isolate(self, batch: list[_Item], error: Exception) -> None:
        """Finds the calls for which a batch failed, so that the others do not suffer."""
        if _is_passing(error):
            self._fail(batch, error)
        elif await self._leases.check(lease for item in batch for lease in item.leases):
            await self._commit(batch)
        elif len(batch) > 1:
            await self._commit(batch[: len(batch) // 2])
            await self._commit(batch[len(batch) // 2 :])
        else:
            self._fail(batch, error)

    async def _unwritten(self, batch: list[_Item], error: Exception) -> list[_Item]:
        """The calls that are not written: where a connection was lost in a commit, they may be."""
        if not _is_passing(error):
            return batch
        try:
            async with self._database.read() as session:
                ids = [item.usage.id for item in batch]
                written = set(await session.scalars(select(EVENTS.c.id).where(EVENTS.c.id.in_(ids))))
        except Exception:
            return batch
        self._succeed([item for item in batch if item.usage.id in written], {})
        return [item for item in batch if item.usage.id not in written]

    async def _write(self, batch: Sequence[_Item]) -> Mapping[UUID, Winner]:
        """One transaction; returns, by usage event, whose result stands where another call was first.

        Rows that other processes write too are touched in one order everywhere: idempotency keys, hours, then
        each account after its hold. The accounts come last: they are locked for the shortest time.
        """
        results = [
            (item.usage.organization_id, item.usage.id, item.served.idempotency)
            for item in batch
            if item.served.idempotency is not None
        ]

        holds = {lease: lease.open_hold for item in batch for lease in item.leases}

        def work(connection: Connection) -> Mapping[UUID, Winner]:
            winners = self._idempotency.store(connection, results) if results else {}
            first = [item for item in batch if item.usage.id not in winners] if winners else batch
            if first:
                entries, transfers = self._entries(first, holds)
                record(connection, [item.usage for item in first], transfers)
                if entries:
                    connection.execute(_INSERT_ENTRIES, entries)
            return winners

        return await self._database.write_at_once(work)

    def _entries(
        self, items: Sequence[_Item], holds: Mapping[Lease, UUID | None]
    ) -> tuple[list[dict[str, Any]], dict[UUID, UUID]]:
        """The ledger's rows, one transfer for each account, and the transfer that paid by usage event."""
        sums: dict[Lease, int] = {}
        for item in items:
            if item.usage.cost:
                for lease in item.leases:
                    sums[lease] = sums.get(lease, 0) + item.usage.cost
        # By account, and what is captured from a hold first: the order in which everybody locks.
        leases = sorted(sums, key=lambda lease: (lease.accounts.funded, holds[lease] is None))
        transfers: dict[UUID, UUID] = {}
        at = self._clock()
        rows = [
            {
                "id": new_id(),
                "transfer_id": transfers.setdefault(lease.accounts.funded, new_id()),
                "position": position,
                "debit_account_id": lease.accounts.funded,
                "credit_account_id": lease.accounts.spent,
                "asset": lease.accounts.asset,
                "amount": sums[lease],
                "hold_id": holds[lease],
                "reference": "usage",
                "created_at": at,
            }
            for position, lease in enumerate(leases)
        ]
        paid_by = {lease: transfers[lease.accounts.funded] for lease in leases}
        return rows, {item.usage.id: paid_by[item.leases[0]] for item in items if item.usage.cost}

    def _succeed(self, batch: Sequence[_Item], winners: Mapping[UUID, Winner]) -> None:
        for item in batch:
            usage, result = item.usage, item.served.idempotency
            winner = winners.get(usage.id)
            if winner is None or result is None:
                self._end(item, usage.cost, None if result is None else result.result)
                receipt = Receipt(usage.id, usage.cost, None)
            else:
                self._end(item, 0, winner.result)
                try:
                    receipt = Receipt(winner.usage_event_id, 0, replay(winner, result))
                except IdempotencyKeyReused as error:
                    item.refuse(error)
                    continue
            if not item.future.done():
                item.future.set_result(receipt)

    def _fail(self, batch: Sequence[_Item], error: BaseException) -> None:
        for item in batch:
            self._end(item, charged=0, result=None)
            if any(lease.lost for lease in item.leases) and "ck_ledger_accounts_floor" in str(error):
                item.refuse(
                    InsufficientCredit(
                        "What was set aside for this call expired while the database could not be reached, "
                        "and too little is left. Add credit or raise the key's budget, then try again."
                    )
                )
            else:
                item.refuse(error)

    def _end(self, item: _Item, charged: int, result: bytes | None) -> None:
        if not item.ended:
            item.ended = True
            self._release(item.served, item.leases, charged, result)

    def _release(self, served: Served, leases: tuple[Lease, ...], charged: int, result: bytes | None) -> None:
        for lease in leases:
            lease.settle(served.hold.amount, charged)
        if served.idempotency is not None:
            self._idempotency.finish(served.payer.organization_id, served.idempotency.key, result)


def _is_passing(error: Exception) -> bool:
    """Whether the database failed, rather than refused what was written."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None)
        return (
            error.connection_invalidated
            or state in _RETRYABLE_STATES
            or isinstance(error, OperationalError | InterfaceError)
        )
    return isinstance(error, OSError)
