"""Credit that is bought on Stripe's page, and money that goes back."""

from __future__ import annotations

import json
import random
from uuid import UUID

import pytest
from tests.payments.conftest import apply_events, cents_of
from tests.stripe import cards
from tests.stripe.errors import StripeAnswersError
from tests.stripe.payments import shown
from tests.stripe.server import StandIn
from tests.stripe.webhooks import signature

from skyhook.billing.reconciliation import reconcile
from skyhook.database import Database
from skyhook.errors import Forbidden, InvalidInput, NotFound
from skyhook.operations.caller import Caller
from skyhook.payments import Payments
from skyhook.payments.checkup import differences
from skyhook.payments.errors import (
    PaymentProviderUnavailable,
    PaymentsNotConfigured,
    RefundExceeds,
    SignatureInvalid,
)
from skyhook.payments.funds import owed_by
from skyhook.payments.models import PaymentState, Reversal


async def bought(payments: Payments, stand_in: StandIn, caller: Caller, cents: int = 2_000) -> UUID:
    """A payment that was made on Stripe's page, of which nothing was told yet."""
    payment, page = await payments.top_up(caller, cents)
    stand_in.pay(page.id, cards.VISA)
    return payment.id


async def whole(database: Database, payments: Payments) -> None:
    """That all books agree, those of Stripe included."""
    async with database.read() as session:
        assert await reconcile(session) == []
    assert await differences(database, payments.gateway) == []


@pytest.mark.parametrize("copies", [1, 3])
async def test_credit_is_added_once_however_often_its_events_come(
    payments: Payments, stand_in: StandIn, caller: Caller, database: Database, copies: int
) -> None:
    payment_id = await bought(payments, stand_in, caller)
    await apply_events(payments, stand_in, copies=copies)
    assert await cents_of(database, caller.organization_id) == 2_000
    assert (await payments.payment(caller, payment_id)).state == PaymentState.PAID
    await whole(database, payments)


async def test_credit_is_here_when_the_customer_is_back_though_no_event_came(
    payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    payment_id = await bought(payments, stand_in, caller)
    assert (await payments.payment(caller, payment_id, fresh=True)).state == PaymentState.PAID
    await apply_events(payments, stand_in)
    assert await cents_of(database, caller.organization_id) == 2_000


async def test_a_declined_card_leaves_the_page_open_for_another_one(
    payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    payment, page = await payments.top_up(caller, 1_000)
    with pytest.raises(StripeAnswersError):
        stand_in.pay(page.id, cards.DECLINED)
    await apply_events(payments, stand_in)
    assert (await payments.payment(caller, payment.id)).state == PaymentState.OPEN
    stand_in.pay(page.id, cards.VISA)
    await apply_events(payments, stand_in)
    assert await cents_of(database, caller.organization_id) == 1_000


async def test_a_page_that_nobody_pays_on_expires(
    payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    payment, page = await payments.top_up(caller, 1_000)
    payments.gateway.client.v1.checkout.sessions.expire(page.id)
    await apply_events(payments, stand_in)
    assert (await payments.payment(caller, payment.id)).state == PaymentState.EXPIRED


@pytest.mark.parametrize("cents", [-1, 0, 499, 1_000_001, 10**15])
async def test_amounts_out_of_range_are_refused_before_stripe_is_asked(
    payments: Payments, stand_in: StandIn, caller: Caller, cents: int
) -> None:
    with pytest.raises(InvalidInput):
        await payments.top_up(caller, cents)
    assert stand_in.requests == []


async def test_an_instance_without_a_key_says_what_to_do(without_stripe: Payments, caller: Caller) -> None:
    assert not without_stripe.are_taken
    with pytest.raises(PaymentsNotConfigured, match="STRIPE_SECRET_KEY"):
        await without_stripe.top_up(caller, 1_000)
    with pytest.raises(PaymentsNotConfigured, match="STRIPE_WEBHOOK_SECRET"):
        without_stripe.gateway.verified(b"{}", signature("", b"{}", 0))


async def test_only_who_may_spend_money_does(payments: Payments, caller: Caller) -> None:
    reader = Caller(caller.organization_id, None, None, frozenset({"billing:read"}))
    with pytest.raises(Forbidden):
        await payments.top_up(reader, 1_000)
    with pytest.raises(Forbidden):
        await payments.set_auto_top_up(reader, 500, 1_000, 5_000)


async def test_a_payment_of_another_organization_is_not_found(
    payments: Payments, stand_in: StandIn, caller: Caller
) -> None:
    payment_id = await bought(payments, stand_in, caller)
    stranger = Caller(UUID(int=1), None, None, frozenset({"*"}))
    with pytest.raises(NotFound):
        await payments.payment(stranger, payment_id)


@pytest.mark.parametrize("when", ["before", "after", "lost"])
async def test_stripe_failing_half_way_charges_nobody_twice(
    payments: Payments, stand_in: StandIn, caller: Caller, database: Database, when: str
) -> None:
    await payments.portal(caller)  # so that the customer is known
    stand_in.fail(500, 500, 500, when=when)  # type: ignore[arg-type]
    with pytest.raises(PaymentProviderUnavailable):
        await payments.top_up(caller, 1_000)
    await bought(payments, stand_in, caller)
    await apply_events(payments, stand_in)
    assert await cents_of(database, caller.organization_id) == 2_000


async def test_a_refund_takes_credit_back_and_never_more_than_was_paid(
    payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    payment_id = await bought(payments, stand_in, caller)
    await apply_events(payments, stand_in)
    assert (await payments.refund(payment_id, 500)).taken_back == 500
    await apply_events(payments, stand_in)
    assert await cents_of(database, caller.organization_id) == 1_500
    for cents in (1_501, 0, -5):
        with pytest.raises(RefundExceeds):
            await payments.refund(payment_id, cents)
    assert (await payments.refund(payment_id, None)).taken_back == 2_000
    with pytest.raises(RefundExceeds):
        await payments.refund(payment_id, None)
    await apply_events(payments, stand_in)
    assert await cents_of(database, caller.organization_id) == 0
    await whole(database, payments)


async def test_what_was_spent_of_money_that_went_back_is_owed_and_filled_first(
    payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    payment, page = await payments.top_up(caller, 2_000)
    stand_in.pay(page.id, cards.DISPUTED)
    dispute = next(stand_in.store.all("dispute"))
    await apply_events(payments, stand_in)
    assert (await payments.payment(caller, payment.id)).taken_back == 2_000
    second = await bought(payments, stand_in, caller, 3_000)
    await apply_events(payments, stand_in)
    stand_in.close_dispute(dispute["id"], won=True)
    await apply_events(payments, stand_in, copies=2)
    assert await cents_of(database, caller.organization_id) == 5_000
    assert (await payments.payment(caller, second)).taken_back == 0
    assert await payments.owed(caller) == 0


@pytest.mark.parametrize("seed", range(6))
async def test_any_order_of_all_events_ends_in_the_same_books(
    payments: Payments, stand_in: StandIn, caller: Caller, database: Database, seed: int
) -> None:
    _, page = await payments.top_up(caller, 2_000)
    stand_in.pay(page.id, cards.VISA)
    client = payments.gateway.client.v1
    intent = client.checkout.sessions.retrieve(page.id).payment_intent
    for cents in (300, 700):
        client.refunds.create({"payment_intent": str(intent), "amount": cents})
    for won in (True, False):
        _, disputed = await payments.top_up(caller, 1_000)
        stand_in.pay(disputed.id, cards.DISPUTED)
        stand_in.close_dispute(next(stand_in.store.all("dispute"))["id"], won=won)
    events = list(stand_in.store.all("event")) * 2
    random.Random(seed).shuffle(events)
    for event in events:
        await payments.inbox.receive(json.dumps(shown(event)).encode())
        if seed % 2:
            await payments.inbox.apply_due()
    while await payments.inbox.apply_due():
        pass
    async with database.read() as session:
        owed = await owed_by(session, caller.organization_id)
    await payments.topping_up.round()
    # 2000 - 300 - 700, the dispute that was won, and nothing of the one that was lost
    assert await cents_of(database, caller.organization_id) == 2_000, owed
    assert await payments.owed(caller) == 0
    await whole(database, payments)


async def test_a_refund_and_its_payment_that_were_written_at_one_time_meet_in_the_next_round(
    payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    payment_id = await bought(payments, stand_in, caller)
    await apply_events(payments, stand_in)
    intent = (await payments.payment(caller, payment_id)).intent
    async with database.write() as session:  # as another process left it that could not see the payment yet
        session.add(Reversal(stripe_id="re_1", intent=intent, amount=500))
    for _ in range(2):
        await payments.topping_up.round()
    assert (await payments.payment(caller, payment_id)).taken_back == 500
    assert await cents_of(database, caller.organization_id) == 1_500


async def test_a_forged_an_old_and_an_unsigned_webhook_are_refused(payments: Payments) -> None:
    body = b'{"id": "evt_1", "type": "x", "data": {"object": {}}}'
    for header in (None, "", signature("whsec_other", body, 2_000_000_000), signature("whsec_test", body, 1)):
        with pytest.raises(SignatureInvalid):
            payments.gateway.verified(body, header)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"id": "evt_1", "type": "x"}', b"\xff"])
async def test_what_is_no_event_is_refused(payments: Payments, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        await payments.inbox.receive(body)


async def test_an_event_that_cannot_be_applied_is_tried_again_then_kept_for_a_replay(
    payments: Payments, stand_in: StandIn, caller: Caller, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from skyhook.clock import now
    from skyhook.payments import events, inbox

    async def broken(*_: object) -> None:
        raise RuntimeError("out of order")

    payment_id = await bought(payments, stand_in, caller)
    time = [now()]
    payments.inbox._clock = lambda: time[0]
    with monkeypatch.context() as patch:
        patch.setattr(events, "HANDLERS", dict.fromkeys(events.HANDLERS, broken))
        await apply_events(payments, stand_in)
        for _ in range(inbox.TRIES):
            time[0] += timedelta(days=1)
            await payments.inbox.apply_due()
    assert (await payments.payment(caller, payment_id)).state == PaymentState.OPEN
    assert await payments.inbox.apply_due() == 0
    assert await payments.inbox.replay() > 0
    await payments.inbox.apply_due()
    assert await cents_of(database, caller.organization_id) == 2_000
    with pytest.raises(NotFound):
        await payments.inbox.replay("evt_none")
