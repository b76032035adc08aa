"""Tiers: from so many units in a calendar month on, each unit costs less."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing import Billing, Payer, UnknownMeter
from skyhook.billing.errors import PricesRise
from skyhook.billing.rates import price_from
from skyhook.billing.reservations import Reservation, ServedJob
from skyhook.billing.terms import PriceChange, set_discount
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.errors import InvalidInput

from .conftest import Clock, prove, served
from .test_terms import PATIENT

TIER = PriceChange("chat.tokens", None, 40, from_quantity=100)


async def _tokens(billing: Billing, payer: Payer, clock: Clock, tokens: int) -> int:
    """A call of so many tokens; its cost."""
    hold = await billing.hold(payer, {"chat.tokens": tokens}, None)
    assert hold.amount == tokens * 100  # at the first price, whichever tier holds
    return (await billing.settle(served(payer, hold, tokens, at=clock()))).cost


async def _half_a_minute(billing: Billing, clock: Clock) -> None:
    clock.turn(seconds=30)
    await billing.maintain()


@pytest.fixture
async def tiered(billing: Billing, payer: Payer) -> Billing:
    await billing.grant(payer.organization_id, 10**9, reason="test", key="1")
    await billing.set_price(TIER, None)
    await billing.load_prices()
    return billing


async def test_a_tier_holds_within_half_a_minute_of_being_reached(
    tiered: Billing, payer: Payer, clock: Clock, database: Database
) -> None:
    assert await _tokens(tiered, payer, clock, 60) == 6_000
    await _half_a_minute(tiered, clock)
    # A call is charged whole at the tier that holds when it is settled.
    assert await _tokens(tiered, payer, clock, 60) == 6_000
    await _half_a_minute(tiered, clock)
    assert await _tokens(tiered, payer, clock, 60) == 2_400
    await tiered.close()
    await prove(database)


async def test_a_process_that_just_began_knows_the_month_before_its_first_call(
    tiered: Billing, other: Billing, payer: Payer, clock: Clock
) -> None:
    await _tokens(tiered, payer, clock, 100)
    await other.load_prices()
    assert await _tokens(other, payer, clock, 10) == 400


async def test_a_new_month_begins_at_the_first_tier(tiered: Billing, payer: Payer, clock: Clock) -> None:
    await _tokens(tiered, payer, clock, 100)
    await _half_a_minute(tiered, clock)
    assert await _tokens(tiered, payer, clock, 10) == 400
    clock.time = datetime(2026, 4, 1, tzinfo=UTC)
    assert await _tokens(tiered, payer, clock, 10) == 1_000


async def test_the_month_is_summed_from_days_that_are_over_and_hours_that_are_not(
    tiered: Billing, payer: Payer, clock: Clock
) -> None:
    for _ in range(2):
        await _tokens(tiered, payer, clock, 50)
        clock.turn(days=1)
        await tiered.maintain()
    assert (await tiered.rates(payer.organization_id))["chat.tokens", None].price == 40


async def test_what_other_organizations_use_does_not_count(
    tiered: Billing, payer: Payer, clock: Clock, database: Database
) -> None:
    await _tokens(tiered, payer, clock, 100)
    assert (await tiered.rates(new_id()))["chat.tokens", None].price == 100


async def test_the_month_is_not_read_for_each_call(
    tiered: Billing, payer: Payer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    learn = tiered.prices.learn

    async def counted(session: AsyncSession, organization_ids: Collection[UUID]) -> None:
        nonlocal reads
        reads += 1
        await learn(session, organization_ids)

    monkeypatch.setattr(tiered.prices, "learn", counted)
    for _ in range(20):
        await _tokens(tiered, payer, clock, 1)
    assert reads == 1


async def test_a_job_is_charged_at_its_tier_in_a_process_that_knows_nothing_yet(
    tiered: Billing, other: Billing, payer: Payer, clock: Clock, database: Database
) -> None:
    await _tokens(tiered, payer, clock, 100)
    await other.load_prices()

    async def write(_: AsyncSession, reservation: Reservation) -> Reservation:
        return reservation

    reservation = await tiered.reserve(payer, {"chat.tokens": 10}, None, write)
    assert reservation.amount == 1_000
    job = ServedJob(
        new_id(),
        payer,
        reservation,
        "chat",
        "chatComplete",
        None,
        {"chat.tokens": 10},
        "completed",
        clock(),
        1,
    )
    async with database.write() as session:
        assert await other.charge(session, job) == 400
    await tiered.close()
    await prove(database)


async def test_an_organizations_own_tiers_replace_those_of_the_list(
    tiered: Billing, payer: Payer, clock: Clock, database: Database
) -> None:
    organization = payer.organization_id
    await tiered.set_price(PriceChange("chat.tokens", None, 100), organization)
    await tiered.set_price(PriceChange("chat.tokens", None, 10, from_quantity=50), organization)
    async with database.write() as session:
        await set_discount(session, organization, 5_000)
    await tiered.load_prices()
    assert await _tokens(tiered, payer, clock, 60) == 6_000
    await _half_a_minute(tiered, clock)
    assert await _tokens(tiered, payer, clock, 10) == 100
    assert await tiered.end_overrides(organization, "chat.tokens", None) == 2
    await tiered.load_prices()
    assert tiered.cost(organization, {"chat.tokens": 10}, None) == 500


async def test_a_tier_that_costs_more_than_the_one_before_is_refused(tiered: Billing, payer: Payer) -> None:
    for change in (
        PriceChange("chat.tokens", None, 101, from_quantity=1_000),
        PriceChange("chat.tokens", None, 41, from_quantity=1_000),
        PriceChange("chat.tokens", None, 39),
    ):
        with pytest.raises(PricesRise):
            await tiered.set_price(change, None)
    with pytest.raises(InvalidInput, match="without a first price"):
        await tiered.set_price(TIER, payer.organization_id)


async def test_a_price_to_come_may_not_rise_with_a_tier_of_then(tiered: Billing, clock: Clock) -> None:
    later, last = clock() + timedelta(days=1), clock() + timedelta(days=2)
    await tiered.set_price(PriceChange("chat.tokens", None, 60, effective_at=last), None)
    with pytest.raises(PricesRise):
        await tiered.set_price(PriceChange("chat.tokens", None, 80, 100, later), None)


@pytest.mark.parametrize(
    "change",
    [
        PriceChange("chat.tokens", None, -1),
        PriceChange("chat.tokens", None, 10**15 + 1),
        PriceChange("chat.tokens", None, 1, from_quantity=-1),
        PriceChange("chat.tokens", None, 1, from_quantity=10**18 + 1),
        PriceChange("chat.tokens", None, 1, effective_at=datetime(2026, 3, 10, 12, tzinfo=UTC)),
    ],
)
async def test_prices_that_cannot_be_are_refused(billing: Billing, change: PriceChange) -> None:
    with pytest.raises(InvalidInput):
        await billing.set_price(change, None)


async def test_a_meter_that_nobody_counts_gets_no_price(billing: Billing) -> None:
    with pytest.raises(UnknownMeter):
        await billing.set_price(PriceChange("chat.dreams", None, 1), None)


@PATIENT
@given(
    steps=st.dictionaries(st.integers(1, 10**6), st.integers(0, 10**6), max_size=5),
    first=st.integers(0, 10**6),
    used=st.integers(0, 2 * 10**6),
    more=st.integers(0, 10**6),
)
def test_more_use_never_makes_a_unit_dearer_nor_more_than_is_held(
    steps: dict[int, int], first: int, used: int, more: int
) -> None:
    prices = sorted((*steps.values(), first), reverse=True)
    ladder = tuple(zip((0, *sorted(steps)), prices, strict=True))
    assert price_from(ladder, used + more) <= price_from(ladder, used) <= ladder[0][1]
    assert price_from(ladder, 0) == ladder[0][1]
