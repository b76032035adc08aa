"""Invoices of months: their lines, their numbers, and that they agree with the ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.invoices.conftest import METERS, Clock, call

from skyhook.accounts.models import Organization
from skyhook.billing import Billing
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound
from skyhook.invoices import Invoices
from skyhook.invoices.content import Content
from skyhook.invoices.details import GivenDetails
from skyhook.invoices.errors import LinesDiffer, MonthNotOver
from skyhook.invoices.models import BillingDocument
from skyhook.operations.caller import Caller

DETAILS = GivenDetails(
    "Acme GmbH", "Long Street 12", "Berlin", "de", postal_code="10115", tax_id="DE999999999"
)


@pytest.fixture
async def billing(database: Database, clock: Clock, organization: UUID) -> Billing:
    billing = Billing(database, clock=clock)
    await billing.seed_prices(METERS, ())
    await billing.grant(organization, 10**12, reason="start", key="start")
    return billing


def lines(document: BillingDocument) -> list[tuple[str, int, int | None, int]]:
    return [
        (line.title, line.quantity, line.unit_price, line.amount)
        for line in Content.of(document.content).lines
    ]


async def test_a_month_is_issued_once_it_is_over_and_adds_up_to_the_nano_dollar(
    billing: Billing, invoices: Invoices, caller: Caller, clock: Clock, organization: UUID
) -> None:
    costs = [await call(billing, organization, clock, 123_457, images=3) for _ in range(3)]
    clock.turn(hours=5)
    costs.append(await call(billing, organization, clock, 7))
    preview = await invoices.preview(caller)
    assert preview.total == sum(costs)
    clock.time = datetime(2026, 4, 1, 0, 59, tzinfo=UTC)
    assert await invoices.upkeep.months() == []
    with pytest.raises(MonthNotOver):
        await invoices.issue_month("2026-03")
    clock.turn(minutes=2)
    (invoice,) = await invoices.upkeep.months()
    assert invoice.number == "INV-2026-000001"
    assert lines(invoice) == [
        ("Images", 9, 5_000_001, 45_000_009), ("Tokens", 370_378, 100, 37_037_800),
    ]  # fmt: skip
    assert invoice.total == invoice.net == invoice.paid == sum(costs)
    assert await invoices.upkeep.months() == await invoices.issue_month("2026-03") == []


async def test_a_changed_price_is_mixed_and_the_customer_is_as_on_the_day_of_issue(
    database: Database, billing: Billing, invoices: Invoices, caller: Caller, clock: Clock, organization: UUID
) -> None:
    await invoices.set_details(caller, DETAILS)
    await call(billing, organization, clock, 10)
    clock.turn(hours=2)
    await billing.set_prices(None, {"chat.tokens": 300})
    await billing.load_prices()
    await call(billing, organization, clock, 10)
    clock.turn(days=40)
    (invoice,) = await invoices.upkeep.months()
    assert lines(invoice) == [("Tokens", 20, None, 4_000)]
    await invoices.set_details(caller, GivenDetails("Other", "Street 1", "Paris", "FR"))
    sheet = await invoices.sheet(caller, invoice.id)
    assert sheet.customer.name == "Acme GmbH"
    assert sheet.customer.address == ("Long Street 12", "10115 Berlin", "Germany")
    assert sheet.seller.tax_id == "DE123456789"
    assert sheet.rows[0].unit_price == "mixed"
    assert sheet.totals[-1] == ("Due", "$0.00")


async def test_a_call_over_midnight_is_invoiced_where_the_ledger_charged_it(
    database: Database, billing: Billing, invoices: Invoices, clock: Clock, organization: UUID
) -> None:
    clock.time = datetime(2026, 3, 31, 23, 50, tzinfo=UTC)
    await call(billing, organization, clock, 1)
    clock.time = datetime(2026, 4, 1, 0, 10, tzinfo=UTC)
    await call(billing, organization, clock, 20, took=timedelta(hours=1))
    clock.time = datetime(2026, 5, 2, tzinfo=UTC)
    await call(billing, organization, clock, 300, took=timedelta(days=3))
    await billing.maintain()
    clock.time = datetime(2026, 6, 2, tzinfo=UTC)
    issued = await invoices.upkeep.months()
    assert [(one.month, one.total) for one in issued] == [
        ("2026-03", 100), ("2026-04", 2_000), ("2026-05", 30_000),
    ]  # fmt: skip


async def test_nothing_is_issued_where_usage_and_ledger_differ(
    database: Database, billing: Billing, invoices: Invoices, clock: Clock, organization: UUID,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    await call(billing, organization, clock, 5)
    async with database.write() as session:
        await session.execute(text("UPDATE usage_hours SET cost = cost + 1"))
    clock.turn(days=40)
    with pytest.raises(LinesDiffer):
        await invoices.upkeep.invoice(organization, "2026-03")
    assert await invoices.upkeep.months() == []
    assert "ledger charged 500" in caplog.text
    async with database.write() as session:
        await session.execute(text("UPDATE usage_hours SET cost = cost - 1"))
    assert [one.total for one in await invoices.upkeep.months()] == [500]


async def test_what_is_issued_never_changes_and_numbers_have_no_gaps(
    database: Database, billing: Billing, invoices: Invoices, clock: Clock, organization: UUID
) -> None:
    await call(billing, organization, clock, 5)
    clock.turn(days=40)
    await invoices.upkeep.months()
    copied = (
        "INSERT INTO billing_documents (id, organization_id, kind, year, serial, number, month, net, tax, "
        "total, paid, content, issued_at) SELECT :id, organization_id, kind, year, :serial, 'X', '2026-01', "
        "net, tax, total, paid, content, issued_at FROM billing_documents"
    )
    for statement, values in (
        ("UPDATE billing_documents SET total = 0", {}),
        ("DELETE FROM billing_documents", {}),
        (copied, {"id": new_id().hex, "serial": 3}),
    ):
        with pytest.raises(DBAPIError, match="invoices: "):
            async with database.write() as session:
                await session.execute(text(statement), values)


async def test_documents_of_others_are_not_there(
    database: Database, billing: Billing, invoices: Invoices, caller: Caller, clock: Clock, organization: UUID
) -> None:
    await call(billing, organization, clock, 5)
    clock.turn(days=40)
    (invoice,) = await invoices.upkeep.months()
    other = new_id()
    async with database.write() as session:
        session.add(Organization(id=other, name="Other", slug="other"))
    stranger = Caller(other, None, None, frozenset({"*"}))
    with pytest.raises(NotFound):
        await invoices.document(stranger, invoice.id)
    assert await invoices.documents(stranger, 10) == []
    assert [one.id for one in await invoices.documents(caller, 10)] == [invoice.id]


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("legalName", GivenDetails(" ", "Street 1", "Paris", "FR")),
        ("line1", GivenDetails("Acme", "", "Paris", "FR")),
        ("city", GivenDetails("Acme", "Street 1", "Par\nis", "FR")),
        ("country", GivenDetails("Acme", "Street 1", "Paris", "XX")),
        ("taxId", GivenDetails("Acme", "Street 1", "Paris", "FR", tax_id="!?")),
        ("purchaseReference", GivenDetails("Acme", "Street 1", "Paris", "FR", purchase_reference="x" * 81)),
    ],
)
async def test_wrong_details_are_refused_at_their_field(
    invoices: Invoices, caller: Caller, field: str, given: GivenDetails
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await invoices.set_details(caller, given)
    assert refused.value.field == field
    assert await invoices.details(caller) is None


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "november", ""])
async def test_a_month_is_written_with_its_year(invoices: Invoices, month: str) -> None:
    with pytest.raises(InvalidInput):
        await invoices.issue_month(month)
