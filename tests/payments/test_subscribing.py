"""Plans by the month: offered, subscribed to, and what their months give."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import select
from tests.payments.conftest import apply_events, cents_of, post_of
from tests.payments.plans import grants_of, here, subscribed, use_card, whole
from tests.stripe import cards
from tests.stripe.payments import shown
from tests.stripe.server import StandIn

from skyhook.billing import Billing
from skyhook.billing.models import CreditGrant
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import Forbidden, InvalidInput
from skyhook.operations.caller import Caller
from skyhook.payments import Payments
from skyhook.payments.errors import (
    AlreadyOnPlan,
    AlreadySubscribed,
    PlanNotOffered,
)
from skyhook.payments.models import PaymentKind, PaymentState
from skyhook.payments.plan_checkup import plan_checkup, plan_differences
from skyhook.payments.plan_models import SubscriptionState
from skyhook.payments.subscriptions import Subscriptions

pytestmark = pytest.mark.usefixtures("offered")


async def test_tax_is_added_to_each_month_and_goes_back_with_its_money(
    configuration: Configuration, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    stand_in.store.tax_rates["DE"] = 1_900
    configuration = replace(configuration, stripe_tax=True)
    payments = Payments(database, configuration, post_of(database, configuration))
    subscriptions = Subscriptions(database, payments)
    url = await subscriptions.start(caller, "starter")
    stand_in.pay(url.rpartition("/")[2], cards.VISA, country="DE")
    await apply_events(payments, stand_in)
    stand_in.turn_clock(days=32)
    await apply_events(payments, stand_in)
    assert [(one.amount, one.tax) for one in await payments.payments(caller, 10)] == [(2_000, 380)] * 2
    await whole(database, payments)
    (latest, _) = await payments.payments(caller, 10)
    back = await payments.refund(latest.id, 1_190)
    assert (back.taken_back, back.taken_back_tax) == (1_000, 190)
    assert await grants_of(database, caller) == [
        ("included in Starter", 2_500),
        ("included in Starter", 1_250),
    ]
    await whole(database, payments)
    await payments.close()


@pytest.mark.parametrize("copies", [1, 3])
async def test_a_paid_month_gives_its_credit_and_its_discount_once(
    subscriptions: Subscriptions,
    payments: Payments,
    stand_in: StandIn,
    caller: Caller,
    database: Database,
    copies: int,
) -> None:
    row = await subscribed(subscriptions, payments, stand_in, caller)
    await apply_events(payments, stand_in, copies=copies)
    assert (row.state, row.plan, row.discount, row.next_price) == (
        SubscriptionState.ACTIVE,
        "starter",
        500,
        2_000,
    )
    assert await grants_of(database, caller) == [("included in Starter", 2_500)]
    (payment,) = await payments.payments(caller, 10)
    assert (payment.kind, payment.state, payment.amount) == (
        PaymentKind.SUBSCRIPTION,
        PaymentState.PAID,
        2_000,
    )
    (grant,) = await Billing(database).grants(caller.organization_id, 10)
    assert grant.expires_at == row.period_end
    await whole(database, payments)


async def test_the_plan_is_here_when_the_customer_is_back_though_no_event_came(
    subscriptions: Subscriptions, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    url = await subscriptions.start(caller, "team")
    assert await subscriptions.current(caller, fresh=True) is None
    stand_in.pay(url.rpartition("/")[2], cards.VISA)
    row = await subscriptions.current(caller, fresh=True)
    assert row is not None
    assert row.plan == "team"
    assert await cents_of(database, caller.organization_id) == 7_000


async def test_a_renewal_gives_the_next_month_its_own_credit(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    first = await subscribed(subscriptions, payments, stand_in, caller)
    stand_in.turn_clock(days=31)
    await apply_events(payments, stand_in, copies=2)
    second = await here(subscriptions, caller)
    assert (second.state, second.period_start) == (SubscriptionState.ACTIVE, first.period_end)
    expiries = [grant.expires_at for grant in await Billing(database).grants(caller.organization_id, 10)]
    assert expiries == [first.period_end, second.period_end]
    assert len(await payments.payments(caller, 10)) == 2
    await whole(database, payments)


async def test_only_one_page_can_be_paid_on_so_nobody_subscribes_twice(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller
) -> None:
    from tests.stripe.errors import StripeAnswersError

    first = await subscriptions.start(caller, "starter")
    second = await subscriptions.start(caller, "team")
    with pytest.raises(StripeAnswersError):
        stand_in.pay(first.rpartition("/")[2], cards.VISA)
    stand_in.pay(second.rpartition("/")[2], cards.VISA)
    with pytest.raises(AlreadySubscribed):
        await subscriptions.start(caller, "starter")
    assert (await here(subscriptions, caller)).plan == "team"


@pytest.mark.parametrize("seed", range(4))
async def test_shuffled_and_repeated_events_end_in_the_same_state(
    subscriptions: Subscriptions,
    payments: Payments,
    stand_in: StandIn,
    caller: Caller,
    database: Database,
    seed: int,
) -> None:
    url = await subscriptions.start(caller, "team")
    stand_in.pay(url.rpartition("/")[2], cards.VISA)
    client = payments.gateway.client.v1
    stand_in.turn_clock(days=40)
    use_card(stand_in, cards.DECLINED_LATER)
    stand_in.turn_clock(days=35)
    (unpaid,) = stand_in.store.all("invoice", status="open")
    stand_in.pay_invoice(unpaid["id"], cards.VISA)
    use_card(stand_in, cards.VISA)
    (subscription,) = stand_in.store.all("subscription")
    client.subscriptions.update(subscription["id"], {"cancel_at_period_end": True})
    intent = next(one for one in stand_in.store.all("payment_intent") if one["status"] == "succeeded")
    client.refunds.create({"payment_intent": intent["id"], "amount": 1_000})
    events = list(stand_in.store.all("event")) * 2
    random.Random(seed).shuffle(events)
    for event in events:
        await payments.inbox.receive(json.dumps(shown(event)).encode())
        if seed % 2:
            await payments.inbox.apply_due()
    while await payments.inbox.apply_due():
        pass
    row = await here(subscriptions, caller)
    assert (row.state, row.plan, row.discount, row.cancel_at_period_end) == (
        SubscriptionState.ACTIVE, "team", 1_000, True,
    )  # fmt: skip
    paid = await payments.payments(caller, 10)
    assert sorted((one.amount, one.taken_back) for one in paid) == [(5_000, 0), (5_000, 0), (5_000, 1_000)]
    async with database.read() as session:
        given = (await session.scalars(select(CreditGrant).order_by(CreditGrant.expires_at))).all()
    assert sorted(one.remaining // 10_000_000 for one in given) == [5_600, 7_000, 7_000]
    await whole(database, payments)


async def test_a_plan_that_is_withdrawn_or_unknown_cannot_be_chosen(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller
) -> None:
    await subscribed(subscriptions, payments, stand_in, caller)
    await subscriptions.plans.withdraw("team")
    for name in ("team", "none"):
        with pytest.raises(PlanNotOffered):
            await subscriptions.change(caller, name)
    with pytest.raises(AlreadyOnPlan):
        await subscriptions.change(caller, "starter")
    stranger = Caller(UUID(int=1), None, None, frozenset({"billing:read"}))
    for refused in (subscriptions.cancel, subscriptions.resume):
        with pytest.raises(Forbidden):
            await refused(stranger)


async def test_the_checks_say_what_differs_at_stripe(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    url = await subscriptions.start(caller, "starter")
    stand_in.pay(url.rpartition("/")[2], cards.VISA)
    (said,) = await plan_differences(database, payments.gateway)
    assert "was paid for a plan and is not here" in said
    await apply_events(payments, stand_in)
    (invoice,) = stand_in.store.all("invoice")
    invoice["status"] = "void"
    assert await plan_differences(database, payments.gateway) == [
        f"{invoice['id']} is paid here and not at Stripe"
    ]
    plans = await subscriptions.plans.offered()
    assert [is_right for is_right, _ in plan_checkup(payments.gateway, plans)] == [True, True]
    next(stand_in.store.all("price", id=plans[0].stripe_price))["active"] = False
    assert [is_right for is_right, _ in plan_checkup(payments.gateway, plans)] == [False, True]


async def test_another_price_is_for_new_customers_and_the_old_one_is_found_again(
    subscriptions: Subscriptions, payments: Payments, stand_in: StandIn, caller: Caller
) -> None:
    before = await subscribed(subscriptions, payments, stand_in, caller)
    dearer = await subscriptions.plans.set("starter", "Starter plus", 3_000, 4_000, 500)
    assert dearer.price == 3_000
    assert next(stand_in.store.all("product", id=dearer.product))["name"] == "Starter plus"
    stand_in.turn_clock(days=31)
    await apply_events(payments, stand_in)
    row = await here(subscriptions, caller)
    assert (row.plan, row.next_price) == (before.plan, 2_000)
    cheap = await subscriptions.plans.set("starter", "Starter", 2_000, 2_500, 500)
    assert cheap.product == dearer.product
    assert len(list(stand_in.store.all("product"))) == 2


@pytest.mark.parametrize(
    ("values", "field"),
    [
        (("Bad name", "Title", 2_000, 0, 0), "name"),
        (("plan", " ", 2_000, 0, 0), "title"),
        (("plan", "Plan", 99, 0, 0), "price"),
        (("plan", "Plan", 1_000_001, 0, 0), "price"),
        (("plan", "Plan", 2_000, -1, 0), "included"),
        (("plan", "Plan", 2_000, 0, 10_001), "discount"),
    ],
)
async def test_a_plan_out_of_range_is_refused_at_its_field(
    subscriptions: Subscriptions, values: tuple[str, str, int, int, int], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await subscriptions.plans.set(*values)
    assert refused.value.field == field
