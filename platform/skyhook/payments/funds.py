"""Bought credit in the ledger: paid in, and taken back where the money went back.

What is taken back may be spent already. The rest is then owed: an account of the organization below zero,
which the next credit fills first. So the order in which payments and reversals become known changes nothing.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing import grants
from skyhook.billing.funds import CREDIT_ASSET, Fund, available, open_fund
from skyhook.billing.models import GrantCategory
from skyhook.ledger.models import LedgerAccount
from skyhook.ledger.service import Movement, open_account, post

NANO_PER_CENT = 10_000_000
OWED = "credit_owed"


async def pay_in(
    session: AsyncSession, organization_id: UUID, cents: int, *, reference: str, key: str
) -> None:
    """Adds paid credit, after what is owed; the caller makes sure that this happens once for each `key`."""
    await grants.allocate(session, organization_id)
    accounts = await open_fund(session, Fund(organization_id))
    await available(session, accounts)  # for its lock: two payments must not both fill what is owed
    amount = cents * NANO_PER_CENT
    owed_account, owed = await _owed(session, organization_id)
    filled = min(owed, amount)
    movements = []
    if filled:
        movements.append(Movement(accounts.source, owed_account, filled))
    if amount > filled:
        movements.append(Movement(accounts.source, accounts.funded, amount - filled))
    await post(session, movements, reference=reference, key=key)
    await grants.add(
        session, organization_id, amount, remaining=amount - filled, category=GrantCategory.PAID,
        reference=reference, key=key,
    )  # fmt: skip


async def take_back(
    session: AsyncSession,
    organization_id: UUID,
    cents: int,
    *,
    reference: str,
    key: str,
    paid_in: str | None = None,
) -> None:
    """Takes credit away, first of what came by the key `paid_in`; what is spent or in use is owed.

    The caller makes sure that it happens once.
    """
    await grants.allocate(session, organization_id)
    accounts = await open_fund(session, Fund(organization_id))
    amount, left = cents * NANO_PER_CENT, await available(session, accounts)
    owed_account, _ = await _owed(session, organization_id)
    taken = min(max(left, 0), amount)
    movements = []
    if taken:
        movements.append(Movement(accounts.funded, accounts.source, taken))
    if amount > taken:
        movements.append(Movement(owed_account, accounts.source, amount - taken))
    await post(session, movements, reference=reference, key=key)
    await grants.lower(session, organization_id, taken, first=paid_in)


async def collect(session: AsyncSession, organization_id: UUID) -> int:
    """Fills what is owed from credit that has come free; how many nano-dollars that were."""
    await grants.allocate(session, organization_id)
    accounts = await open_fund(session, Fund(organization_id))
    left = await available(session, accounts)
    owed_account, owed = await _owed(session, organization_id)
    amount = min(max(left, 0), owed)
    if amount:
        await post(session, [Movement(accounts.funded, owed_account, amount)], reference="owed credit")
        await grants.lower(session, organization_id, amount)
    return amount


async def owed_by(session: AsyncSession, organization_id: UUID) -> int:
    """What an organization owes, in nano-dollars."""
    balance = await session.scalar(
        select(LedgerAccount.balance).where(
            LedgerAccount.organization_id == organization_id, LedgerAccount.kind == OWED
        )
    )
    return -(balance or 0)


async def organizations_owing(session: AsyncSession) -> list[UUID]:
    """Those that owe something."""
    rows = await session.scalars(
        select(LedgerAccount.organization_id).where(LedgerAccount.kind == OWED, LedgerAccount.balance < 0)
    )
    return [one for one in rows if one is not None]


async def _owed(session: AsyncSession, organization_id: UUID) -> tuple[UUID, int]:
    account = await open_account(session, organization_id, OWED, CREDIT_ASSET, floor=None)
    balance = await session.scalar(select(LedgerAccount.balance).where(LedgerAccount.id == account))
    return account, -(balance or 0)
