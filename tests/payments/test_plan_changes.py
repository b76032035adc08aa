"""A plan is changed for a dearer or a cheaper one, canceled, or kept."""

from __future__ import annotations

from typing import Any

import pytest
from tests.payments.conftest import apply_events, cents_of
from tests.payments.plans import cents_of_all, grants_of, here, subscribed, use_card, whole
from tests.stripe import cards
from tests.stripe.server import StandIn

from skyhook.database import Database
from skyhook.operations.caller import Caller
from skyhook.payments import Payments
from skyhook.payments.errors import (
    AlreadyOnPlan,
    CardDeclined,
    NoSavedCard,
    NotSubscribed,
    PaymentProviderUnavailable,
)
from skyhook.payments.plan_models import SubscriptionState
from skyhook.payments.subscriptions import Subscriptions

pytestmark = pytest.mark.usefixtures("offered")


async def test_a_dearer_plan_is_here_at_once_and_gives_the_difference(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    await subscribed(subscriptions, payments, stand_in, caller)
    stand_in.turn_clock(days=15)
    row = await subscriptions.change(caller, "team")
    assert (row.plan, row.next_plan, row.discount) == ("team", None, 1_000)
    first, second = await grants_of(database, caller)
    assert first == ("included in Starter", 2_500)
    # About half of the $45 that Team includes more; cents of the invoice say how much exactly.
    assert second[0] == "included in Team"
    assert 2_000 < second[1] < 2_500
    paid = (await payments.payments(caller, 1))[0].amount
    assert 1_300 < paid < 1_700
    await apply_events(payments, stand_in, copies=2)
    assert await grants_of(database, caller) == [first, second]
    await whole(database, payments)


async def test_a_cheaper_plan_comes_with_the_next_period_and_can_be_taken_back(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    await subscribed(subscriptions, payments, stand_in, caller, "team")
    row = await subscriptions.change(caller, "starter")
    assert (row.plan, row.next_plan, row.next_price, row.discount) == ("team", "starter", 2_000, 1_000)
    with pytest.raises(AlreadyOnPlan):
        await subscriptions.change(caller, "starter")
    assert (await subscriptions.change(caller, "team")).next_plan is None
    await subscriptions.change(caller, "starter")
    stand_in.turn_clock(days=31)
    await apply_events(payments, stand_in)
    row = await here(subscriptions, caller)
    assert (row.plan, row.next_plan, row.discount) == ("starter", None, 500)
    assert [one.amount for one in await payments.payments(caller, 10)] == [2_000, 5_000]
    assert [reference for reference, _ in await grants_of(database, caller)] == [
        "included in Team",
        "included in Starter",
    ]


async def test_a_dearer_plan_after_a_cheaper_one_was_chosen_costs_the_difference_to_the_present_one(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    await subscriptions.plans.set("large", "Large", 9_000, 12_000, 1_500)
    await subscribed(subscriptions, payments, stand_in, caller, "team")
    await subscriptions.change(caller, "starter")
    row = await subscriptions.change(caller, "large")
    assert (row.plan, row.next_plan) == ("large", None)
    assert (await payments.payments(caller, 1))[0].amount == pytest.approx(4_000, abs=2)
    assert await cents_of_all(database, caller) == pytest.approx(12_000, abs=3)


async def test_a_card_that_is_declined_at_a_change_leaves_the_plan_as_it_was(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    await subscribed(subscriptions, payments, stand_in, caller)
    use_card(stand_in, cards.DECLINED_LATER)
    with pytest.raises(CardDeclined):
        await subscriptions.change(caller, "team")
    row = await subscriptions.current(caller, fresh=True)
    assert row is not None
    assert (row.state, row.plan, row.next_plan) == (SubscriptionState.ACTIVE, "starter", None)
    assert await cents_of(database, caller.organization_id) == 2_500


async def test_without_any_card_a_dearer_plan_is_refused(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller
) -> None:
    await subscribed(subscriptions, payments, stand_in, caller)
    with stand_in.store.lock:
        for method in stand_in.store.all("payment_method"):
            method["customer"] = None
        for one in stand_in.store.all("subscription"):
            one["default_payment_method"] = None
    with pytest.raises(NoSavedCard):
        await subscriptions.change(caller, "team")


async def test_a_canceled_plan_lasts_to_the_end_of_its_period_and_can_be_kept(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    await subscribed(subscriptions, payments, stand_in, caller)
    row = await subscriptions.cancel(caller)
    assert (row.cancel_at_period_end, row.next_price, row.discount) == (True, None, 500)
    assert not (await subscriptions.resume(caller)).cancel_at_period_end
    await subscriptions.cancel(caller)
    stand_in.turn_clock(days=31)
    await apply_events(payments, stand_in)
    row = await here(subscriptions, caller)
    assert (row.state, row.discount) == (SubscriptionState.CANCELED, 0)
    assert await cents_of(database, caller.organization_id) == 2_500  # until it expires
    with pytest.raises(NotSubscribed):
        await subscriptions.resume(caller)
    again = await subscribed(subscriptions, payments, stand_in, caller, "team")
    assert (again.state, again.plan) == (SubscriptionState.ACTIVE, "team")


@pytest.mark.parametrize("when", ["before", "after", "lost"])
async def test_stripe_failing_half_way_changes_a_plan_once(
    subscriptions: Subscriptions,
    payments: Payments,
    stand_in: StandIn,
    caller: Caller,
    database: Database,
    when: str,
) -> None:
    await subscribed(subscriptions, payments, stand_in, caller)
    move = payments.gateway.set_price

    async def failing(*asked: Any, **more: Any) -> None:
        stand_in.fail(500, 500, 500, when=when)  # type: ignore[arg-type]
        await move(*asked, **more)

    payments.gateway.set_price = failing  # type: ignore[method-assign]
    with pytest.raises(PaymentProviderUnavailable):
        await subscriptions.change(caller, "team")
    payments.gateway.set_price = move  # type: ignore[method-assign]
    stand_in.failures.clear()
    try:
        await subscriptions.change(caller, "team")
    except AlreadyOnPlan:
        assert when != "before"
    await apply_events(payments, stand_in)
    assert (await here(subscriptions, caller)).plan == "team"
    assert len(await payments.payments(caller, 10)) == 2
    await whole(database, payments)


async def test_who_pays_an_old_price_keeps_it_when_a_change_is_taken_back(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller
) -> None:
    await subscribed(subscriptions, payments, stand_in, caller, "team")
    await subscriptions.plans.set("team", "Team", 8_000, 9_000, 1_000)
    await subscriptions.change(caller, "starter")
    row = await subscriptions.change(caller, "team")
    assert (row.plan, row.next_plan, row.next_price) == ("team", None, 5_000)


async def test_a_change_that_is_declined_leaves_a_cancellation_as_it_was(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller
) -> None:
    await subscribed(subscriptions, payments, stand_in, caller)
    await subscriptions.cancel(caller)
    use_card(stand_in, cards.DECLINED_LATER)
    with pytest.raises(CardDeclined):
        await subscriptions.change(caller, "team")
    row = await subscriptions.current(caller, fresh=True)
    assert row is not None
    assert row.cancel_at_period_end
    use_card(stand_in, cards.VISA)
    assert not (await subscriptions.change(caller, "team")).cancel_at_period_end
