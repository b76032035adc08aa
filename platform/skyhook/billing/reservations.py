"""Reservations: what jobs may cost, set aside in the ledger so that it outlives the process.

A call's hold lives in the memory of one process. A job waits and runs longer, perhaps in several processes
one after the other: what it may cost is a hold of its own in the ledger, until it is charged or given back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing.calls import Payer
from skyhook.billing.lease import Lease
from skyhook.billing.prices import PriceList
from skyhook.clock import new_id
from skyhook.ledger.holds import capture, hold, release
from skyhook.ledger.models import HoldState, LedgerHold
from skyhook.usage.recording import EVENTS, Usage, record

_HOLDS = LedgerHold.metadata.tables[LedgerHold.__tablename__]
_GIVE = (
    update(_HOLDS)
    .where(_HOLDS.c.id == bindparam("hold"), _HOLDS.c.state == HoldState.OPEN)
    .values(remaining=_HOLDS.c.remaining - bindparam("moved"))
)


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is set aside for one job."""

    amount: int
    """In nano-dollars: the most that it can cost."""
    holds: tuple[tuple[UUID, UUID], ...]
    """The credit's hold and then, where the key has a budget, the budget's; each with the account that it is
    captured into."""


@dataclass(frozen=True, slots=True)
class ServedJob:
    """A job that ended, to be charged for what it served."""

    id: UUID
    payer: Payer
    reservation: Reservation
    plugin: str
    operation: str
    model: str | None
    quantities: dict[str, int]
    outcome: str
    started_at: datetime
    duration_ms: int
    expenses: Mapping[str, tuple[int, int]] | None = None
    """As a call's."""


async def reserve(session: AsyncSession, amount: int, leases: tuple[Lease, ...]) -> Reservation:
    """Moves what this process holds into holds of its own in the ledger, within the caller's unit of work.

    Where a lease was lost meanwhile the fund itself must have enough. Raises InsufficientFunds.
    """
    holds: dict[Lease, UUID] = {}
    connection = await session.connection()
    for lease in sorted(leases, key=lambda lease: lease.accounts.funded):  # the order in which all lock
        if lease.open_hold is not None:
            await connection.execute(_GIVE, [{"hold": lease.open_hold, "moved": amount}])
        holds[lease] = await hold(session, lease.accounts.funded, amount)
    return Reservation(amount, tuple((holds[lease], lease.accounts.spent) for lease in leases))


async def charge(session: AsyncSession, prices: PriceList, job: ServedJob) -> int:
    """Charges a job, once for its id, and gives the rest of its reservation back; returns its cost.

    Within the caller's unit of work, which must make sure that it is the only one to end this job.
    """
    left = job.reservation.amount
    items = prices.itemize(job.quantities, job.model, job.payer.organization_id)
    for meter, (quantity, cost) in items.items():
        items[meter] = (quantity, min(cost, left))
        left -= items[meter][1]
    usage = Usage(
        id=new_id(),
        organization_id=job.payer.organization_id,
        key_id=job.payer.key_id,
        user_id=job.payer.user_id,
        plugin=job.plugin,
        operation=job.operation,
        model=job.model,
        quantities=items,
        cost=job.reservation.amount - left,
        outcome=job.outcome,
        started_at=job.started_at.astimezone(UTC),
        duration_ms=job.duration_ms,
        expenses=job.expenses,
    )

    def write(connection: Connection) -> None:
        record(connection, [usage], {})

    # Hours before accounts, as settlements lock.
    await (await session.connection()).run_sync(write)
    await _lock(session, job.reservation)
    if usage.cost:
        transfers = [
            await capture(session, hold_id, spent, usage.cost, reference="usage")
            for hold_id, spent in job.reservation.holds
        ]
        paid = update(EVENTS).where(EVENTS.c.id == usage.id).values(transfer_id=transfers[0])
        await session.execute(paid)
    await give_back(session, job.reservation)
    return usage.cost


async def give_back(session: AsyncSession, reservation: Reservation) -> None:
    """Gives back what remains of a reservation, within the caller's unit of work."""
    await _lock(session, reservation)
    ids = [hold_id for hold_id, _ in reservation.holds]
    query = select(_HOLDS.c.id).where(_HOLDS.c.id.in_(ids), _HOLDS.c.state == HoldState.OPEN)
    for hold_id in await session.scalars(query.order_by(_HOLDS.c.account_id)):
        await release(session, hold_id)


async def _lock(session: AsyncSession, reservation: Reservation) -> None:
    ids = [hold_id for hold_id, _ in reservation.holds]
    query = select(_HOLDS.c.id).where(_HOLDS.c.id.in_(ids)).order_by(_HOLDS.c.account_id)
    await session.execute(query.with_for_update())
