"""Months of a plan that are renewed late or not at all, refunded, or disputed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.payments.conftest import apply_events, cents_of, letters, owner
from tests.payments.plans import grants_of, here, subscribed, use_card, whole
from tests.stripe import cards
from tests.stripe.server import StandIn

from skyhook.billing import Billing
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.operations.caller import Caller
from skyhook.payments import Payments
from skyhook.payments.errors import (
    RefundExceeds,
    SubscriptionPaymentPending,
)
from skyhook.payments.models import PaymentKind
from skyhook.payments.plan_models import GRACE, SubscriptionState
from skyhook.payments.subscriptions import Subscriptions

pytestmark = pytest.mark.usefixtures("offered")


async def test_a_renewal_that_is_not_paid_is_told_once_and_heals_with_another_card(
    subscriptions: Subscriptions,
    payments: Payments,
    stand_in: StandIn,
    caller: Caller,
    database: Database,
    configuration: Configuration,
) -> None:
    await owner(database, caller.organization_id)
    await subscribed(subscriptions, payments, stand_in, caller)
    use_card(stand_in, cards.DECLINED_LATER)
    stand_in.turn_clock(days=31)
    await apply_events(payments, stand_in, copies=2)
    row = await here(subscriptions, caller)
    assert (row.state, row.discount) == (SubscriptionState.PAST_DUE, 500)
    assert row.pay_at is not None
    with pytest.raises(SubscriptionPaymentPending):
        await subscriptions.change(caller, "team")
    assert await letters(database, configuration) == ["The plan of Acme could not be renewed"]
    assert row.unpaid_invoice is not None
    stand_in.pay_invoice(row.unpaid_invoice, cards.VISA)
    await apply_events(payments, stand_in)
    row = await here(subscriptions, caller)
    assert (row.state, row.pay_at) == (SubscriptionState.ACTIVE, None)
    assert len(await grants_of(database, caller)) == 2
    await whole(database, payments)


async def test_after_the_grace_the_discount_ends_and_after_the_last_try_the_plan(
    subscriptions: Subscriptions,
    payments: Payments,
    stand_in: StandIn,
    caller: Caller,
    database: Database,
    configuration: Configuration,
) -> None:
    await owner(database, caller.organization_id)
    await subscribed(subscriptions, payments, stand_in, caller)
    use_card(stand_in, cards.DECLINED_LATER)
    stand_in.turn_clock(days=31)
    await apply_events(payments, stand_in)
    row = await here(subscriptions, caller)
    assert row.period_start is not None
    late = row.period_start + GRACE
    payments.renewals._clock = lambda: late - timedelta(seconds=1)
    await payments.renewals.round()
    assert (await here(subscriptions, caller)).discount == 500
    payments.renewals._clock = lambda: late
    await payments.renewals.round()
    assert (await here(subscriptions, caller)).discount == 0
    stand_in.turn_clock(days=20)
    await apply_events(payments, stand_in)
    row = await here(subscriptions, caller)
    assert (row.state, row.discount) == (SubscriptionState.CANCELED, 0)
    assert "The plan of Acme has ended" in await letters(database, configuration)
    assert await cents_of(database, caller.organization_id) == 2_500


async def test_a_plan_whose_renewal_is_not_paid_ends_at_once_when_it_is_canceled(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller
) -> None:
    await subscribed(subscriptions, payments, stand_in, caller)
    use_card(stand_in, cards.DECLINED_LATER)
    stand_in.turn_clock(days=31)
    await apply_events(payments, stand_in)
    assert (await subscriptions.cancel(caller)).state == SubscriptionState.CANCELED


async def test_a_lost_renewal_is_found_by_looking(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    first = await subscribed(subscriptions, payments, stand_in, caller)
    stand_in.turn_clock(days=31)
    assert first.period_end is not None
    later = first.period_end + timedelta(hours=2)
    payments.renewals._clock = lambda: later
    await payments.renewals.round()
    assert (await here(subscriptions, caller)).period_start == first.period_end
    assert len(await payments.payments(caller, 10)) == 2


async def test_a_refund_takes_back_the_same_part_of_the_months_credit_and_no_other(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    await subscribed(subscriptions, payments, stand_in, caller)
    _, page = await payments.top_up(caller, 1_000)
    stand_in.pay(page.id, cards.VISA)
    await apply_events(payments, stand_in)
    month = next(one for one in await payments.payments(caller, 10) if one.kind == PaymentKind.SUBSCRIPTION)
    assert (await payments.refund(month.id, 500)).taken_back == 500
    await apply_events(payments, stand_in)
    assert await grants_of(database, caller) == [("included in Starter", 1_875), ("card payment", 1_000)]
    await payments.refund(month.id, None)
    with pytest.raises(RefundExceeds):
        await payments.refund(month.id, None)
    await apply_events(payments, stand_in, copies=2)
    assert await grants_of(database, caller) == [("card payment", 1_000)]
    assert await payments.owed(caller) == 0
    await whole(database, payments)


async def test_a_dispute_that_is_won_gives_the_months_credit_again(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    await subscribed(subscriptions, payments, stand_in, caller, number=cards.DISPUTED)
    assert await grants_of(database, caller) == []
    stand_in.close_dispute(next(stand_in.store.all("dispute"))["id"], won=True)
    await apply_events(payments, stand_in, copies=2)
    (grant,) = await Billing(database).grants(caller.organization_id, 10)
    assert (grant.remaining, grant.expires_at) == (
        2_500 * 10_000_000,
        (await here(subscriptions, caller)).period_end,
    )
    await whole(database, payments)


async def test_an_older_look_is_not_written_over_a_newer_one(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller
) -> None:
    await subscribed(subscriptions, payments, stand_in, caller)
    look = payments.gateway.look

    async def slow(customer: str) -> Any:
        old = await look(customer)
        payments.gateway.look = look  # type: ignore[method-assign]
        await subscriptions.cancel(caller)
        return old

    payments.gateway.look = slow  # type: ignore[method-assign]
    await payments.renewals.follow(caller.organization_id)
    assert (await here(subscriptions, caller)).cancel_at_period_end
