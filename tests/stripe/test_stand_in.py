"""The stand-in answers the real SDK as Stripe does."""

from __future__ import annotations

import json
import threading
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe
from tests.stripe import cards
from tests.stripe.server import StandIn


class Receiver:
    """A webhook endpoint that checks signatures with the SDK."""

    def __init__(self) -> None:
        self.secret = ""
        self.events: list[stripe.Event] = []
        self.answers: list[int] = []
        """Statuses of the next answers; 200 after them."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                event = stripe.Webhook.construct_event(
                    body, self.headers["Stripe-Signature"], receiver.secret
                )
                status = receiver.answers.pop(0) if receiver.answers else 200
                if status == 200:
                    receiver.events.append(event)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/stripe"

    def types(self) -> list[str]:
        return [event.type for event in self.events]


@pytest.fixture
def receiver(client: stripe.StripeClient) -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    endpoint = client.v1.webhook_endpoints.create({"url": receiver.url, "enabled_events": ["*"]})
    assert endpoint.secret is not None
    receiver.secret = endpoint.secret
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()


def saved(client: stripe.StripeClient, name: str = "pm_card_visa") -> tuple[str, str]:
    """The ids of a new customer and of a saved card."""
    customer = client.v1.customers.create({"email": "ada@example.com"})
    method = client.v1.payment_methods.attach(name, {"customer": customer.id})
    return customer.id, method.id


def monthly(client: stripe.StripeClient, cents: int, key: str) -> stripe.Price:
    return client.v1.prices.create(
        {
            "unit_amount": cents, "currency": "usd", "recurring": {"interval": "month"}, "lookup_key": key,
            "product_data": {"name": key}, "nickname": key,
        }
    )  # fmt: skip


def browse(address: str, **form: str) -> tuple[str, str]:
    """Where a customer's browser ends up after a form, or a look, and what it shows."""
    data = urllib.parse.urlencode(form).encode() if form else None
    opener = urllib.request.build_opener(NoRedirect)
    try:
        with opener.open(address, data, timeout=10) as answer:
            return address, answer.read().decode()
    except urllib.error.HTTPError as redirect:
        with redirect:
            return redirect.headers["Location"], ""


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def test_a_wrong_key_is_refused(stand_in: StandIn) -> None:
    stranger = stripe.StripeClient("sk_test_other", base_addresses={"api": stand_in.address})
    with pytest.raises(stripe.AuthenticationError):
        stranger.v1.customers.list()


def test_unknown_and_missing_parameters_are_refused_by_name(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        client.v1.customers.create({"emial": "ada@example.com"})  # type: ignore[typeddict-unknown-key]
    assert (unknown.value.code, unknown.value.param) == ("parameter_unknown", "emial")
    with pytest.raises(stripe.InvalidRequestError) as nested:
        client.v1.checkout.sessions.create(
            {"mode": "payment", "success_url": "https://x", "payment_intent_data": {"metdata": {"a": "b"}}}  # type: ignore[typeddict-unknown-key]
        )
    assert nested.value.param == "payment_intent_data[metdata]"
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.payment_intents.create({"currency": "usd"})  # type: ignore[typeddict-item]
    assert (missing.value.code, missing.value.param) == ("parameter_missing", "amount")


@pytest.mark.parametrize("amount", [-5, 0, 49, 100_000_000])
def test_amounts_out_of_range_are_refused(client: stripe.StripeClient, amount: int) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create({"amount": amount, "currency": "usd"})


def test_a_key_gives_the_same_answer_to_the_same_request_alone(
    client: stripe.StripeClient, stand_in: StandIn
) -> None:
    once = {"idempotency_key": "one"}
    first = client.v1.customers.create({"email": "ada@example.com"}, once)  # type: ignore[arg-type]
    again = client.v1.customers.create({"email": "ada@example.com"}, once)  # type: ignore[arg-type]
    assert first.id == again.id
    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    with pytest.raises(stripe.IdempotencyError):
        client.v1.customers.create({"email": "eve@example.com"}, once)  # type: ignore[arg-type]
    assert len(list(stand_in.store.all("customer"))) == 1


def test_an_answer_that_is_lost_is_given_again_by_its_key(stand_in: StandIn) -> None:
    retrying = stripe.StripeClient(
        "sk_test_standin", base_addresses={"api": stand_in.address}, max_network_retries=2
    )
    stand_in.fail(200, when="lost")
    customer, method = saved(retrying)
    stand_in.fail(200, when="lost")
    retrying.v1.payment_intents.create(
        {"amount": 500, "currency": "usd", "customer": customer, "payment_method": method, "confirm": True}
    )
    assert [one["amount"] for one in stand_in.store.all("charge")] == [500]


def test_failures_come_as_the_errors_that_the_sdk_knows(
    client: stripe.StripeClient, stand_in: StandIn
) -> None:
    stand_in.fail(429, 500)
    with pytest.raises(stripe.RateLimitError):
        client.v1.customers.list()
    with pytest.raises(stripe.APIError):
        client.v1.customers.list()
    assert client.v1.customers.list().data == []


def test_lists_are_paged_from_the_newest(client: stripe.StripeClient) -> None:
    made = [client.v1.customers.create({"name": str(number)}).id for number in range(25)]
    page = client.v1.customers.list({"limit": 10})
    assert ([one.id for one in page.data], page.has_more) == (made[:-11:-1], True)
    assert [one.id for one in page.auto_paging_iter()] == made[::-1]


@pytest.mark.parametrize(
    ("card", "code", "decline_code"),
    [
        ("pm_card_chargeCustomerFail", "card_declined", "generic_decline"),
        ("pm_card_authenticationRequired", "authentication_required", "authentication_required"),
    ],
)
def test_a_saved_card_that_fails_says_why(
    client: stripe.StripeClient, stand_in: StandIn, card: str, code: str, decline_code: str
) -> None:
    customer, method = saved(client, card)
    with pytest.raises(stripe.CardError) as refused:
        client.v1.payment_intents.create(
            {
                "amount": 500, "currency": "usd", "customer": customer, "payment_method": method,
                "confirm": True, "off_session": True,
            }
        )  # fmt: skip
    assert (refused.value.code, refused.value.http_status) == (code, 402)
    assert refused.value.error is not None
    assert refused.value.error.decline_code == decline_code
    assert stand_in.store.amounts_of("charge", "amount_captured") == 0


def test_refunds_end_where_the_charge_does(client: stripe.StripeClient) -> None:
    customer, method = saved(client)
    intent = client.v1.payment_intents.create(
        {"amount": 500, "currency": "usd", "customer": customer, "payment_method": method, "confirm": True}
    )
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 200})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 301})
    client.v1.refunds.create({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert refused.value.code == "charge_already_refunded"


def test_a_customer_pays_on_the_page_of_a_session(
    client: stripe.StripeClient, stand_in: StandIn, receiver: Receiver
) -> None:
    customer = client.v1.customers.create({"email": "ada@example.com"})
    session = client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": customer.id,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "usd", "unit_amount": 2500, "product_data": {"name": "Credit"},
                    },
                }
            ],
            "payment_intent_data": {"setup_future_usage": "off_session", "metadata": {"order": "7"}},
            "success_url": "https://shop.example/done?session={CHECKOUT_SESSION_ID}",
        }
    )  # fmt: skip
    assert session.url is not None
    assert "$25.00" in browse(session.url)[1]
    assert "Your card was declined" in browse(session.url, number=cards.DECLINED)[1]
    asked, _ = browse(session.url, number=cards.ASKS_ONCE)
    assert (
        "unable to authenticate" in browse(stand_in.address + asked, number=cards.ASKS_ONCE, answer="no")[1]
    )
    done, _ = browse(stand_in.address + asked, number=cards.ASKS_ONCE, answer="yes")
    assert done == f"https://shop.example/done?session={session.id}"
    paid = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert isinstance(paid.payment_intent, stripe.PaymentIntent)
    assert (paid.payment_status, paid.payment_intent.amount_received) == ("paid", 2500)
    assert paid.payment_intent.metadata["order"] == "7"
    assert stand_in.deliveries.settled()
    assert Counter(receiver.types())["checkout.session.completed"] == 1
    later = client.v1.payment_intents.create(
        {
            "amount": 500, "currency": "usd", "customer": customer.id, "confirm": True, "off_session": True,
            "payment_method": client.v1.payment_methods.list({"customer": customer.id}).data[0].id,
        }
    )  # fmt: skip
    assert later.status == "succeeded"


def test_a_subscription_renews_fails_and_ends_with_the_clock(
    client: stripe.StripeClient, stand_in: StandIn, receiver: Receiver
) -> None:
    customer, method = saved(client)
    plan = monthly(client, 2000, "pro")
    subscription = client.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": plan.id}], "default_payment_method": method}
    )
    assert subscription.status == "active"
    stand_in.turn_clock(days=32)
    assert [one.amount_paid for one in client.v1.invoices.list({"customer": customer}).data] == [2000, 2000]
    bad = client.v1.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
    client.v1.subscriptions.update(subscription.id, {"default_payment_method": bad.id})
    stand_in.turn_clock(days=31)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "past_due"
    stand_in.turn_clock(days=30)
    assert client.v1.subscriptions.retrieve(subscription.id).status == "canceled"
    assert stand_in.deliveries.settled()
    seen = Counter(receiver.types())
    assert (seen["invoice.paid"], seen["invoice.payment_failed"]) == (2, 4)
    assert seen["customer.subscription.deleted"] == 1


def test_a_change_of_plan_is_charged_for_the_rest_of_the_month(
    client: stripe.StripeClient, stand_in: StandIn
) -> None:
    customer, method = saved(client)
    small, large = monthly(client, 1000, "small"), monthly(client, 5000, "large")
    made = client.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": small.id}], "default_payment_method": method}
    )
    stand_in.turn_clock(days=15)
    item = made["items"].data[0].id
    client.v1.subscriptions.update(
        made.id, {"items": [{"id": item, "price": large.id}], "proration_behavior": "always_invoice"}
    )
    latest = client.v1.invoices.list({"customer": customer, "limit": 1}).data[0]
    assert latest.billing_reason == "subscription_update"
    assert 1900 < latest.amount_paid < 2200


def test_events_come_signed_again_until_they_are_taken_and_in_any_order(
    client: stripe.StripeClient, stand_in: StandIn, receiver: Receiver
) -> None:
    receiver.answers = [500, 503]
    client.v1.customers.create({"name": "first"})
    assert stand_in.deliveries.settled()
    assert [status for _, status in stand_in.deliveries.answers] == [500, 503, 200]
    stand_in.deliveries.hold()
    for number in range(5):
        client.v1.customers.create({"name": str(number)})
    stand_in.deliveries.release(shuffled_by=3, copies=2)
    assert stand_in.deliveries.settled()
    names = [json.loads(str(event.data.object))["name"] for event in receiver.events[1:]]
    assert sorted(names) == sorted("0123401234")
    assert names != sorted(names)


def test_a_dispute_takes_the_money_until_it_is_won(
    client: stripe.StripeClient, stand_in: StandIn, receiver: Receiver
) -> None:
    customer, method = saved(client, "pm_card_createDispute")
    client.v1.payment_intents.create(
        {"amount": 900, "currency": "usd", "customer": customer, "payment_method": method, "confirm": True}
    )
    (dispute,) = client.v1.disputes.list().data
    stand_in.close_dispute(dispute.id, won=True)
    assert stand_in.deliveries.settled()
    assert [kind for kind in receiver.types() if "dispute" in kind] == [
        "charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    ]  # fmt: skip


def test_a_meter_counts_an_event_once(client: stripe.StripeClient, stand_in: StandIn) -> None:
    client.v1.billing.meters.create(
        {"display_name": "Tokens", "event_name": "tokens", "default_aggregation": {"formula": "sum"}}
    )
    told: dict[str, object] = {
        "event_name": "tokens",
        "identifier": "one",
        "payload": {"value": "5", "stripe_customer_id": "cus_1"},
    }
    client.v1.billing.meter_events.create(told)  # type: ignore[arg-type]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.billing.meter_events.create(told)  # type: ignore[arg-type]
    assert len(list(stand_in.store.all("billing.meter_event"))) == 1


def test_the_portal_takes_a_card_and_ends_a_plan(client: stripe.StripeClient, stand_in: StandIn) -> None:
    customer, method = saved(client)
    plan = monthly(client, 2000, "pro")
    made = client.v1.subscriptions.create(
        {"customer": customer, "items": [{"price": plan.id}], "default_payment_method": method}
    )
    portal = client.v1.billing_portal.sessions.create(
        {"customer": customer, "return_url": "https://shop.example"}
    )
    browse(portal.url, number=cards.VISA, add="1")
    browse(portal.url, end=made.id)
    assert len(client.v1.payment_methods.list({"customer": customer}).data) == 2
    assert client.v1.subscriptions.retrieve(made.id).cancel_at_period_end
    stand_in.turn_clock(days=32)
    assert client.v1.subscriptions.retrieve(made.id).status == "canceled"
