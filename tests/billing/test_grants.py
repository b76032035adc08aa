"""Credit grants: the order in which they are spent, and what becomes of them when they expire."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from skyhook.billing import Billing, InsufficientCredit, Payer, credit, grants
from skyhook.billing.models import CreditGrant, GrantCategory
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.errors import InvalidInput
from skyhook.ledger.errors import TransferKeyReused
from skyhook.payments.funds import collect, owed_by, pay_in, take_back

from .conftest import Clock, prove, served

PRICE = 100
"""Nano-dollars a token."""


async def give(
    database: Database,
    organization: UUID,
    amount: int,
    reference: str,
    clock: Clock,
    *,
    category: GrantCategory = GrantCategory.PROMOTIONAL,
    days: int | None = None,
    priority: int = 50,
) -> None:
    async with database.write() as session:
        await credit.grant(
            session, organization, amount, reason=reference, key=reference, category=category,
            expires_at=None if days is None else clock() + timedelta(days=days), priority=priority,
            at=clock(),
        )  # fmt: skip
    clock.turn(seconds=1)


async def use(billing: Billing, payer: Payer, clock: Clock, amount: int) -> None:
    """Spends credit by a call, and gives back what the server had set aside."""
    hold = await billing.hold(payer, {"chat.tokens": amount // PRICE}, None)
    await billing.settle(served(payer, hold, amount // PRICE, at=clock()))
    await give_back(billing, clock)


async def give_back(billing: Billing, clock: Clock) -> None:
    for _ in range(2):
        clock.turn(seconds=61)
        await billing.maintain()


async def left(billing: Billing, organization: UUID) -> list[tuple[str, int]]:
    return [(grant.reference, grant.remaining) for grant in await billing.grants(organization, 100)]


async def test_credit_is_spent_by_priority_then_expiry_then_category_then_age(
    billing: Billing, database: Database, organization: UUID, payer: Payer, clock: Clock
) -> None:
    paid, plan, free = GrantCategory.PAID, GrantCategory.PLAN, GrantCategory.PROMOTIONAL
    for reference, category, days, priority in (
        ("never, paid", paid, None, 50),
        ("never, given", free, None, 50),
        ("never, given later", free, None, 50),
        ("in 30 days, plan", plan, 30, 50),
        ("in 30 days, given", free, 30, 50),
        ("in 10 days, paid", paid, 10, 50),
        ("at last", free, 5, 51),
        ("at first", paid, None, 0),
    ):
        # Nobody sets the clock between the two that expire at one time.
        at = clock.time
        await give(
            database, organization, 1_000, reference, clock, category=category, days=days, priority=priority
        )
        if reference == "in 30 days, plan":
            clock.time = at
    order = [
        "at first", "in 10 days, paid", "in 30 days, given", "in 30 days, plan", "never, given",
        "never, given later", "never, paid", "at last",
    ]  # fmt: skip
    assert [reference for reference, _ in await left(billing, organization)] == order
    await use(billing, payer, clock, 2_500)
    assert await left(billing, organization) == [
        ("in 30 days, given", 500), *((reference, 1_000) for reference in order[3:]),
    ]  # fmt: skip
    await prove(database)


async def test_what_was_spent_before_a_grant_is_not_taken_from_it(
    billing: Billing, database: Database, organization: UUID, payer: Payer, clock: Clock
) -> None:
    await give(database, organization, 5_000, "old", clock)
    await use(billing, payer, clock, 2_000)
    await give(database, organization, 1_000, "new", clock, days=3)
    assert await left(billing, organization) == [("new", 1_000), ("old", 3_000)]


async def test_what_expires_is_gone_once_and_the_rest_stays(
    billing: Billing, database: Database, organization: UUID, payer: Payer, clock: Clock
) -> None:
    await give(database, organization, 3_000, "soon", clock, days=1)
    await give(database, organization, 2_000, "never", clock)
    await use(billing, payer, clock, 1_000)
    assert await grants.expire_due(database, clock()) == 0
    clock.turn(days=1)
    assert await grants.expire_due(database, clock()) == 2_000
    assert await grants.expire_due(database, clock()) == 0
    assert await left(billing, organization) == [("never", 2_000)]
    assert (await billing.balance(organization)).balance == 2_000
    line = (await billing.statement(organization, 1))[0]
    assert (line.reference, line.amount) == ("expired credit", -2_000)
    await prove(database)


async def test_upkeep_lets_credit_expire_by_itself(
    billing: Billing, database: Database, organization: UUID, clock: Clock
) -> None:
    await give(database, organization, 3_000, "soon", clock, days=1)
    clock.turn(days=1)
    await billing.maintain()
    assert (await billing.balance(organization)).balance == 0


async def test_what_running_calls_hold_expires_when_it_comes_back(
    billing: Billing, database: Database, organization: UUID, payer: Payer, clock: Clock
) -> None:
    await give(database, organization, 1_000, "soon", clock, days=1)
    hold = await billing.hold(payer, {"chat.tokens": 10}, None)
    at = clock() + timedelta(days=2)
    assert await grants.expire_due(database, at) == 0
    await billing.settle(served(payer, hold, 4, at=clock()))
    await give_back(billing, clock)
    assert await grants.expire_due(database, at) == 600
    assert (await billing.balance(organization)).balance == 0
    await prove(database)


async def test_calls_are_refused_once_credit_has_expired(
    billing: Billing, database: Database, organization: UUID, payer: Payer, clock: Clock
) -> None:
    await give(database, organization, 1_000, "soon", clock, days=1)
    clock.turn(days=1)
    await grants.expire_due(database, clock())
    with pytest.raises(InsufficientCredit):
        await billing.hold(payer, {"chat.tokens": 1}, None)


async def test_processes_that_look_at_once_expire_once(
    billing: Billing, database: Database, organization: UUID, clock: Clock
) -> None:
    await give(database, organization, 3_000, "soon", clock, days=1)
    await give(database, organization, 3_000, "never", clock)
    clock.turn(days=1)
    taken = await asyncio.gather(*(grants.expire_due(database, clock()) for _ in range(4)))
    assert sum(taken) == 3_000
    await prove(database)


async def test_a_refund_takes_the_credit_of_its_own_payment_first(
    billing: Billing, database: Database, organization: UUID, clock: Clock
) -> None:
    await give(database, organization, 10**9, "gift", clock)
    async with database.write() as session:
        await pay_in(session, organization, 100, reference="first", key="payment:1")
        await pay_in(session, organization, 100, reference="second", key="payment:2")
        await take_back(session, organization, 60, reference="refund", key="r", paid_in="payment:2")
    assert await left(billing, organization) == [("gift", 10**9), ("first", 10**9), ("second", 4 * 10**8)]
    await prove(database)


async def test_what_is_owed_is_filled_from_a_payment_and_from_any_grant(
    billing: Billing, database: Database, organization: UUID, clock: Clock
) -> None:
    async with database.write() as session:
        await take_back(session, organization, 150, reference="dispute", key="d")
        await pay_in(session, organization, 100, reference="paid", key="payment:1")
        assert await owed_by(session, organization) == 5 * 10**8
    assert await left(billing, organization) == []
    await give(database, organization, 10**9, "gift", clock)
    async with database.write() as session:
        assert await collect(session, organization) == 5 * 10**8
    assert await left(billing, organization) == [("gift", 5 * 10**8)]
    await prove(database)


async def test_a_key_grants_once_and_with_one_expiry(
    billing: Billing, organization: UUID, clock: Clock
) -> None:
    expires_at = clock() + timedelta(days=1)
    for _ in range(2):
        await billing.grant(organization, 500, reason="gift", key="one", expires_at=expires_at)
    assert await left(billing, organization) == [("gift", 500)]
    with pytest.raises(TransferKeyReused):
        await billing.grant(organization, 500, reason="gift", key="one")
    with pytest.raises(TransferKeyReused):
        await billing.grant(organization, 501, reason="gift", key="one", expires_at=expires_at)


async def test_an_expiry_that_is_over_and_a_priority_out_of_range_are_refused(
    billing: Billing, organization: UUID, clock: Clock
) -> None:
    with pytest.raises(InvalidInput):
        await billing.grant(organization, 1, reason="gift", key="one", expires_at=clock())
    for priority in (-1, 101):
        with pytest.raises(InvalidInput):
            await billing.grant(organization, 1, reason="gift", key="one", priority=priority)


@pytest.mark.parametrize("remaining", [-1, 501])
async def test_the_database_refuses_more_or_less_than_a_grant_has(
    billing: Billing, database: Database, organization: UUID, remaining: int
) -> None:
    await billing.grant(organization, 500, reason="gift", key="one")
    with pytest.raises(IntegrityError):
        async with database.write() as session:
            await session.execute(update(CreditGrant).values(remaining=remaining))


async def test_the_books_show_a_grant_that_is_missing(
    billing: Billing, database: Database, organization: UUID
) -> None:
    await billing.grant(organization, 500, reason="gift", key=new_id().hex)
    async with database.write() as session:
        await session.delete((await session.scalars(select(CreditGrant))).one())
    with pytest.raises(AssertionError, match="grants' remaining credit"):
        await prove(database)
