"""The credit that is included in a plan: given for each paid month, and taken back with its money."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing import credit, grants
from skyhook.billing.funds import Fund, available, open_fund
from skyhook.billing.models import GrantCategory
from skyhook.clock import now
from skyhook.ledger.models import LedgerEntry
from skyhook.ledger.service import Movement, post


async def give_included(
    session: AsyncSession, organization_id: UUID, amount: int, *, title: str, invoice: str, until: datetime
) -> None:
    """Adds the credit of a paid invoice, in nano-dollars; what is left of it expires with the period."""
    await credit.grant(
        session, organization_id, amount, reason=f"included in {title}", key=_key(invoice),
        category=GrantCategory.PLAN, expires_at=until,
    )  # fmt: skip


async def is_given(session: AsyncSession, organization_id: UUID, invoice: str) -> bool:
    """Whether an invoice has added its credit."""
    key = credit.key_of(organization_id, _key(invoice))
    return await grants.named(session, organization_id, key) is not None


async def take_back_included(
    session: AsyncSession, organization_id: UUID, cents: int, of: int, *, invoice: str, key: str
) -> None:
    """Takes back the part of an invoice's credit that was not spent, as `cents` of its `of` went back.

    What was spent of it is not owed: other credit is not touched. The caller makes sure that it happens once.
    """
    grant_key = credit.key_of(organization_id, _key(invoice))
    await grants.allocate(session, organization_id)
    grant = await grants.named(session, organization_id, grant_key)
    if grant is None:
        return
    accounts = await open_fund(session, Fund(organization_id))
    left = await available(session, accounts)
    amount = min(grant.amount * cents // of, grant.remaining, max(left, 0))
    if amount:
        await post(
            session,
            [Movement(accounts.funded, accounts.source, amount)],
            reference="refund or dispute",
            key=key,
        )
        await grants.lower(session, organization_id, amount, first=grant_key)


async def give_back_included(
    session: AsyncSession, organization_id: UUID, *, invoice: str, taken: str, key: str
) -> None:
    """Gives again what `take_back_included` took by the key `taken`, until the same time as before."""
    grant = await grants.named(session, organization_id, credit.key_of(organization_id, _key(invoice)))
    amount = await session.scalar(select(LedgerEntry.amount).where(LedgerEntry.key == taken))
    if grant is not None and amount and grant.expires_at is not None and grant.expires_at > now():
        await credit.grant(
            session, organization_id, amount, reason="refund or dispute undone", key=key,
            category=GrantCategory.PLAN, expires_at=grant.expires_at,
        )  # fmt: skip


def _key(invoice: str) -> str:
    return f"invoice:{invoice}"
