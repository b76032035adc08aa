"""Credit grants: where an organization's credit came from, what is left of each, and when it expires.

The ledger says how much credit there is; grants say of which sort. Calls know nothing of them: what they
spend is allocated to the grants later, in `ORDER`, as far as what was spent has grown meanwhile.

Whoever touches grants locks the organization's `credit_allocations` row first, before any account.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing.funds import CREDIT_ASSET, Fund, available, open_fund
from skyhook.billing.models import CreditAllocation, CreditGrant, GrantCategory
from skyhook.clock import new_id, now
from skyhook.database import Database
from skyhook.ledger.models import LedgerAccount
from skyhook.ledger.service import Movement, insert_if_absent, post

USUAL_PRIORITY = 50
LOWEST_PRIORITY = 100
_RANK = case(
    {GrantCategory.PROMOTIONAL: 0, GrantCategory.PLAN: 1, GrantCategory.PAID: 2},
    value=CreditGrant.category,
)
ORDER: tuple[ColumnElement[Any], ...] = (
    CreditGrant.priority.asc(),
    CreditGrant.expires_at.asc().nulls_last(),
    _RANK.asc(),
    CreditGrant.effective_at.asc(),
    CreditGrant.id.asc(),
)
"""Spent first: what has the lowest priority number, then what expires soonest (never comes last), then
promotional credit before a plan's and a plan's before paid credit, then the oldest."""


@dataclass(frozen=True, slots=True)
class Grant:
    """Credit that was added at one time, in nano-dollars."""

    id: UUID
    amount: int
    remaining: int
    """What calls have not spent of it."""
    category: GrantCategory
    priority: int
    effective_at: datetime
    expires_at: datetime | None
    reference: str
    """Why, in the words of whoever added it."""


async def add(
    session: AsyncSession,
    organization_id: UUID,
    amount: int,
    *,
    category: GrantCategory,
    reference: str,
    key: str,
    remaining: int | None = None,
    expires_at: datetime | None = None,
    priority: int = USUAL_PRIORITY,
    at: datetime | None = None,
) -> None:
    """Writes down where credit came from whose transfer the caller posts, in the same unit of work.

    The caller has called `allocate` before, so that earlier spending is not taken from it.
    """
    session.add(
        CreditGrant(
            id=new_id(),
            organization_id=organization_id,
            amount=amount,
            remaining=amount if remaining is None else remaining,
            category=category,
            priority=priority,
            effective_at=at or now(),
            expires_at=expires_at,
            reference=reference,
            key=key,
        )
    )
    await session.flush()


async def named(session: AsyncSession, organization_id: UUID, key: str) -> CreditGrant | None:
    """The grant of a key; None where there is none."""
    return await session.scalar(
        select(CreditGrant)
        .where(CreditGrant.organization_id == organization_id, CreditGrant.key == key)
        .execution_options(populate_existing=True)
    )


async def allocate(session: AsyncSession, organization_id: UUID) -> None:
    """Takes from the grants what was spent since the last time; locks them until the unit of work ends."""
    row = {"organization_id": organization_id, "allocated": 0}
    await session.execute(insert_if_absent(session, CreditAllocation).values(row))
    await _allocate(session, await _locked(session, organization_id))


async def lower(
    session: AsyncSession, organization_id: UUID, amount: int, *, first: str | None = None
) -> None:
    """Takes from the grants what left the credit otherwise than by calls, after `allocate`.

    The grant with the key `first` comes before all others.
    """
    query = _open(organization_id)
    if first is not None:
        query = query.order_by(None).order_by((CreditGrant.key != first).asc(), *ORDER)
    left = amount
    for grant in await session.scalars(query.execution_options(populate_existing=True)) if left else ():
        taken = min(grant.remaining, left)
        grant.remaining -= taken
        left -= taken
        if not left:
            break
    if left:
        raise RuntimeError(f"{left} nano-dollars of credit belong to no grant of {organization_id}")
    await session.flush()


async def unspent(session: AsyncSession, organization_id: UUID, limit: int) -> Sequence[Grant]:
    """The grants with something left, in the order in which they are spent, as of now; writes nothing."""
    spent = select(LedgerAccount.balance).where(*_spent_account(organization_id)).scalar_subquery()
    allocated = (
        select(CreditAllocation.allocated)
        .where(CreditAllocation.organization_id == organization_id)
        .scalar_subquery()
    )
    # One statement, so that what is spent and what is left are of the same moment.
    rows = await session.execute(
        _open(organization_id).add_columns(func.coalesce(spent, 0) - func.coalesce(allocated, 0))
    )
    found: list[Grant] = []
    left: int | None = None
    for grant, unallocated in rows:
        left = unallocated if left is None else left
        taken = min(grant.remaining, left)
        left -= taken
        if grant.remaining > taken and len(found) < limit:
            found.append(
                Grant(
                    grant.id,
                    grant.amount,
                    grant.remaining - taken,
                    GrantCategory(grant.category),
                    grant.priority,
                    grant.effective_at,
                    grant.expires_at,
                    grant.reference,
                )
            )
    return found


async def expire_due(database: Database, at: datetime) -> int:
    """Takes back what has expired; how many nano-dollars that were.

    What running calls hold at that time is tried again at the next call of this, until it came free or was
    spent. Where several processes do this at once, one of them does it.
    """
    due = select(CreditGrant.organization_id).where(CreditGrant.expires_at <= at, CreditGrant.remaining > 0)
    async with database.read() as session:
        organizations = (await session.scalars(due.distinct())).all()
    taken = 0
    for organization_id in organizations:
        async with database.write() as session:
            row = await _locked(session, organization_id, skip_locked=True)
            if row is not None:
                taken += await _expire(session, row, at)
    return taken


async def _expire(session: AsyncSession, row: CreditAllocation, at: datetime) -> int:
    await _allocate(session, row)
    accounts = await open_fund(session, Fund(row.organization_id))
    left = await available(session, accounts)
    taken = 0
    for grant in await session.scalars(_open(row.organization_id).where(CreditGrant.expires_at <= at)):
        amount = min(grant.remaining, left)
        if amount > 0:
            await post(
                session,
                [Movement(accounts.funded, accounts.source, amount)],
                reference="expired credit",
            )
            grant.remaining -= amount
            left -= amount
            taken += amount
    return taken


async def _allocate(session: AsyncSession, row: CreditAllocation | None) -> None:
    if row is None:
        raise RuntimeError("an allocation that was just written cannot be found")
    spent = await session.scalar(select(LedgerAccount.balance).where(*_spent_account(row.organization_id)))
    if spent and spent > row.allocated:
        await lower(session, row.organization_id, spent - row.allocated)
        row.allocated = spent
        await session.flush()


async def _locked(
    session: AsyncSession, organization_id: UUID, *, skip_locked: bool = False
) -> CreditAllocation | None:
    return await session.scalar(
        select(CreditAllocation)
        .where(CreditAllocation.organization_id == organization_id)
        .with_for_update(skip_locked=skip_locked)
        .execution_options(populate_existing=True)
    )


def _open(organization_id: UUID) -> Any:
    return (
        select(CreditGrant)
        .where(CreditGrant.organization_id == organization_id, CreditGrant.remaining > 0)
        .order_by(*ORDER)
    )


def _spent_account(organization_id: UUID) -> tuple[ColumnElement[bool], ...]:
    return (
        LedgerAccount.organization_id == organization_id,
        LedgerAccount.kind == "credit_spent",
        LedgerAccount.asset == CREDIT_ASSET,
    )
