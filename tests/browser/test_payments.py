"""A customer buys credit on Stripe's page, spends it, is stopped at zero, goes on by a saved card.

In the end the invoice adds up.
"""

from __future__ import annotations

import io
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest
from pypdf import PdfReader
from tests.serving import Server
from tests.stripe import cards
from tests.stripe.server import StandIn

from .chromium import Chromium
from .test_walk import answer, log_in

PAYMENTS = "/console/o/first/billing/payments"
INVOICES = "/console/o/first/billing/invoices"
SPENT = "SELECT balance FROM ledger_accounts WHERE kind = 'credit_spent' AND asset = 'USD/9'"
CALL = 10_000_000_000
"""Nano-dollars that a call costs here."""


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory, stand_in: StandIn) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("payments"))
    server.environment = stand_in.environment_of(server.address) | {"SKYHOOK_PUBLIC_URL": server.address}
    server.prepare()
    server.command("prices", "set", "probe.words", str(CALL))
    server.start()
    yield server
    server.stop()
    assert "Traceback" not in server.log(), server.log()


def test_credit_is_bought_spent_to_the_end_and_comes_again_by_itself(
    chromium: Chromium, server: Server, stand_in: StandIn
) -> None:
    log_in(chromium, server)
    chromium.open(server.address + PAYMENTS)
    chromium.tab_to("[name=amount]")
    chromium.run("document.activeElement.select()")
    chromium.type("25")
    chromium.press("Enter")
    chromium.wait("location.pathname.startsWith('/c/pay/') && document.readyState === 'complete'")
    pay(chromium, cards.DECLINED)
    chromium.wait("document.querySelector('[role=alert]')?.textContent.includes('declined')")
    pay(chromium, cards.VISA)
    chromium.wait("document.querySelector('#payment h1')?.textContent === '$25.00 of credit was added'")

    key = server.key
    served = 0
    while "errors" not in (last := answer(server, key)):
        served += 1
    error = last["errors"][0]  # type: ignore[index]
    assert served == 2, error  # of 5 dollars to begin with and 25; a call is held at two words, so 10 stay
    assert error["extensions"]["code"] == "INSUFFICIENT_CREDIT"
    assert "Add credit" in error["message"]

    chromium.open(server.address + PAYMENTS)
    chromium.wait("document.querySelector('main')?.textContent.includes('ending in 4242')")
    for name, text in (("threshold", "15"), ("amount", "50"), ("monthlyCap", "60")):
        chromium.tab_to(f"main [action$=automatic] [name={name}]")
        chromium.run("document.activeElement.select()")
        chromium.type(text)
    chromium.press("Enter")
    chromium.wait("document.querySelector('main .state.active')?.textContent === 'on'")
    deadline = time.monotonic() + 30
    while "errors" in (last := answer(server, key)) and time.monotonic() < deadline:
        time.sleep(0.5)
    assert last.get("data") == {"probeAnswer": "yes"}
    assert stand_in.store.amounts_of("charge", "amount_captured") == 2_500 + 5_000
    assert "agree" in server.command("billing", "reconcile")

    spent = (served + 1) * CALL
    assert spent == in_database(server, SPENT)
    chromium.open(server.address + INVOICES + "/preview")
    assert rows(chromium) == [["Words", "3 words", "$10.00 / word", "$30.00"]]
    assert "$30.00 so far" in chromium.run("document.querySelector('.headline').textContent")

    server.stop()
    assert "Traceback" not in server.log(), server.log()
    month = move_into_the_past(server)
    server.start()
    server.command("invoices", "issue", "--month", month)  # or the server was first: once in any case
    with pytest.raises(RuntimeError, match="MONTH_NOT_OVER"):
        server.command("invoices", "issue", "--month", f"{datetime.now(UTC):%Y-%m}")

    chromium.open(server.address + INVOICES)
    invoice = (
        "[...document.querySelectorAll('.documents th a')].find((a) => a.textContent.startsWith('INV-'))"
    )
    chromium.run(f"{invoice}.focus()")
    chromium.press("Enter")
    chromium.wait("document.querySelector('.sheet h1')?.textContent === 'Invoice'")
    assert rows(chromium) == [["Words", "3 words", "$10.00 / word", "$30.00"]]
    totals = chromium.run("[...document.querySelectorAll('.totals div')].map((one) => one.textContent)")
    assert totals == ["Subtotal$30.00", "Total$30.00", "Paid from credit−$30.00", "Due$0.00"]
    assert (
        spent
        == in_database(server, SPENT)
        == in_database(server, "SELECT total FROM billing_documents WHERE kind = 'invoice'")
    )
    (document,) = in_graphql(server, "INVOICE")
    server.command("users", "create", "other@example.com", "--name", "Other", "--password", "a grey seal")
    server.command("organizations", "create", "other", "--owner", "other@example.com")
    other = server.command("keys", "create", "other").strip()
    with server.client(other) as client:
        assert client.get(document["pdfPath"]).status_code == 404
    assert httpx.get(server.address + document["pdfPath"]).status_code == 401
    with server.client() as client:
        text = PdfReader(io.BytesIO(client.get(document["pdfPath"]).content)).pages[0].extract_text()
    assert document["number"] in text
    assert "$30.00 paid from credit" in text
    receipts = sum(int(one["total"]) for one in in_graphql(server, "RECEIPT"))
    assert receipts == stand_in.store.amounts_of("charge", "amount_captured") * 10_000_000
    assert "agree" in server.command("billing", "reconcile")


def pay(chromium: Chromium, number: str) -> None:
    """Types a card's number on Stripe's page, and pays."""
    chromium.tab_to("[name=number]")
    chromium.type(number)
    chromium.press("Enter")


def rows(chromium: Chromium) -> list[list[str]]:
    """The cells of the document that is shown, without what narrow screens show in their place."""
    found: list[list[str]] = chromium.run(
        """[...document.querySelectorAll('.rows tbody tr')].map((row) => [...row.cells].map((cell) => {
          const copy = cell.cloneNode(true);
          copy.querySelectorAll('small').forEach((one) => one.remove());
          return copy.textContent.trim();
        }))"""
    )
    return found


def in_graphql(server: Server, kind: str) -> list[dict[str, str]]:
    """The documents of a kind."""
    query = "{ invoices(first: 50) { edges { node { kind number total pdfPath month } } } }"
    nodes = [edge["node"] for edge in server.graphql(query)["data"]["invoices"]["edges"]]
    return [node for node in nodes if node["kind"] == kind]


def in_database(server: Server, query: str) -> int:
    """A number of the database of a server."""
    with closing(sqlite3.connect(server.data / "skyhook.db")) as database:
        found: int = database.execute(query).fetchone()[0]
        return found


def move_into_the_past(server: Server) -> str:
    """Makes everything that was charged and paid older, into a month that is over; which one.

    The ledger refuses changes: only while its triggers are away, and nothing runs, is this possible.
    """
    now = datetime.now(UTC)
    month = now.replace(day=1) - timedelta(days=1)
    by = timedelta(days=(now.date() - month.replace(day=1).date()).days)

    def earlier(id: bytes | str) -> str:
        moved = UUID(str(id)).int - (round(by / timedelta(milliseconds=1)) << 80)
        return UUID(int=moved).hex

    with closing(sqlite3.connect(server.data / "skyhook.db")) as database:
        database.create_function("earlier", 1, earlier)
        triggers = database.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger_entries'"
        ).fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        shifted = f"strftime('%Y-%m-%d %H:%M:%f', {{}}, '-{by.days} days') || '000'"
        for table, column, key in (
            ("ledger_entries", "created_at", "id"), ("usage_events", "started_at", "id"),
            ("usage_hours", "hour", None),
        ):  # fmt: skip
            moved = f", {key} = earlier({key})" if key else ""
            database.execute(f"UPDATE {table} SET {column} = {shifted.format(column)}{moved}")
        database.execute(f"UPDATE usage_rolled SET until = {shifted.format('until')}")
        for _, statement in triggers:
            database.execute(statement)
        database.commit()
    return f"{month:%Y-%m}"
