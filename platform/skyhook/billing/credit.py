"""An organization's prepaid credit."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing.calls import Balance
from skyhook.billing.funds import CREDIT_ASSET, Fund, open_fund
from skyhook.ledger.models import LedgerAccount
from skyhook.ledger.service import Movement, post


async def grant(session: AsyncSession, organization_id: UUID, amount: int, *, reason: str, key: str) -> UUID:
    """Adds `amount` nano-dollars of credit, once for each `key` of the organization; the transfer's id.

    Raises TransferKeyReused where the key granted something else before, InvalidInput for an amount below 1.
    """
    accounts = await open_fund(session, Fund(organization_id))
    return await post(
        session,
        [Movement(accounts.source, accounts.funded, amount)],
        reference=reason,
        key=f"credit:{organization_id}:{key}",
    )


async def balance(session: AsyncSession, organization_id: UUID) -> Balance:
    """The organization's credit; zero where it was never granted any."""
    row = (
        await session.execute(
            select(LedgerAccount.balance, LedgerAccount.held).where(
                LedgerAccount.organization_id == organization_id,
                LedgerAccount.kind == "credit",
                LedgerAccount.asset == CREDIT_ASSET,
            )
        )
    ).one_or_none()
    if row is None:
        return Balance(0, 0, 0)
    return Balance(row.balance, row.held, row.balance - row.held)
