"""Payments as customers and Stripe see them: a real server, real webhooks, and servers that die."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.serving import Server
from tests.stripe import cards
from tests.stripe.server import StandIn
from tests.stripe.webhooks import signature

BEGIN = "mutation ($cents: Int!) { paymentBegin(cents: $cents) { url payment { id state } } }"
BALANCE = "{ viewer { organization { balance { balance } } } }"
NANO_PER_CENT = 10_000_000


@pytest.fixture(scope="module")
def stripe_stand_in() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


@pytest.fixture(scope="module")
def paying(tmp_path_factory: pytest.TempPathFactory, stripe_stand_in: StandIn) -> Iterator[Server]:
    """A server that takes cards, to which the stand-in sends its events."""
    server = Server(tmp_path_factory.mktemp("paying"))
    server.environment = stripe_stand_in.environment_of(f"http://localhost:{server.port}")
    server.prepare()
    server.start()
    yield server
    server.stop()


def cents(server: Server) -> int:
    """The credit of the first organization."""
    return (
        int(server.graphql(BALANCE)["data"]["viewer"]["organization"]["balance"]["balance"]) // NANO_PER_CENT
    )


def wait_for(server: Server, expected: int) -> None:
    """Waits until the first organization has so many cents."""
    deadline = time.monotonic() + 30
    while cents(server) != expected and time.monotonic() < deadline:
        time.sleep(0.1)
    assert cents(server) == expected


def begin(server: Server, amount: int) -> str:
    """The id of the Checkout session of a new payment."""
    answer = server.graphql(BEGIN, cents=amount)
    return str(answer["data"]["paymentBegin"]["url"]).rpartition("/")[2]


def test_credit_comes_by_webhook_once_the_customer_paid(paying: Server, stripe_stand_in: StandIn) -> None:
    before = cents(paying)
    stripe_stand_in.pay(begin(paying, 2_500), cards.VISA)
    wait_for(paying, before + 2_500)
    payments = paying.graphql("{ payments(first: 1) { edges { node { state cents kind } } } }")
    assert payments["data"]["payments"]["edges"][0]["node"] == {
        "state": "PAID", "cents": 2_500, "kind": "CHECKOUT",
    }  # fmt: skip
    (card,) = paying.graphql("{ paymentCards { brand last4 } }")["data"]["paymentCards"]
    assert card == {"brand": "visa", "last4": "4242"}


def test_events_of_while_the_server_was_dead_are_applied_when_it_is_back(
    paying: Server, stripe_stand_in: StandIn
) -> None:
    before = cents(paying)
    sessions = [begin(paying, 1_000) for _ in range(3)]
    paying.kill()
    for session in sessions:
        stripe_stand_in.pay(session, cards.VISA)
    paying.start()
    wait_for(paying, before + 3_000)
    assert stripe_stand_in.deliveries.settled(60)
    assert cents(paying) == before + 3_000


def test_a_server_killed_amid_its_events_applies_each_once(paying: Server, stripe_stand_in: StandIn) -> None:
    before = cents(paying)
    sessions = [begin(paying, 500) for _ in range(8)]
    stripe_stand_in.deliveries.hold()
    for session in sessions:
        stripe_stand_in.pay(session, cards.VISA)
    stripe_stand_in.deliveries.release(shuffled_by=1, copies=2)
    for _ in range(3):
        time.sleep(0.15)
        paying.kill()
        paying.start()
    wait_for(paying, before + 4_000)
    assert stripe_stand_in.deliveries.settled(60)
    wait_for(paying, before + 4_000)
    assert "agree" in paying.command("billing", "reconcile")


def test_forged_webhooks_are_refused_with_a_code(paying: Server) -> None:
    body = b'{"id": "evt_forged", "type": "payment_intent.succeeded", "data": {"object": {}}}'
    for header in ({}, {"Stripe-Signature": signature("whsec_guess", body, int(time.time()))}):
        answer = httpx.post(f"{paying.address}/webhooks/stripe", content=body, headers=header)
        assert (answer.status_code, answer.json()["code"]) == (400, "SIGNATURE_INVALID")
    huge = httpx.post(f"{paying.address}/webhooks/stripe", content=b"x" * 2_000_000)
    assert huge.status_code == 413


def test_an_instance_without_a_webhook_secret_believes_none(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.prepare()
    server.start()
    try:
        body = b"{}"
        signed = {"Stripe-Signature": signature("", body, int(time.time()))}
        answer = httpx.post(f"{server.address}/webhooks/stripe", content=body, headers=signed)
        assert (answer.status_code, answer.json()["code"]) == (501, "PAYMENTS_NOT_CONFIGURED")
        refused = server.graphql(BEGIN, cents=1_000)["errors"][0]["extensions"]
        assert refused["code"] == "PAYMENTS_NOT_CONFIGURED"
    finally:
        server.stop()


def test_the_check_says_what_is_missing_then_that_all_is_there(
    paying: Server, stripe_stand_in: StandIn
) -> None:
    with pytest.raises(RuntimeError, match="customer portal is not set up"):
        paying.command("billing", "stripe-check")
    with stripe_stand_in.store.lock:
        stripe_stand_in.store.add("billing_portal.configuration", "bpc_", active=True)
    said = paying.command("billing", "stripe-check")
    assert "no " not in said.splitlines()[0]
    assert "the webhook endpoint sends all that is needed" in said


def test_an_operator_gives_money_back(paying: Server, stripe_stand_in: StandIn) -> None:
    before = cents(paying)
    session = begin(paying, 2_000)
    stripe_stand_in.pay(session, cards.VISA)
    wait_for(paying, before + 2_000)
    payment = stripe_stand_in.store.get("checkout.session", session)["metadata"]["payment"]
    assert "5 dollars" in paying.command("billing", "refund", payment, "5.00")
    wait_for(paying, before + 1_500)
    with pytest.raises(RuntimeError, match="at most"):
        paying.command("billing", "refund", payment, "15.01")
    assert "agree" in paying.command("billing", "reconcile")
