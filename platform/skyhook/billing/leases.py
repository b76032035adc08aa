"""Leases: this process's slices of its customers' funds, from which calls are granted in memory.

A lease is a hold in the ledger that belongs to this process (replica) and expires soon unless renewed. The
sum of what a process promises to its calls never exceeds what it leased, and the database lets nobody lease
more than there is: so nobody overspends, however many processes there are, and no call waits on a hot row.
What a dead process had leased comes back when its lease expires.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing.errors import refusal
from skyhook.billing.funds import Fund, FundAccounts, available, open_fund, set_budget
from skyhook.billing.lease import Lease
from skyhook.database import Database
from skyhook.ledger.holds import expire, hold
from skyhook.ledger.models import HoldState, LedgerHold

LEASE = timedelta(seconds=30)
"""How long a lease lives unless renewed: how long what a dead process had leased stays away."""
IDLE = timedelta(seconds=60)
"""How long a fund that no call asks for is remembered."""
SHARE = 8
"""Beyond its calls' need, a slice is at most this part of what is left, so that scarce credit is shared."""

_HOLDS = LedgerHold.metadata.tables[LedgerHold.__tablename__]
_OPEN_HOLD = (_HOLDS.c.id == bindparam("hold"), _HOLDS.c.state == HoldState.OPEN)
_GIVE_BACK = update(_HOLDS).where(*_OPEN_HOLD).values(remaining=_HOLDS.c.remaining - bindparam("excess"))
_CLOSE = update(_HOLDS).where(*_OPEN_HOLD).values(remaining=0, state=HoldState.RELEASED)


class _Till:
    """A fund in this process: its lease, and the calls that wait for a larger one."""

    __slots__ = ("budget", "funded", "lease", "slice", "taken_at", "trip", "used_at", "waiting")

    def __init__(self, now: datetime) -> None:
        self.lease: Lease | None = None
        self.budget: int | None = None
        """A key's budget as the latest call knows it."""
        self.funded: int | None = None
        """The budget that the fund is set to; None while it still has to be set, or has none."""
        self.waiting: list[tuple[int, asyncio.Future[Lease]]] = []
        self.trip: asyncio.Task[None] | None = None
        self.slice = 0
        """How much to lease at a time: it grows while slices last less than a second."""
        self.taken_at = self.used_at = now


class LeaseBook:
    """The leases of this process."""

    def __init__(self, database: Database, replica_id: UUID, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._replica_id = replica_id
        self._clock = clock
        self._tills: dict[Fund, _Till] = {}

    async def take(self, fund: Fund, amount: int, budget: int | None = None) -> Lease:
        """Promises `amount` of the fund to a call, at once where the lease has it free.

        `budget` is a key's budget, to which its fund is set when it differs. Callers that need more than is
        free share one transaction. Raises InsufficientCredit or BudgetExceeded.
        """
        till = self._tills.get(fund)
        if till is None:
            till = self._tills[fund] = _Till(self._clock())
        lease = till.lease
        if lease is not None and till.trip is None and lease.free >= amount and till.funded == budget:
            lease.promise(amount)
            return lease
        till.budget = budget
        future: asyncio.Future[Lease] = asyncio.get_running_loop().create_future()
        till.waiting.append((amount, future))
        if till.trip is None:
            till.trip = asyncio.create_task(self._serve(fund, till))
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                future.result().settle(amount, 0)
            raise

    async def _serve(self, fund: Fund, till: _Till) -> None:
        try:
            while till.waiting:
                waiting, till.waiting = till.waiting, []
                amounts = [amount for amount, future in waiting if not future.done()]
                lease, left = till.lease, 0
                try:
                    if lease is None or lease.free < sum(amounts) or till.budget != till.funded:
                        lease, left = await self._enlarge(fund, till, amounts)
                except Exception as error:
                    for _, future in waiting:
                        if not future.done():
                            future.set_exception(error)
                    continue
                for amount, future in waiting:
                    if future.done():
                        continue
                    if lease.free >= amount:
                        lease.promise(amount)
                        future.set_result(lease)
                    else:
                        future.set_exception(refusal(fund, amount, left + lease.free))
        finally:
            till.trip = None
            if till.lease is None and self._tills.get(fund) is till:
                del self._tills[fund]

    async def _enlarge(self, fund: Fund, till: _Till, amounts: list[int]) -> tuple[Lease, int]:
        """Leases what the calls need, or as many of them as there is for; also what is left in the fund."""
        now, budget = self._clock(), till.budget
        async with self._database.write() as session:
            lease = till.lease
            if lease is not None and not await self._still_ours(session, lease, now):
                self._lose(lease)
                lease = None
            if lease is not None and budget != till.funded:
                await self._give_back_free(session, lease)
            accounts = lease.accounts if lease is not None else await open_fund(session, fund)
            await expire(session, accounts.funded, now)
            is_set = budget is None or await set_budget(session, accounts, budget)
            left = await available(session, accounts)
            free = 0 if lease is None else lease.free
            taken = self._slice(till, _need(amounts, free, left), left, now)
            hold_id = None if lease is None else lease.hold_id
            if taken > 0:
                hold_id = await self._hold(session, hold_id, accounts, taken, now)
        if lease is None:
            lease = till.lease = Lease(fund, accounts, hold_id)
        lease.hold_id = hold_id
        lease.remaining += taken
        till.funded = budget if is_set else None
        return lease, left - taken

    @staticmethod
    async def _give_back_free(session: AsyncSession, lease: Lease) -> None:
        """Before a budget is lowered, so that it takes effect here at once.

        Should the transaction fail, the ledger holds more for us than we remember, until the lease ends.
        """
        if (free := lease.free) > 0:
            lease.remaining -= free
            connection = await session.connection()
            await connection.execute(_GIVE_BACK, [{"hold": lease.hold_id, "excess": free}])

    async def _still_ours(self, session: AsyncSession, lease: Lease, now: datetime) -> bool:
        if lease.hold_id is None:
            return True
        # Locks the hold before the account, as settlements do, and renews it.
        renewed = await session.scalar(
            update(_HOLDS)
            .where(_HOLDS.c.id == lease.hold_id, _HOLDS.c.state == HoldState.OPEN)
            .values(expires_at=now + LEASE)
            .returning(_HOLDS.c.id)
        )
        return renewed is not None

    async def _hold(
        self, session: AsyncSession, hold_id: UUID | None, accounts: FundAccounts, taken: int, now: datetime
    ) -> UUID:
        if hold_id is None:
            expires_at = now + LEASE
            return await hold(
                session, accounts.funded, taken, expires_at=expires_at, owner_id=self._replica_id
            )
        await session.execute(
            update(_HOLDS)
            .where(_HOLDS.c.id == hold_id)
            .values(amount=_HOLDS.c.amount + taken, remaining=_HOLDS.c.remaining + taken)
        )
        return hold_id

    @staticmethod
    def _slice(till: _Till, need: int, left: int, now: datetime) -> int:
        if need == 0:
            return 0
        busy = now - till.taken_at < timedelta(seconds=1)
        till.slice = max(8 * need, till.slice * 4 if busy else till.slice // 2)
        till.taken_at = now
        return need + min(till.slice, (left - need) // SHARE)

    def _lose(self, lease: Lease) -> None:
        lease.lost = True
        till = self._tills.get(lease.fund)
        if till is not None and till.lease is lease:
            till.lease = None

    async def check(self, leases: Iterable[Lease]) -> bool:
        """Marks those of the leases that have expired; whether there were any that were not marked before."""
        ours = {lease.hold_id: lease for lease in leases if not lease.lost}
        async with self._database.read() as session:
            open_ids = set(
                await session.scalars(
                    select(_HOLDS.c.id).where(_HOLDS.c.id.in_(ours), _HOLDS.c.state == HoldState.OPEN)
                )
            )
        expired = [lease for hold_id, lease in ours.items() if hold_id not in open_ids]
        for lease in expired:
            self._lose(lease)
        return bool(expired)

    async def renew(self) -> None:
        """Makes every lease live on, and marks those that have expired."""
        ours = [till.lease for till in self._tills.values() if till.lease and till.lease.hold_id]
        async with self._database.write() as session:
            ids = await session.scalars(
                select(_HOLDS.c.id)
                .where(_HOLDS.c.owner_id == self._replica_id, _HOLDS.c.state == HoldState.OPEN)
                .order_by(_HOLDS.c.account_id)
                .with_for_update()
            )
            renewed = set(ids)
            if renewed:
                await session.execute(
                    update(_HOLDS).where(_HOLDS.c.id.in_(renewed)).values(expires_at=self._clock() + LEASE)
                )
        for lease in ours:
            if lease.hold_id not in renewed:
                self._lose(lease)

    async def return_idle(self) -> None:
        """Gives back what the calls since the last time did not need, and forgets funds nobody asks for."""
        now = self._clock()
        excess: list[tuple[Lease, int]] = []
        forgotten: list[Lease] = []
        for fund, till in list(self._tills.items()):
            lease = till.lease
            if till.trip is not None or lease is None:
                continue
            if lease.used:
                till.used_at = now
            if now - till.used_at >= IDLE and lease.promised == 0:
                del self._tills[fund]
                forgotten.append(lease)
            elif (unused := lease.free - 2 * lease.used) > lease.used:
                lease.remaining -= unused
                excess.append((lease, unused))
            lease.used = 0
        try:
            await self._return(excess, [lease for lease in forgotten if lease.hold_id is not None])
        except Exception:
            for lease, unused in excess:
                lease.remaining += unused
            raise

    async def _return(self, excess: list[tuple[Lease, int]], forgotten: list[Lease]) -> None:
        if not excess and not forgotten:
            return
        rows = [
            (lease.accounts.funded, _GIVE_BACK, {"hold": lease.hold_id, "excess": unused})
            for lease, unused in excess
        ]
        rows += [(lease.accounts.funded, _CLOSE, {"hold": lease.hold_id}) for lease in forgotten]
        async with self._database.write() as session:
            connection = await session.connection()
            for _, statement, row in sorted(rows, key=lambda row: row[0]):  # as settlements lock
                await connection.execute(statement, row)

    async def close(self) -> None:
        """Gives every lease back."""
        self._tills.clear()
        async with self._database.write() as session:
            await session.execute(
                select(_HOLDS.c.id)
                .where(_HOLDS.c.owner_id == self._replica_id, _HOLDS.c.state == HoldState.OPEN)
                .order_by(_HOLDS.c.account_id)
                .with_for_update()
            )
            await session.execute(
                update(_HOLDS)
                .where(_HOLDS.c.owner_id == self._replica_id, _HOLDS.c.state == HoldState.OPEN)
                .values(remaining=0, state=HoldState.RELEASED)
            )


def _need(amounts: list[int], free: int, left: int) -> int:
    """How much more the calls need, in their order, those left out for whom there is not enough."""
    total = 0
    for amount in amounts:
        if total + amount <= free + left:
            total += amount
    return max(0, total - free)
