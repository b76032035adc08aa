"""Two-phase movements: set an amount aside, then capture it in parts, give it back, or let it expire."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.clock import new_id, now
from skyhook.errors import InvalidInput, NotFound
from skyhook.ledger.errors import HoldNotOpen
from skyhook.ledger.models import HoldState, LedgerHold
from skyhook.ledger.service import Movement, known_transfer, post, refusals


async def hold(
    session: AsyncSession,
    account_id: UUID,
    amount: int,
    *,
    expires_at: datetime | None = None,
    owner_id: UUID | None = None,
) -> UUID:
    """Sets `amount` of the account aside; returns the hold's id. Raises InsufficientFunds."""
    if amount <= 0:
        raise InvalidInput("An amount must be positive.", field="amount")
    hold_id = new_id()
    row = {
        "id": hold_id,
        "account_id": account_id,
        "amount": amount,
        "remaining": amount,
        "state": HoldState.OPEN,
        "expires_at": expires_at,
        "owner_id": owner_id,
        "created_at": now(),
    }
    async with refusals(session):
        await session.execute(insert(LedgerHold), [row])
    return hold_id


async def capture(
    session: AsyncSession,
    hold_id: UUID,
    credit_account_id: UUID,
    amount: int,
    *,
    reference: str,
    key: str | None = None,
    at: datetime | None = None,
) -> UUID:
    """Moves `amount` of what the hold has set aside; returns the transfer's id.

    May be called several times; the hold is closed when nothing remains.
    Raises HoldNotOpen where it is closed, expired at `at` (default: now), or less remains.
    """
    row = await _locked(session, hold_id)
    movement = Movement(row.account_id, credit_account_id, amount, hold_id)
    if key is not None and (known := await known_transfer(session, [movement], [None], reference, key)):
        return known
    if row.state == HoldState.OPEN and row.expires_at is not None and row.expires_at <= (at or now()):
        raise HoldNotOpen("The hold has expired. Make a new one.")
    transfer_id = await post(session, [movement], reference=reference, key=key)
    await session.execute(
        update(LedgerHold)
        .where(LedgerHold.id == hold_id, LedgerHold.state == HoldState.OPEN, LedgerHold.remaining == 0)
        .values(state=HoldState.CAPTURED)
    )
    return transfer_id


async def release(session: AsyncSession, hold_id: UUID) -> int:
    """Gives back what remains of the hold and closes it; returns how much. Raises HoldNotOpen, NotFound."""
    row = await _locked(session, hold_id)
    if row.state != HoldState.OPEN:
        raise HoldNotOpen(f"The hold is {row.state}; nothing of it remains.")
    await session.execute(
        update(LedgerHold)
        .where(LedgerHold.id == hold_id)
        .values(remaining=0, state=HoldState.RELEASED)
        .execution_options(synchronize_session=False)
    )
    return row.remaining


async def expire(session: AsyncSession, account_id: UUID, at: datetime) -> int:
    """Gives back what remains of the account's holds that have expired; returns how many there were.

    A hold that somebody is capturing from right now is left for the next time.
    """
    expired = (
        select(LedgerHold.id)
        .where(
            LedgerHold.account_id == account_id,
            LedgerHold.state == HoldState.OPEN,
            LedgerHold.expires_at <= at,
        )
        .order_by(LedgerHold.id)
        .with_for_update(skip_locked=True)
    )
    ids = (await session.scalars(expired)).all()
    if ids:
        await session.execute(
            update(LedgerHold)
            .where(LedgerHold.id.in_(ids))
            .values(remaining=0, state=HoldState.EXPIRED)
            .execution_options(synchronize_session=False)
        )
    return len(ids)


async def accounts_with_expired(session: AsyncSession, at: datetime) -> list[UUID]:
    """The accounts that have holds to expire. Expire each in a transaction of its own: locks stay ordered."""
    rows = await session.scalars(
        select(LedgerHold.account_id)
        .where(LedgerHold.state == HoldState.OPEN, LedgerHold.expires_at <= at)
        .distinct()
    )
    return list(rows)


async def _locked(session: AsyncSession, hold_id: UUID) -> LedgerHold:
    row = await session.scalar(
        select(LedgerHold)
        .where(LedgerHold.id == hold_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NotFound("There is no such hold.")
    return row
