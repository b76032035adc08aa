"""Holds and settlements: what a call costs, who may spend, and what everybody else can still use."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import func, select

from skyhook.billing import Billing, BudgetExceeded, InsufficientCredit, Payer, UnknownMeter
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.errors import InvalidInput
from skyhook.ledger.models import LedgerEntry
from skyhook.usage import queries
from skyhook.usage.models import UsageEvent

from .conftest import Clock, prove, served

TOKENS = {"chat.tokens": 10}  # 1,000 nano-dollars


async def grant(billing: Billing, payer: Payer, amount: int) -> None:
    await billing.grant(payer.organization_id, amount, reason="start", key=new_id().hex)


async def test_a_call_costs_what_was_served_and_never_more_than_its_hold(
    billing: Billing, payer: Payer, database: Database
) -> None:
    await grant(billing, payer, 100_000)
    less, more, nothing, free = [await billing.hold(payer, TOKENS, None) for _ in range(3)] + [
        await billing.hold(payer, {}, None)
    ]
    receipts = [
        await billing.settle(served(payer, hold, tokens))
        for hold, tokens in ((less, 4), (more, 40), (nothing, 0), (free, 5))
    ]
    assert [receipt.cost for receipt in receipts] == [400, 1_000, 0, 0]
    assert (await billing.balance(payer.organization_id)).balance == 98_600
    await prove(database)


async def test_a_hold_ends_once(billing: Billing, payer: Payer) -> None:
    await grant(billing, payer, 100_000)
    hold = await billing.hold(payer, TOKENS, None)
    billing.release(hold)
    with pytest.raises(ValueError, match="released before"):
        billing.release(hold)
    with pytest.raises(ValueError, match="released before"):
        await billing.settle(served(payer, hold, 1))


async def test_without_credit_nobody_is_served(billing: Billing, payer: Payer) -> None:
    with pytest.raises(InsufficientCredit) as refused:
        await billing.hold(payer, TOKENS, None)
    assert (refused.value.status, refused.value.code) == (402, "INSUFFICIENT_CREDIT")
    assert "$0.000001 and $0.00 of credit" in refused.value.message
    await grant(billing, payer, 2_500)
    outcomes = await asyncio.gather(
        *(billing.hold(payer, TOKENS, None) for _ in range(5)), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes].count(InsufficientCredit) == 3
    assert await billing.hold(payer, {"chat.tokens": 5}, None)  # exactly what is left


async def test_a_grant_is_made_once(billing: Billing, payer: Payer) -> None:
    for _ in range(2):
        await billing.grant(payer.organization_id, 7, reason="welcome", key="welcome")
    assert (await billing.balance(payer.organization_id)).available == 7


async def test_unknown_meters_and_negative_quantities_are_refused(billing: Billing, payer: Payer) -> None:
    await grant(billing, payer, 100_000)
    with pytest.raises(UnknownMeter):
        await billing.hold(payer, {"chat.dreams": 1}, None)
    with pytest.raises(InvalidInput):
        billing.cost(payer.organization_id, {"chat.tokens": -1}, None)
    hold = await billing.hold(payer, TOKENS, None)
    with pytest.raises(UnknownMeter):
        await billing.settle(replace(served(payer, hold, 1), quantities={"chat.dreams": 1}))
    await billing.close()
    assert (await billing.balance(payer.organization_id)).available == 100_000


async def test_calls_settled_together_share_one_transfer(
    billing: Billing, payer: Payer, database: Database
) -> None:
    await grant(billing, payer, 100_000)
    holds = [await billing.hold(payer, TOKENS, None) for _ in range(20)]
    await asyncio.gather(*(billing.settle(served(payer, hold, 10)) for hold in holds))
    async with database.read() as session:
        entries = await session.scalar(
            select(func.count()).select_from(LedgerEntry).where(LedgerEntry.reference == "usage")
        )
        events = await session.scalar(select(func.count()).select_from(UsageEvent))
    assert (entries, events) == (1, 20)
    await prove(database)


async def test_a_cancelled_caller_is_charged_and_leaks_nothing(
    billing: Billing, payer: Payer, database: Database
) -> None:
    await grant(billing, payer, 10_000)
    waiting = asyncio.create_task(billing.hold(payer, TOKENS, None))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    hold = await billing.hold(payer, TOKENS, None)
    settling = asyncio.create_task(billing.settle(served(payer, hold, 10)))
    await asyncio.sleep(0)
    settling.cancel()
    await asyncio.gather(settling, return_exceptions=True)
    await billing.close()
    balance = await billing.balance(payer.organization_id)
    assert (balance.balance, balance.held) == (9_000, 0)
    await prove(database)


async def test_a_budget_holds_for_its_month(
    billing: Billing, payer: Payer, clock: Clock, database: Database
) -> None:
    await grant(billing, payer, 1_000_000)
    key = replace(payer, monthly_budget=3_000)
    for _ in range(3):
        await billing.settle(served(key, await billing.hold(key, TOKENS, None), 10))
    with pytest.raises(BudgetExceeded) as refused:
        await billing.hold(key, TOKENS, None)
    assert refused.value.status == 402
    assert "2026-03" in refused.value.message
    assert await billing.hold(payer, TOKENS, None)  # without a budget, only the credit counts
    clock.turn(days=30)
    assert await billing.hold(key, TOKENS, None)
    await prove(database)


async def test_a_refused_call_leaves_its_budget_alone(billing: Billing, payer: Payer) -> None:
    await grant(billing, payer, 1_000)
    key = replace(payer, monthly_budget=2_000)
    with pytest.raises(InsufficientCredit):
        await billing.hold(key, {"chat.tokens": 20}, None)
    assert await billing.hold(key, TOKENS, None)


async def test_a_changed_budget_counts_at_once(
    billing: Billing, other: Billing, payer: Payer, database: Database
) -> None:
    await grant(billing, payer, 1_000_000)

    async def spend(process: Billing, budget: int) -> None:
        key = replace(payer, monthly_budget=budget)
        await process.settle(served(key, await process.hold(key, TOKENS, None), 10))

    await spend(billing, 10_000)
    with pytest.raises(BudgetExceeded):
        await spend(billing, 1_000)
    with pytest.raises(BudgetExceeded):
        await spend(other, 1_500)
    await spend(other, 2_000)
    with pytest.raises(BudgetExceeded):
        await spend(billing, 2_000)
    await spend(billing, 3_000)
    await prove(database)


async def test_usage_is_counted_with_the_charge(
    billing: Billing, payer: Payer, database: Database, organization: UUID
) -> None:
    await grant(billing, payer, 100_000)
    for _ in range(3):
        await billing.settle(served(payer, await billing.hold(payer, TOKENS, None), 7))
    async with database.read() as session:
        events = await queries.latest(session, organization, limit=2)
        older = await queries.latest(session, organization, limit=2, before=events[-1].id)
    assert (len(events), len(older)) == (2, 1)
    assert events[0].quantities == {"chat.tokens": [7, 700]}
    assert (events[0].cost, events[0].outcome, events[0].duration_ms) == (700, "completed", 12)
