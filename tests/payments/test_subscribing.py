"""Plans by the month: subscribed to, renewed, changed, canceled, not paid, and paid back."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select
from tests.payments.conftest import apply_events, cents_of, mail_of
from tests.stripe import cards
from tests.stripe import payments as theirs
from tests.stripe.payments import shown
from tests.stripe.server import StandIn

from skyhook.accounts.models import Member, Role, User
from skyhook.billing import Billing
from skyhook.billing.models import CreditGrant
from skyhook.billing.reconciliation import reconcile
from skyhook.clock import new_id, now
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import Forbidden, InvalidInput
from skyhook.operations.caller import Caller
from skyhook.payments import Payments
from skyhook.payments.checkup import differences
from skyhook.payments.errors import (
    AlreadyOnPlan,
    AlreadySubscribed,
    CardDeclined,
    NoSavedCard,
    NotSubscribed,
    PaymentProviderUnavailable,
    PlanNotOffered,
    RefundExceeds,
    SubscriptionPaymentPending,
)
from skyhook.payments.models import PaymentKind, PaymentState
from skyhook.payments.plan_checkup import plan_checkup, plan_differences
from skyhook.payments.plan_models import GRACE, Subscription, SubscriptionState
from skyhook.payments.subscriptions import Subscriptions

pytestmark = pytest.mark.usefixtures("offered")


async def subscribed(
    subscriptions: Subscriptions,
    payments: Payments,
    stand_in: StandIn,
    caller: Caller,
    plan: str = "starter",
    number: str = cards.VISA,
) -> Subscription:
    """An organization that has paid for a plan's first month."""
    url = await subscriptions.start(caller, plan)
    stand_in.pay(url.rpartition("/")[2], number)
    await apply_events(payments, stand_in)
    return await here(subscriptions, caller)


async def here(subscriptions: Subscriptions, caller: Caller) -> Subscription:
    row = await subscriptions.current(caller)
    assert row is not None
    return row


async def whole(database: Database, payments: Payments) -> None:
    """That all books agree, those of Stripe included."""
    async with database.read() as session:
        assert await reconcile(session) == []
    assert await differences(database, payments.gateway) == []
    assert await plan_differences(database, payments.gateway) == []


def use_card(stand_in: StandIn, number: str) -> None:
    """Gives the customer another card, which their subscriptions are paid with, as on the portal."""
    with stand_in.store.lock:
        customer = next(stand_in.store.all("customer"))
        method = theirs.new_method(stand_in.store, number, set_up=True)
        theirs.attach(stand_in.store, method, customer["id"])
        customer["invoice_settings"]["default_payment_method"] = method["id"]
        for subscription in stand_in.store.all("subscription"):
            subscription["default_payment_method"] = None


async def grants_of(database: Database, caller: Caller) -> list[tuple[str, int]]:
    """Why credit was given, and how many cents of it are left, oldest first."""
    found = await Billing(database).grants(caller.organization_id, 100)
    return [(one.reference, one.remaining // 10_000_000) for one in sorted(found, key=lambda one: one.id)]


async def test_tax_is_added_to_each_month_and_goes_back_with_its_money(
    configuration: Configuration, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    stand_in.store.tax_rates["DE"] = 1_900
    configuration = replace(configuration, stripe_tax=True)
    payments = Payments(database, configuration, mail_of(configuration))
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


async def cents_of_all(database: Database, caller: Caller) -> int:
    return (await Billing(database).balance(caller.organization_id)).balance // 10_000_000


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
    await payments.renewals._mail.close()
    assert await letters(configuration) == ["The plan of Acme could not be renewed"]
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
    await payments.renewals._mail.close()
    assert "The plan of Acme has ended" in await letters(configuration)
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


async def owner(database: Database, organization: UUID) -> None:
    """Somebody who gets the organization's letters."""
    async with database.write() as session:
        user = User(id=new_id(), email="owner@example.com", name="Owner", password_hash="", created_at=now())
        session.add(user)
        await session.flush()
        session.add(Member(organization_id=organization, user_id=user.id, role=Role.OWNER))


async def letters(configuration: Configuration) -> list[str]:
    """The subjects of the mails that were sent, oldest first."""
    from email import message_from_bytes

    folder = Path(configuration.data) / "mail"
    found = [message_from_bytes(path.read_bytes()) for path in sorted(folder.glob("*"))]
    return [str(one["Subject"]) for one in found]
