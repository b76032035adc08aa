"""Where a call's money comes from: an organization's credit, and a key's budget of one month.

Both are ledger accounts that calls are leased from and charged to in one way. The other side of each charge
is an account of the same owner, so that no row is shared by all organizations.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.ledger.models import LedgerAccount
from skyhook.ledger.service import Movement, open_account, post

CREDIT_ASSET = "USD/9"
BUDGET_ASSET = "BUDGET/9"


class Fund(NamedTuple):
    """Names an organization's credit or, with a key and a month, that key's budget."""

    organization_id: UUID
    key_id: UUID | None = None
    month: str = ""
    """`YYYY-MM`, in UTC."""


@dataclass(frozen=True, slots=True)
class FundAccounts:
    """A fund's three accounts in the ledger."""

    funded: UUID
    """What can be spent; never below zero."""
    spent: UUID
    """What calls were charged."""
    source: UUID
    """Where the funded account is filled from; as far below zero as was ever filled."""
    asset: str


def month_of(at: datetime) -> str:
    """The calendar month in UTC, as `YYYY-MM`."""
    at = at.astimezone(UTC)
    return f"{at.year:04}-{at.month:02}"


def month_start(at: datetime) -> datetime:
    """The first moment of the calendar month in UTC."""
    return at.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


async def open_fund(session: AsyncSession, fund: Fund) -> FundAccounts:
    """The fund's accounts, opened where there are none."""
    owner = fund.organization_id
    if fund.key_id is None:
        asset, name, kinds = CREDIT_ASSET, "", ("credit", "credit_spent", "credit_source")
    else:
        asset, name = BUDGET_ASSET, f"{fund.key_id}/{fund.month}"
        kinds = ("key_budget", "key_budget_spent", "key_budget_source")
    # In this order: ids grow, and whoever locks several accounts does so by id.
    return FundAccounts(
        funded=await open_account(session, owner, kinds[0], asset, name=name),
        spent=await open_account(session, owner, kinds[1], asset, name=name),
        source=await open_account(session, owner, kinds[2], asset, floor=None),
        asset=asset,
    )


async def available(session: AsyncSession, accounts: FundAccounts) -> int:
    """What is neither spent nor held; locks the account until the unit of work ends."""
    row = (
        await session.execute(
            select(LedgerAccount.balance, LedgerAccount.held)
            .where(LedgerAccount.id == accounts.funded)
            .with_for_update(key_share=True)
        )
    ).one()
    return int(row.balance - row.held)


async def set_budget(session: AsyncSession, accounts: FundAccounts, budget: int) -> bool:
    """Makes what was ever funded, spent or not, equal to `budget`; whether it is so now.

    It is not while a budget was lowered below what is spent and leased: then it must be set again once
    the server processes have given back what they leased.
    """
    left = await available(session, accounts)
    balances = await session.scalars(
        select(LedgerAccount.balance).where(LedgerAccount.id.in_((accounts.funded, accounts.spent)))
    )
    change = budget - sum(balances)
    if change > 0:
        await post(session, [Movement(accounts.source, accounts.funded, change)], reference="budget")
    elif min(-change, left) > 0:
        movement = Movement(accounts.funded, accounts.source, min(-change, left))
        await post(session, [movement], reference="budget")
    return change >= -left
