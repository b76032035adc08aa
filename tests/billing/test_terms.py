"""An organization's terms: a discount on the list, prices of its own, and what they promise."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skyhook.billing import Billing, Payer
from skyhook.billing.rates import WHOLE, Rate, itemize
from skyhook.billing.terms import end_overrides, set_discount, set_override
from skyhook.database import Database
from skyhook.errors import InvalidInput
from skyhook.plugins.manifest import Meter, Model

from .conftest import Clock, prove, served

LARGE = Model("large", "Large", "bundled", "chat:large", "large", 4096, prices={"chat.tokens": 900})
TOKENS = {"chat.tokens": 10}
PATIENT = settings(deadline=None, suppress_health_check=list(HealthCheck))
QUANTITIES, PRICES, DISCOUNTS = st.integers(0, 10**15), st.integers(0, 10**12), st.integers(0, WHOLE)


def cost_of(quantity: int, price: int, share: int) -> int:
    """The cost of one meter of a call, as calls are charged."""
    rates = {("chat.tokens", None): Rate(price, price, share)}
    return itemize(rates, {"chat.tokens": quantity}, None)["chat.tokens"][1]


async def _discount(database: Database, organization: UUID, basis_points: int) -> None:
    async with database.write() as session:
        await set_discount(session, organization, basis_points)


async def test_a_discount_is_taken_off_the_list_and_can_be_taken_away(
    billing: Billing, database: Database, organization: UUID, payer: Payer
) -> None:
    await _discount(database, organization, 1_500)
    await billing.load_prices()
    assert billing.cost(organization, TOKENS, None) == 850
    assert billing.prices.cost(TOKENS, None, None) == 1_000
    await _discount(database, organization, 0)
    await billing.load_prices()
    assert billing.cost(organization, TOKENS, None) == 1_000


@pytest.mark.parametrize("basis_points", [-1, 10_001, 10**30])
async def test_a_discount_out_of_range_is_refused(
    database: Database, organization: UUID, basis_points: int
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await _discount(database, organization, basis_points)
    assert refused.value.field == "basisPoints"


async def test_a_cost_is_rounded_once_for_a_meter_of_a_call_in_the_customers_favour(
    billing: Billing, database: Database, organization: UUID
) -> None:
    await billing.seed_prices((Meter("chat.bytes", "Bytes", "byte", 3),), ())
    await _discount(database, organization, 3_333)
    await billing.load_prices()
    # 7 x 3 x 0.6667 = 14.0007; a rounded unit price would make 7 x 2 or 7 x 3 of it.
    assert billing.cost(organization, {"chat.bytes": 7}, None) == 14
    assert billing.prices.itemize({"chat.bytes": 1, "chat.tokens": 1}, None, organization) == {
        "chat.bytes": (1, 2),
        "chat.tokens": (1, 66),
    }


async def test_an_override_replaces_the_price_of_its_meter_and_model_and_gets_no_discount(
    billing: Billing, database: Database, organization: UUID, clock: Clock
) -> None:
    await billing.seed_prices((), (LARGE,))
    async with database.write() as session:
        await set_discount(session, organization, 5_000)
        await set_override(session, organization, "chat.tokens", None, 70, clock())
        await set_override(session, organization, "chat.tokens", "tiny", 7, clock())
    await billing.load_prices()
    assert billing.cost(organization, TOKENS, None) == billing.cost(organization, TOKENS, "small") == 700
    assert billing.cost(organization, TOKENS, "tiny") == 70
    assert billing.cost(organization, TOKENS, "large") == 4_500  # the list's own price of that model
    assert billing.cost(organization, {"chat.images": 1}, None) == 2_500


async def test_an_override_holds_from_its_time_until_it_ends(
    billing: Billing, database: Database, organization: UUID, clock: Clock
) -> None:
    begins, ends = clock() + timedelta(hours=1), clock() + timedelta(hours=2)
    async with database.write() as session:
        await set_override(session, organization, "chat.tokens", None, 80, clock())
        await set_override(session, organization, "chat.tokens", None, 70, begins, ends_at=ends)
    await billing.load_prices()
    costs = []
    for _ in range(3):
        costs.append(billing.cost(organization, TOKENS, None))
        clock.turn(hours=1)
    assert costs == [800, 700, 800]
    async with database.write() as session:
        assert await end_overrides(session, organization, "chat.tokens", None, clock()) == 1
    await billing.load_prices()
    assert billing.cost(organization, TOKENS, None) == 1_000


async def test_a_price_of_the_same_time_is_replaced(
    billing: Billing, database: Database, organization: UUID, clock: Clock
) -> None:
    for price in (80, 60):
        async with database.write() as session:
            await set_override(session, organization, "chat.tokens", None, price, clock())
    await billing.load_prices()
    assert billing.cost(organization, TOKENS, None) == 600


@pytest.mark.parametrize("price", [-1, 10**15 + 1])
async def test_a_price_that_cannot_be_is_refused(
    billing: Billing, database: Database, organization: UUID, clock: Clock, price: int
) -> None:
    async with database.write() as session:
        with pytest.raises(InvalidInput) as refused:
            await set_override(session, organization, "chat.tokens", None, price, clock())
    assert refused.value.field == "price"


async def test_terms_reach_other_server_processes_within_half_a_minute(
    other: Billing, database: Database, organization: UUID, clock: Clock
) -> None:
    await other.start()
    await _discount(database, organization, 1_000)
    clock.turn(seconds=30)
    await other.maintain()
    assert other.cost(organization, TOKENS, None) == 900


async def test_holds_and_charges_follow_the_terms_and_a_charge_never_exceeds_its_hold(
    billing: Billing, database: Database, organization: UUID, payer: Payer
) -> None:
    await billing.grant(organization, 10_000, reason="test", key="1")
    await _discount(database, organization, 2_000)
    await billing.load_prices()
    hold = await billing.hold(payer, TOKENS, None)
    assert hold.amount == 800
    dearer = await billing.hold(payer, TOKENS, None)
    assert (await billing.settle(served(payer, hold, 5))).cost == 400
    await _discount(database, organization, 0)
    await billing.load_prices()
    assert (await billing.settle(served(payer, dearer, 10))).cost == 800
    await prove(database)


@PATIENT
@given(quantity=QUANTITIES, price=PRICES, discount=DISCOUNTS)
def test_a_cost_is_whole_never_negative_and_never_above_the_list(
    quantity: int, price: int, discount: int
) -> None:
    cost = cost_of(quantity, price, WHOLE - discount)
    assert 0 <= cost <= quantity * price
    assert 0 <= quantity * price * (WHOLE - discount) - cost * WHOLE < WHOLE  # less than one nano-dollar


@PATIENT
@given(quantity=QUANTITIES, price=PRICES, less=DISCOUNTS, more=DISCOUNTS)
def test_a_larger_discount_never_costs_more(quantity: int, price: int, less: int, more: int) -> None:
    less, more = sorted((less, more))
    assert cost_of(quantity, price, WHOLE - more) <= cost_of(quantity, price, WHOLE - less)


@PATIENT
@given(parts=st.lists(QUANTITIES, max_size=8), price=PRICES, discount=DISCOUNTS)
def test_calls_cost_together_what_their_sum_costs_but_for_less_than_a_nano_dollar_each(
    parts: list[int], price: int, discount: int
) -> None:
    together = cost_of(sum(parts), price, WHOLE - discount)
    apart = sum(cost_of(part, price, WHOLE - discount) for part in parts)
    assert 0 <= together - apart < max(len(parts), 1)
    assert discount or together == apart
