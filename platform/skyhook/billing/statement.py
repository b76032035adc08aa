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
from skyhook.ledger.models import HoldState, LedgerAccount, LedgerEntry, LedgerHold
from skyhook.usage.recording import EPOCH, EVENTS

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
class Grant:
    """Credit that was added."""

    id: UUID
    at: datetime
    reason: str
    amount: int
    """In nano-dollars."""


async def statement(
    session: AsyncSession,
    organization_id: UUID,
    limit: int,
    before: UUID | None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[StatementLine]:
    """The entries of the organization's credit from `since` to before `until`, newest first.

    `before` is the last one of the page before.
    """
    account = await _credit_account(session, organization_id)
    if account is None:
        return []
    if until is not None:
        before = min(_first_id(until), before or _first_id(until))
    rows = (await session.execute(_page(account, limit, before, since))).all()
    used = await _operations(session, organization_id, rows)
    lines: list[StatementLine] = []
    left = int(rows[0].balance) if rows else 0
    for row in rows:
        operations = used.get(row.transfer_id, {})
        lines.append(StatementLine(row.id, row.created_at, row.reference, row.amount, left, operations))
        left -= row.amount
    return lines


async def grants(session: AsyncSession, organization_id: UUID, limit: int) -> list[Grant]:
    """The credit that was added to the organization's, newest first."""
    account = await _credit_account(session, organization_id)
    query = select(LedgerEntry).where(LedgerEntry.credit_account_id == account)
    entries = await session.scalars(query.order_by(LedgerEntry.id.desc()).limit(limit))
    return [
        Grant(entry.id, entry.created_at, entry.reference, entry.amount)
        for entry in (entries if account is not None else ())
    ]


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


def _page(account: UUID, limit: int, before: UUID | None, since: datetime | None) -> Select[Any]:
    """Entries with their amounts' signs, and the balance after the first of them.

    One statement: what is written between two would count twice. Each half is read in its index's order.
    """
    ends = ((LedgerEntry.debit_account_id, -1), (LedgerEntry.credit_account_id, 1))
    halves = []
    balance: Any = select(LedgerAccount.balance).where(LedgerAccount.id == account).scalar_subquery()
    for end, sign in ends:
        half = select(
            LedgerEntry.id,
            LedgerEntry.transfer_id,
            LedgerEntry.created_at,
            LedgerEntry.reference,
            (LedgerEntry.amount * sign).label("amount"),
        ).where(end == account)
        if since is not None:
            half = half.where(LedgerEntry.id >= _first_id(since))
        if before is not None:
            half = half.where(LedgerEntry.id < before)
            newer = select(func.coalesce(func.sum(LedgerEntry.amount), 0)).where(
                end == account, LedgerEntry.id >= before
            )
            balance = balance - newer.scalar_subquery() * sign
        halves.append(select(half.order_by(LedgerEntry.id.desc()).limit(limit).subquery()))
    both = union_all(*halves).subquery()
    return select(both, balance.label("balance")).order_by(both.c.id.desc()).limit(limit)


async def _operations(
    session: AsyncSession, organization_id: UUID, entries: Sequence[Any]
) -> dict[UUID, dict[str, int]]:
    """By transfer, the operations that it paid: found by the time in the events' ids, which are indexed."""
    paid = [entry for entry in entries if entry.reference == "usage"]
    if not paid:
        return {}
    rows = await session.execute(
        select(EVENTS.c.transfer_id, EVENTS.c.operation, func.count())
        .where(
            EVENTS.c.organization_id == organization_id,
            EVENTS.c.id >= _first_id(_time_of(paid[-1].id) - SETTLED_WITHIN),
            EVENTS.c.id <= paid[0].id,
            EVENTS.c.transfer_id.in_([entry.transfer_id for entry in paid]),
        )
        .group_by(EVENTS.c.transfer_id, EVENTS.c.operation)
        .order_by(EVENTS.c.operation)
    )
    found: dict[UUID, dict[str, int]] = {}
    for transfer_id, operation, number in rows:
        found.setdefault(transfer_id, {})[operation] = number
    return found


def _first_id(at: datetime) -> UUID:
    """The least UUIDv7 of a time; the first 48 bits are milliseconds."""
    return UUID(int=max(round((at - EPOCH) / timedelta(milliseconds=1)), 0) << 80)


def _time_of(id: UUID) -> datetime:
    return EPOCH + timedelta(milliseconds=id.int >> 80)
