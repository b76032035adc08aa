"""What happened to an organization's credit: the ledger's entries with the balance after each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing.funds import BUDGET_ASSET, CREDIT_ASSET
from skyhook.clock import first_id, time_of
from skyhook.ledger.models import HoldState, LedgerAccount, LedgerEntry, LedgerHold
from skyhook.usage.recording import EVENTS

SETTLED_WITHIN = timedelta(seconds=10)
"""How long before its entry in the ledger a call's usage event gets its id."""


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One entry of the credit's account."""

    id: UUID
    at: datetime
    reference: str
    """Why, in the words of whoever granted the credit; `usage` for calls and jobs."""
    amount: int
    """In nano-dollars; below zero for what was charged."""
    balance: int
    """After the entry, in nano-dollars."""
    operations: dict[str, int]
    """How many calls of which operation were charged together; empty for credit."""


@dataclass(frozen=True, slots=True)
class OpenHold:
    """A part of the credit that is set aside."""

    id: UUID
    remaining: int
    """In nano-dollars."""
    since: datetime
    is_lease: bool
    """Set aside by a server for the calls that it runs and the next ones; else it is a job's."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Which entries of a statement are asked for; all of them where nothing is said."""

    since: datetime | None = None
    until: datetime | None = None
    """Before this time."""
    before: UUID | None = None
    """Older than this entry,"""
    after: UUID | None = None
    """and newer than this one."""
    from_oldest: bool = False
    """Where there are more than the limit, the oldest instead of the newest."""

    @property
    def least(self) -> UUID | None:
        """The id that none of them lies below."""
        bounds = [first_id(self.since)] if self.since else []
        return max(bounds + ([UUID(int=self.after.int + 1)] if self.after else []), default=None)

    @property
    def end(self) -> UUID | None:
        """The id that all of them lie below."""
        bounds = [first_id(self.until)] if self.until else []
        return min(bounds + ([self.before] if self.before else []), default=None)


async def statement(
    session: AsyncSession, organization_id: UUID, limit: int, wanted: Entries
) -> list[StatementLine]:
    """The entries of the organization's credit that are wanted, newest first."""
    account = await _credit_account(session, organization_id)
    if account is None:
        return []
    rows = (await session.execute(_page(account, limit, wanted))).all()
    used = await _operations(session, organization_id, rows)
    lines: list[StatementLine] = []
    left = int(rows[0].balance) if rows else 0
    for row in rows:
        if wanted.from_oldest:
            left += row.amount
        operations = used.get(row.transfer_id, {})
        lines.append(StatementLine(row.id, row.created_at, row.reference, row.amount, left, operations))
        if not wanted.from_oldest:
            left -= row.amount
    return lines[::-1] if wanted.from_oldest else lines


async def open_holds(session: AsyncSession, organization_id: UUID) -> list[OpenHold]:
    """What of the organization's credit is set aside now, oldest first."""
    account = await _credit_account(session, organization_id)
    holds = await session.scalars(
        select(LedgerHold)
        .where(LedgerHold.account_id == account, LedgerHold.state == HoldState.OPEN, LedgerHold.remaining > 0)
        .order_by(LedgerHold.created_at, LedgerHold.id)
    )
    return [
        OpenHold(hold.id, hold.remaining, hold.created_at, hold.owner_id is not None)
        for hold in (holds if account is not None else ())
    ]


async def budgets_spent(
    session: AsyncSession, organization_id: UUID, month: str, key_ids: Sequence[UUID]
) -> dict[UUID, int]:
    """What was charged to the budgets of these keys in a month (`YYYY-MM`), in nano-dollars."""
    names = {f"{key_id}/{month}": key_id for key_id in key_ids}
    rows = await session.execute(
        select(LedgerAccount.name, LedgerAccount.balance).where(
            LedgerAccount.organization_id == organization_id,
            LedgerAccount.kind == "key_budget_spent",
            LedgerAccount.asset == BUDGET_ASSET,
            LedgerAccount.name.in_(names),
        )
    )
    return {names[name]: balance for name, balance in rows}


async def _credit_account(session: AsyncSession, organization_id: UUID) -> UUID | None:
    return await session.scalar(
        select(LedgerAccount.id).where(
            LedgerAccount.organization_id == organization_id,
            LedgerAccount.kind == "credit",
            LedgerAccount.name == "",
            LedgerAccount.asset == CREDIT_ASSET,
        )
    )


def _page(account: UUID, limit: int, wanted: Entries) -> Select[Any]:
    """Entries with their amounts' signs, and the balance at the end of them that is read from.

    One statement: what is written between two would count twice. Each half is read in its index's order.
    """
    least, end = wanted.least, wanted.end
    known = least if wanted.from_oldest else end
    balance: Any = select(LedgerAccount.balance).where(LedgerAccount.id == account).scalar_subquery()
    order = LedgerEntry.id.asc() if wanted.from_oldest else LedgerEntry.id.desc()
    halves = []
    for side, sign in ((LedgerEntry.debit_account_id, -1), (LedgerEntry.credit_account_id, 1)):
        half = select(
            LedgerEntry.id,
            LedgerEntry.transfer_id,
            LedgerEntry.created_at,
            LedgerEntry.reference,
            (LedgerEntry.amount * sign).label("amount"),
        ).where(side == account)
        if least is not None:
            half = half.where(LedgerEntry.id >= least)
        if end is not None:
            half = half.where(LedgerEntry.id < end)
        halves.append(select(half.order_by(order).limit(limit).subquery()))
        if known is not None or wanted.from_oldest:
            newer = select(func.coalesce(func.sum(LedgerEntry.amount), 0)).where(side == account)
            if known is not None:
                newer = newer.where(LedgerEntry.id >= known)
            balance = balance - newer.scalar_subquery() * sign
    both = union_all(*halves).subquery()
    by_id = both.c.id.asc() if wanted.from_oldest else both.c.id.desc()
    return select(both, balance.label("balance")).order_by(by_id).limit(limit)


async def _operations(
    session: AsyncSession, organization_id: UUID, entries: Sequence[Any]
) -> dict[UUID, dict[str, int]]:
    """By transfer, the operations that it paid: found by the time in the events' ids, which are indexed."""
    paid = {entry.transfer_id: entry.id for entry in entries if entry.reference == "usage"}
    if not paid:
        return {}
    rows = await session.execute(
        select(EVENTS.c.transfer_id, EVENTS.c.operation, func.count())
        .where(
            EVENTS.c.organization_id == organization_id,
            EVENTS.c.id >= first_id(time_of(min(paid.values())) - SETTLED_WITHIN),
            EVENTS.c.id <= max(paid.values()),
            EVENTS.c.transfer_id.in_(paid),
        )
        .group_by(EVENTS.c.transfer_id, EVENTS.c.operation)
        .order_by(EVENTS.c.operation)
    )
    found: dict[UUID, dict[str, int]] = {}
    for transfer_id, operation, number in rows:
        found.setdefault(transfer_id, {})[operation] = number
    return found
