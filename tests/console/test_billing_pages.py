"""What the pages of billing say of the credit, of budgets and of prices."""

from __future__ import annotations

import asyncio
import csv
import io
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import httpx
import pytest
from sqlalchemy import select
from tests.console.conftest import ADMINISTRATOR, browser, log_in, password
from tests.console.test_login import form_token
from tests.console.test_pages import answer_once, make_key, secret_of
from tests.serving import Server

from skyhook.accounts.models import Organization
from skyhook.billing import Billing
from skyhook.billing.models import Price
from skyhook.clock import now
from skyhook.database import Database

BILLING = "/console/o/first/billing"
GRANTS = 55


async def prepare(server: Server) -> None:
    """More grants than a page shows, and a price that was, one that is and one that will be."""
    database = Database(f"sqlite:///{server.data}/skyhook.db")
    async with database.read() as session:
        organization = await session.scalar(select(Organization.id))
    assert organization
    billing = Billing(database)
    for number in range(1, GRANTS + 1):
        await billing.grant(organization, number * 1_000, reason=f"gift <{number}>", key=f"gift{number}")
    async with database.write() as session:
        for days, price in ((-1, 2_000_000), (30, 3_000_000)):
            at = now() + timedelta(days=days)
            session.add(Price(meter="probe.words", model=None, price=price, effective_at=at))
    await database.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("billing"))
    server.prepare()
    asyncio.run(prepare(server))
    server.command("organizations", "create", "second", "--owner", ADMINISTRATOR)
    server.command("prices", "set", "probe.words", "1000000", "--from-quantity", "1000")
    server.command("prices", "set", "chat.output_tokens", "70", "--organization", "second")
    server.command("prices", "discount", "second", "12.5")
    server.start()
    yield server
    server.stop()
    log = server.log()
    assert "Traceback" not in log, log


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    with browser(server) as client:
        assert log_in(client, ADMINISTRATOR, password(server)).status_code == 303
        yield client


def entries(client: httpx.Client, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"{BILLING}/statement.csv{query}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text)))


def whys(page: str) -> list[str]:
    return re.findall(r"gift &lt;(\d+)&gt;", page)


def balance_of(server: Server) -> dict[str, str]:
    query = "{ viewer { organization { balance { available held } } } }"
    balance: dict[str, str] = server.graphql(query)["data"]["viewer"]["organization"]["balance"]
    return balance


def test_the_balance_what_is_held_and_spent_and_the_grants_are_shown(
    server: Server, client: httpx.Client
) -> None:
    key = secret_of(make_key(client, name="spender", monthly_budget="1.50").text)
    assert answer_once(server, key)["data"] == {"probeAnswer": "yes"}
    before, page, balance = None, "", balance_of(server)
    # What the process leases of the credit may change between two looks.
    while before != balance:
        before, page, balance = balance, client.get(BILLING).text, balance_of(server)
    assert int(balance["held"]) > 0
    figures = re.findall(r'<p class="figure">\$([\d.,]+)</p>', page)
    told = [round(float(figure.replace(",", "")) * 10**9) for figure in figures]
    assert told == [int(balance["available"]), int(balance["held"]), 2_000_000]
    assert "Nothing was spent in" in page
    assert "calls: a server has it ready" in page
    assert whys(page)[:3] == ["1", "2", "3"]  # as they are spent
    assert "Only the first 20 are shown." in page
    assert whys(page)[19:22] == ["55", "54", "53"]  # the latest entries, newest first
    row = re.search(r"<tr>\s*<th scope=\"row\">spender.*?</tr>", page, re.DOTALL)
    assert row
    assert "$1.50" in row[0]
    assert "$1.498" in row[0]
    assert 'value="2000000" max="1500000000"' in row[0]


def test_the_statement_goes_on_by_page_and_each_entry_follows_from_the_one_before(
    client: httpx.Client,
) -> None:
    page = client.get(f"{BILLING}/statement").text
    older = re.search(r'href="([^"]+before=[^"]+)"', page)
    assert older
    assert whys(page) + whys(client.get(older[1]).text) == [str(number) for number in range(GRANTS, 0, -1)]
    rows = entries(client)
    for newer, before in pairwise(rows):
        assert int(newer["balance_nano_usd"]) - int(newer["amount_nano_usd"]) == int(
            before["balance_nano_usd"]
        )
    assert rows[-1]["balance_nano_usd"] == rows[-1]["amount_nano_usd"]
    assert rows[-1]["reference"] == "starting credit"


def test_the_statement_is_of_the_days_that_are_asked_for(client: httpx.Client) -> None:
    today = datetime.now(UTC).date()
    before, after = today - timedelta(days=1), today + timedelta(days=1)
    assert len(entries(client, f"?from={before}&to={after}")) == len(entries(client)) > GRANTS
    for query in (f"?from={after}", f"?to={before - timedelta(days=1)}"):
        assert entries(client, query) == []
        page = client.get(f"{BILLING}/statement{query}")
        assert page.status_code == 200
        assert "Nothing happened to the credit in these days." in page.text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("from=soon", "Write a day"),
        ("from=2026-02-02&to=2026-02-01", "lies after the last one"),
        ("before=17", "There is no such page"),
    ],
)
def test_a_wrong_day_is_told_at_its_field(client: httpx.Client, query: str, told: str) -> None:
    answer = client.get(f"{BILLING}/statement?{query}")
    assert answer.status_code == 400
    assert told in answer.text
    if query.startswith("from"):
        assert re.search(r'name="from" value="[\w-]+" aria-invalid="true"', answer.text)
    assert client.get(f"{BILLING}/statement.csv?{query}").status_code in (400, 200)


def test_the_price_list_tells_what_a_price_was_and_will_be(client: httpx.Client) -> None:
    page = client.get(f"{BILLING}/prices").text
    row = re.search(r"<tr>(?:(?!</tr>).)*probe\.words.*?</tr>", page, re.DOTALL)
    assert row
    assert "$2.00 per 1,000 words" in row[0]
    assert "since the beginning: $1.00 per 1,000 words" in re.sub(r"\s+", " ", row[0])
    assert re.search(r"<strong>from <time[^>]+>[^<]+</time></strong>: \$3.00 per 1,000 words", row[0])


def test_an_alert_is_set_shown_and_deleted(client: httpx.Client) -> None:
    token = form_token(client)
    form = {"form_token": token, "kind": "spending", "threshold": "12.50"}
    assert client.post(f"{BILLING}/alerts", data=form).status_code == 303
    page = client.get(BILLING).text
    assert "<strong>$12.50</strong> are spent in a calendar month" in page
    assert "there is such an alert already" in client.post(f"{BILLING}/alerts", data=form).text.lower()
    (address,) = re.findall(r'action="([^"]+/alerts/[^"]+/delete)"', page)
    assert client.post(address, data={"form_token": token}).status_code == 303
    assert "Nobody is told yet." in client.get(BILLING).text


@pytest.mark.parametrize("typed", ["-3", "0", "1.005", "1e30", "a lot", "NaN", "20000000"])
def test_an_alert_with_a_bad_amount_keeps_what_was_typed(client: httpx.Client, typed: str) -> None:
    token = form_token(client)
    form = {"form_token": token, "kind": "credit", "threshold": typed}
    page = client.post(f"{BILLING}/alerts", data=form).text
    assert 'aria-describedby="alert-problem"' in page
    assert f'value="{typed}"' in page
    assert '<option value="credit" selected>' in page
    assert "Nobody is told yet." in page


def test_a_discount_a_price_of_ones_own_and_tiers_are_shown(server: Server, client: httpx.Client) -> None:
    listed = server.command("prices", "list", "--organization", "second").splitlines()
    assert "probe.words: 2000000, 1000000 from 1,000 units a month on less 12.5 %" in listed
    assert "chat.output_tokens: 70 (its own)" in listed
    address = "/console/o/second/billing"
    page = re.sub(r"(<[^>]+>|\s)+", " ", client.get(f"{address}/prices").text)
    assert "Your organization gets 12.5 % off the list." in page
    assert "$0.07 per 1,000,000 tokens your price List: $0.40 per 1,000,000 tokens" in page
    assert "at first: $1.75 per 1,000 words now from 1,000: $0.875 per 1,000 words" in page
    assert "You get 12.5 % off" in client.get(address).text
    assert "off the list" not in client.get(f"{BILLING}/prices").text


def test_books_that_differ_leave_the_list_of_invoices_as_it_is(server: Server, client: httpx.Client) -> None:
    def change(by: int) -> None:
        with closing(sqlite3.connect(server.data / "skyhook.db", timeout=30)) as database:
            database.execute("UPDATE usage_hours SET cost = cost + ? WHERE meter = 'probe.words'", [by])
            database.commit()

    server.graphql('mutation { probeAnswer(behaviour: "answer", text: "yes") }')
    change(1)
    page = client.get(f"{BILLING}/invoices")
    change(-1)
    assert page.status_code == 200
    assert "skyhook billing reconcile" in page.text
    assert "Issued" in page.text
    assert "skyhook billing reconcile" not in client.get(f"{BILLING}/invoices").text
