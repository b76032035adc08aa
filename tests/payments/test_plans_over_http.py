"""Plans as operators, customers and Stripe see them: commands, the console's page, GraphQL and webhooks."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from tests.console.conftest import ADMINISTRATOR, browser, log_in, password
from tests.serving import Server
from tests.stripe import cards
from tests.stripe import payments as theirs
from tests.stripe.server import StandIn

PLAN = "/console/o/first/billing/plan"
STANDING = """{ subscription {
  state nextPaymentCents cancelAtPeriodEnd discountBasisPoints payUrl plan { name } nextPlan { name }
} }"""


@pytest.fixture(scope="module")
def stripe_of_plans() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


@pytest.fixture(scope="module")
def selling(tmp_path_factory: pytest.TempPathFactory, stripe_of_plans: StandIn) -> Iterator[Server]:
    """A server that offers two plans, to which the stand-in sends its events."""
    server = Server(tmp_path_factory.mktemp("plans"))
    server.environment = stripe_of_plans.environment_of(f"http://localhost:{server.port}")
    server.prepare()
    for name, price, included in (("starter", "20", "25"), ("team", "50", "70")):
        server.command("plans", "set", name, "--price", price, "--included", included, "--discount", "7.5")
    server.start()
    yield server
    server.stop()
    log = server.log()
    assert "Traceback" not in log, log


@pytest.fixture(scope="module")
def client(selling: Server) -> Iterator[httpx.Client]:
    with browser(selling) as client:
        assert log_in(client, ADMINISTRATOR, password(selling)).status_code == 303
        yield client


def send(client: httpx.Client, address: str, **form: str) -> httpx.Response:
    """Sends a form of the page."""
    token = re.search(r'name="form_token" value="([^"]+)"', client.get(PLAN).text)
    assert token
    return client.post(address, data={"form_token": token[1], **form})


def standing(server: Server) -> dict[str, object] | None:
    found: dict[str, object] | None = server.graphql(STANDING)["data"]["subscription"]
    return found


def wait_for(server: Server, **expected: object) -> dict[str, object]:
    """Waits until the subscription stands so."""
    deadline, found = time.monotonic() + 30, standing(server)
    while time.monotonic() < deadline:
        found = standing(server)
        if found is not None and all(found[name] == value for name, value in expected.items()):
            return found
        time.sleep(0.1)
    raise AssertionError(f"{found} is not {expected}")


def test_operators_see_and_withdraw_plans(selling: Server) -> None:
    selling.command("plans", "set", "old", "--price", "9.90")
    selling.command("plans", "withdraw", "old")
    assert selling.command("plans", "list").splitlines() == [
        "old: Old, $9.90 a month with $0.00 of credit and 0 % off (withdrawn)",
        "starter: Starter, $20.00 a month with $25.00 of credit and 7.5 % off",
        "team: Team, $50.00 a month with $70.00 of credit and 7.5 % off",
    ]
    with pytest.raises(RuntimeError, match="There is no plan"):
        selling.command("plans", "withdraw", "none")
    plans = selling.graphql("{ plans { name cents includedCents discountBasisPoints } }")["data"]["plans"]
    assert [plan["name"] for plan in plans] == ["starter", "team"]
    assert plans[0] == {
        "name": "starter", "cents": 2_000, "includedCents": 2_500, "discountBasisPoints": 750,
    }  # fmt: skip


def test_a_customer_subscribes_on_stripes_page_and_sees_the_plan_when_back(
    selling: Server, client: httpx.Client, stripe_of_plans: StandIn
) -> None:
    page = client.get(PLAN).text
    assert "Choose Starter" in page
    assert "Choose Old" not in page
    unknown = send(client, PLAN, plan="old")
    assert "This plan is not offered" in unknown.text
    there = client.post(
        PLAN,
        data={"plan": "starter"},
        headers={"hx-request": "true", "x-form-token": form_token(client)},
    ).headers["hx-redirect"]
    session = urlsplit(there).path.rpartition("/")[2]
    back = stripe_of_plans.store.get("checkout.session", session)["success_url"]
    assert "Waiting for Stripe" in client.get(f"{PLAN}?{urlsplit(back).query}").text
    stripe_of_plans.pay(session, cards.VISA)
    shown = client.get(f"{urlsplit(back).path}?{urlsplit(back).query}")
    assert shown.status_code == 200
    assert "$20.00 on " in shown.text
    assert "7.5 % off" in shown.text
    wait_for(selling, state="ACTIVE", plan={"name": "starter"}, nextPaymentCents=2_000)
    credit = client.get("/console/o/first/billing").text
    assert "included in Starter" in credit
    assert "$25.00</strong> expires on" in credit
    grants = "{ viewer { organization { creditGrants { category reference remaining } } } }"
    assert selling.graphql(grants)["data"]["viewer"]["organization"]["creditGrants"][0] == {
        "category": "PLAN", "reference": "included in Starter", "remaining": "25000000000",
    }  # fmt: skip


def form_token(client: httpx.Client) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', client.get(PLAN).text)
    assert found
    return found[1]


def test_the_plan_is_changed_canceled_and_kept_on_its_page(selling: Server, client: httpx.Client) -> None:
    assert send(client, f"{PLAN}/change", plan="team").status_code == 303
    wait_for(selling, plan={"name": "team"}, nextPlan=None, nextPaymentCents=5_000)
    again = send(client, f"{PLAN}/change", plan="team")
    assert "This is the plan already" in again.text
    assert send(client, f"{PLAN}/change", plan="starter").status_code == 303
    wait_for(selling, plan={"name": "team"}, nextPlan={"name": "starter"}, nextPaymentCents=2_000)
    assert send(client, f"{PLAN}/cancel").status_code == 303
    wait_for(selling, cancelAtPeriodEnd=True, nextPaymentCents=None)
    assert "Keep Team" in client.get(PLAN).text
    assert send(client, f"{PLAN}/resume").status_code == 303
    wait_for(selling, cancelAtPeriodEnd=False)
    refused = selling.graphql('mutation { subscriptionStart(plan: "team") { url } }')["errors"][0]
    assert refused["extensions"]["code"] == "ALREADY_SUBSCRIBED"


def test_a_renewal_that_fails_is_told_on_every_page_of_billing_and_heals(
    selling: Server, client: httpx.Client, stripe_of_plans: StandIn
) -> None:
    with stripe_of_plans.store.lock:
        customer = next(stripe_of_plans.store.all("customer"))
        bad = theirs.new_method(stripe_of_plans.store, cards.DECLINED_LATER, set_up=True)
        theirs.attach(stripe_of_plans.store, bad, customer["id"])
        for one in stripe_of_plans.store.all("subscription"):
            one["default_payment_method"] = bad["id"]
    stripe_of_plans.turn_clock(days=31)
    late = wait_for(selling, state="PAST_DUE", discountBasisPoints=750)
    for page in ("", "/billing", "/billing/payments", "/billing/plan"):
        assert "The plan is not paid." in client.get(f"/console/o/first{page}").text
    assert f'href="{late["payUrl"]}"' in client.get(PLAN).text
    paid = httpx.post(str(late["payUrl"]), data={"number": cards.VISA})
    assert "paid" in paid.text
    wait_for(selling, state="ACTIVE", payUrl=None, plan={"name": "starter"}, nextPlan=None)
    assert "The plan is not paid." not in client.get(PLAN).text
    assert stripe_of_plans.deliveries.settled(60)
    assert "agree" in selling.command("billing", "reconcile")
