"""An organization's prepaid credit."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing import grants
from skyhook.billing.calls import Balance
from skyhook.billing.funds import CREDIT_ASSET, Fund, open_fund
from skyhook.billing.models import GrantCategory
from skyhook.clock import now
from skyhook.errors import InvalidInput
from skyhook.ledger.errors import TransferKeyReused
from skyhook.ledger.models import LedgerAccount
from skyhook.ledger.service import Movement, known_transfer, post


async def grant(
    session: AsyncSession,
    organization_id: UUID,
    amount: int,
    *,
    reason: str,
    key: str,
    category: GrantCategory = GrantCategory.PROMOTIONAL,
    expires_at: datetime | None = None,
    priority: int = grants.USUAL_PRIORITY,
    at: datetime | None = None,
) -> UUID:
    """Adds `amount` nano-dollars of credit, once for each `key` of the organization; the transfer's id.

    Raises TransferKeyReused where the key granted something else before, InvalidInput for an amount below 1,
    an expiry that is over, or a priority out of range.
    """
    at = at or now()
    if expires_at is not None and expires_at <= at:
        raise InvalidInput("Credit can only expire in the future.", field="expires_at")
    if not 0 <= priority <= grants.LOWEST_PRIORITY:
        raise InvalidInput(f"A priority is 0 to {grants.LOWEST_PRIORITY}.", field="priority")
    await grants.allocate(session, organization_id)
    accounts = await open_fund(session, Fund(organization_id))
    movements = [Movement(accounts.source, accounts.funded, amount)]
    transfer_key = key_of(organization_id, key)
    known = await known_transfer(session, movements, [None], reason, transfer_key)
    if known is not None:
        before = await grants.named(session, organization_id, transfer_key)
        if before is not None and (before.expires_at, before.priority) != (expires_at, priority):
            raise TransferKeyReused(
                "This key granted credit with another expiry or priority. Use a new key.", field="key"
            )
        return known
    transfer_id = await post(session, movements, reference=reason, key=transfer_key)
    await grants.add(
        session, organization_id, amount, category=category, reference=reason, key=transfer_key,
        expires_at=expires_at, priority=priority, at=at,
    )  # fmt: skip
    return transfer_id


def key_of(organization_id: UUID, key: str) -> str:
    """The key of the transfer and of the grant that `grant` makes for a key."""
    return f"credit:{organization_id}:{key}"


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
