"""The statement of an organization's credit, what of it is set aside, spent budgets, and past prices."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from tests.billing.conftest import METERS, Clock

from skyhook.billing import Billing, Payer, Served
from skyhook.billing.statement import Entries, StatementLine
from skyhook.clock import new_id, now

PRICE = METERS[0].price


async def use(billing: Billing, payer: Payer, clock: Clock, tokens: int, operation: str) -> None:
    quantities = {"chat.tokens": tokens}
    hold = await billing.hold(payer, quantities, None)
    served = Served(
        payer,
        hold,
        "chat",
        operation,
        None,
        quantities,
        "completed",
        clock(),
        duration_ms=1,
        idempotency=None,
    )
    await billing.settle(served)


async def test_each_line_has_the_balance_after_it_on_whatever_page(
    billing: Billing, organization: UUID, payer: Payer, clock: Clock
) -> None:
    assert await billing.statement(organization, 10) == []
    await billing.grant(organization, 1_000_000, reason="a gift", key="one")
    for tokens in (1, 2, 3):
        await use(billing, payer, clock, tokens, f"chat{tokens}")
    await billing.grant(organization, 500, reason="a top-up", key="two")
    whole = await billing.statement(organization, 10)
    assert [(line.reference, line.amount, line.balance) for line in whole] == [
        ("a top-up", 500, 1_000_000 - 6 * PRICE + 500),
        ("usage", -3 * PRICE, 1_000_000 - 6 * PRICE),
        ("usage", -2 * PRICE, 1_000_000 - 3 * PRICE),
        ("usage", -1 * PRICE, 1_000_000 - 1 * PRICE),
        ("a gift", 1_000_000, 1_000_000),
    ]
    assert [line.operations for line in whole] == [{}, {"chat3": 1}, {"chat2": 1}, {"chat1": 1}, {}]
    paged = []
    while page := await billing.statement(organization, 2, Entries(before=paged[-1].id if paged else None)):
        paged += page
    assert paged == whole
    upwards: list[StatementLine] = []
    while page := await billing.statement(
        organization, 2, Entries(after=upwards[0].id if upwards else None, from_oldest=True)
    ):
        upwards = [*page, *upwards]
    assert upwards == whole
    between = Entries(before=whole[0].id, after=whole[3].id)
    assert await billing.statement(organization, 10, between) == whole[1:3]
    assert await billing.statement(organization, 10, replace(between, from_oldest=True)) == whole[1:3]
    assert await billing.statement(new_id(), 10) == []


async def test_a_time_has_its_own_lines_with_the_same_balances(
    billing: Billing, organization: UUID, payer: Payer, clock: Clock
) -> None:
    await billing.grant(organization, 1_000_000, reason="a gift", key="one")
    await use(billing, payer, clock, 1, "chat1")
    whole = await billing.statement(organization, 10)
    begun, ended = now() - timedelta(minutes=1), now() + timedelta(minutes=1)
    for from_oldest in (False, True):
        wanted = Entries(begun, ended, from_oldest=from_oldest)
        assert await billing.statement(organization, 10, wanted) == whole
        assert await billing.statement(organization, 10, replace(wanted, since=ended)) == []
        assert await billing.statement(organization, 10, replace(wanted, until=begun)) == []
    assert [grant.reference for grant in await billing.grants(organization, 5)] == ["a gift"]
    assert await billing.grants(new_id(), 5) == []


async def test_what_a_server_has_set_aside_is_told_and_goes(
    billing: Billing, organization: UUID, payer: Payer
) -> None:
    await billing.grant(organization, 10_000, reason="a gift", key="one")
    assert await billing.open_holds(organization) == []
    await billing.hold(payer, {"chat.tokens": 5}, None)
    (hold,) = await billing.open_holds(organization)
    assert hold.is_lease
    assert hold.remaining == (await billing.balance(organization)).held >= 5 * PRICE


async def test_what_a_keys_budget_was_charged_is_told(
    billing: Billing, organization: UUID, payer: Payer, clock: Clock
) -> None:
    await billing.grant(organization, 1_000_000, reason="a gift", key="one")
    assert payer.key_id is not None
    assert await billing.budgets_spent(organization, [payer.key_id]) == {}
    await use(billing, replace(payer, monthly_budget=10_000), clock, 7, "chatComplete")
    assert await billing.budgets_spent(organization, [payer.key_id, new_id()]) == {payer.key_id: 7 * PRICE}
    clock.turn(days=30)
    assert await billing.budgets_spent(organization, [payer.key_id]) == {}


async def test_prices_that_were_are_told_with_those_in_force(billing: Billing, clock: Clock) -> None:
    await billing.set_prices(None, {"chat.tokens": 120})
    clock.turn(days=1)
    await billing.set_prices("large", {"chat.tokens": 300})
    await billing.load_prices()
    history = billing.prices.history()
    assert [price.price for price in history["chat.tokens", None]] == [120, 100]
    assert [price.price for price in history["chat.tokens", "large"]] == [300]
