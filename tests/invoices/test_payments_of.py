"""Receipts of card payments, credit and debit notes, and tax, against the stand-in for Stripe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from tests.invoices.conftest import Meters
from tests.invoices.conftest import configuration as with_seller
from tests.payments.conftest import apply_events, cents_of, post_of
from tests.stripe import cards
from tests.stripe.conftest import stand_in
from tests.stripe.server import SECRET_KEY, StandIn

from skyhook.billing import Billing
from skyhook.clock import new_id
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.invoices import Invoices
from skyhook.invoices.models import BillingDocument
from skyhook.operations.caller import Caller
from skyhook.payments import Payments
from skyhook.payments.checkup import differences

__all__ = ["stand_in"]
CENT = 10_000_000


@pytest.fixture
def configuration(tmp_path: Path, stand_in: StandIn) -> Configuration:
    return replace(
        with_seller(tmp_path), stripe_secret_key=SECRET_KEY, stripe_webhook_secret="whsec_test",
        stripe_url=stand_in.address,
    )  # fmt: skip


@pytest.fixture
def invoices(database: Database, configuration: Configuration) -> Invoices:
    return Invoices(database, configuration, Meters())


@pytest.fixture
async def payments(database: Database, configuration: Configuration) -> AsyncIterator[Payments]:
    payments = Payments(database, configuration, post_of(database, configuration))
    yield payments
    await payments.close()


@pytest.fixture
async def taxed(
    database: Database, configuration: Configuration, stand_in: StandIn
) -> AsyncIterator[Payments]:
    """Payments with Stripe Tax, which adds 19 % in Germany."""
    stand_in.store.tax_rates["DE"] = 1_900
    configuration = replace(configuration, stripe_tax=True)
    payments = Payments(database, configuration, post_of(database, configuration))
    yield payments
    await payments.close()


async def buy(
    payments: Payments, stand_in: StandIn, caller: Caller, cents: int, number: str = cards.VISA
) -> str:
    """Pays on Stripe's page; the payment intent."""
    _, page = await payments.top_up(caller, cents)
    stand_in.pay(page.id, number, country="DE")
    await apply_events(payments, stand_in)
    intent: str = stand_in.store.get("checkout.session", page.id)["payment_intent"]
    return intent


def seen(documents: list[BillingDocument]) -> list[tuple[str, int, int]]:
    """Numbers without their year, and net and tax in cents."""
    return [(f"{one.kind} {one.serial}", one.net // CENT, one.tax // CENT) for one in documents]


async def test_a_payment_gets_one_receipt_however_often_it_is_told_of(
    payments: Payments, invoices: Invoices, stand_in: StandIn, caller: Caller
) -> None:
    await buy(payments, stand_in, caller, 2_000)
    (receipt,) = await invoices.upkeep.round()
    await apply_events(payments, stand_in, copies=2)
    assert await invoices.upkeep.round() == []
    assert seen([receipt]) == [("receipt 1", 2_000, 0)]
    sheet = await invoices.sheet(caller, receipt.id)
    assert sheet.headline == "$20.00 paid by card"
    assert sheet.rows[0].detail == "Bought on Stripe's page"


async def test_a_kind_of_payment_that_is_new_is_described_by_its_own_name(
    database: Database, invoices: Invoices, caller: Caller
) -> None:
    async with database.write() as session:
        await session.execute(
            text(
                "INSERT INTO payments (id, organization_id, kind, state, amount, taken_back, created_at) "
                "VALUES (:id, :organization, 'yearly', 'paid', 900, 0, CURRENT_TIMESTAMP)"
            ),
            {"id": new_id().hex, "organization": caller.organization_id.hex},
        )
    (receipt,) = await invoices.upkeep.round()
    assert (await invoices.sheet(caller, receipt.id)).rows[0].title == "Yearly"


async def test_tax_is_added_to_what_is_paid_and_credit_is_the_net_amount(
    database: Database, taxed: Payments, invoices: Invoices, stand_in: StandIn, caller: Caller
) -> None:
    await buy(taxed, stand_in, caller, 2_000)
    (receipt,) = await invoices.upkeep.round()
    assert seen([receipt]) == [("receipt 1", 2_000, 380)]
    assert await cents_of(database, caller.organization_id) == 2_000
    assert stand_in.store.amounts_of("charge", "amount_captured") == 2_380
    assert await differences(database, taxed.gateway) == []


async def test_an_automatic_payment_is_taxed_by_the_address_of_the_page(
    database: Database, taxed: Payments, invoices: Invoices, stand_in: StandIn, caller: Caller
) -> None:
    await buy(taxed, stand_in, caller, 1_000)
    await taxed.set_auto_top_up(caller, 5_000, 10_000, 20_000)
    await taxed.topping_up.round()
    assert seen(await invoices.upkeep.round()) == [("receipt 1", 1_000, 190), ("receipt 2", 10_000, 1_900)]
    assert await cents_of(database, caller.organization_id) == 11_000
    assert stand_in.store.amounts_of("charge", "amount_captured") == 1_190 + 11_900
    assert len(list(stand_in.store.all("tax.transaction"))) == 1
    assert await differences(database, taxed.gateway) == []


async def test_without_an_address_no_card_is_charged_and_the_customer_is_told_what_to_do(
    payments: Payments, taxed: Payments, invoices: Invoices, stand_in: StandIn, caller: Caller
) -> None:
    await buy(payments, stand_in, caller, 1_000)
    await taxed.set_auto_top_up(caller, 5_000, 10_000, 20_000)
    await taxed.topping_up.round()
    setting = await taxed.auto_top_up(caller)
    assert setting is not None
    assert setting.paused is not None
    assert "Pay once on Stripe's page" in setting.paused
    assert stand_in.store.amounts_of("charge", "amount_captured") == 1_000


async def test_refunds_get_credit_notes_with_their_share_of_the_tax(
    database: Database, taxed: Payments, invoices: Invoices, stand_in: StandIn, caller: Caller
) -> None:
    await buy(taxed, stand_in, caller, 2_000)
    (payment,) = await taxed.payments(caller, 1)
    await taxed.refund(payment.id, 1_000)
    await taxed.refund(payment.id, None)
    receipt, first, second = await invoices.upkeep.round()
    assert seen([receipt, first, second]) == [
        ("receipt 1", 2_000, 380), ("credit_note 1", 840, 160), ("credit_note 2", 1_160, 220),
    ]  # fmt: skip
    assert first.number.startswith("CN-")
    assert dict((await invoices.sheet(caller, first.id)).facts)["Refers to"] == receipt.number
    assert await cents_of(database, caller.organization_id) == 0
    await apply_events(taxed, stand_in)
    assert await invoices.upkeep.round() == []
    assert await differences(database, taxed.gateway) == []


async def test_a_dispute_that_is_won_undoes_its_credit_note_by_a_debit_note(
    database: Database, payments: Payments, invoices: Invoices, stand_in: StandIn, caller: Caller
) -> None:
    await buy(payments, stand_in, caller, 2_000, cards.DISPUTED)
    issued = await invoices.upkeep.round()
    assert seen(issued) == [("receipt 1", 2_000, 0), ("credit_note 1", 2_000, 0)]
    (dispute,) = stand_in.store.all("dispute")
    stand_in.close_dispute(dispute["id"], won=True)
    await apply_events(payments, stand_in)
    (undone,) = await invoices.upkeep.round()
    assert seen([undone]) == [("debit_note 1", 2_000, 0)]
    assert dict((await invoices.sheet(caller, undone.id)).facts)["Refers to"] == issued[1].number
    assert await cents_of(database, caller.organization_id) == 2_000


async def test_the_database_refuses_a_credit_note_above_its_receipt(
    database: Database, payments: Payments, invoices: Invoices, stand_in: StandIn, caller: Caller
) -> None:
    await buy(payments, stand_in, caller, 2_000)
    (receipt,) = await invoices.upkeep.round()
    note = (
        "INSERT INTO billing_documents (id, organization_id, kind, year, serial, number, payment_id, "
        "reversal_id, refers_to_id, net, tax, total, paid, content, issued_at) SELECT :id, organization_id, "
        "'credit_note', year, :serial, :number, payment_id, :reversal, id, :cents, 0, :cents, 0, content, "
        "issued_at FROM billing_documents WHERE kind = 'receipt'"
    )
    reversal = (
        "INSERT INTO payment_reversals (stripe_id, intent, amount, undone, is_taken, is_returned, "
        "created_at) VALUES (:id, 'pi', 1, false, false, false, CURRENT_TIMESTAMP)"
    )

    async def add(serial: int, cents: int) -> None:
        async with database.write() as session:
            await session.execute(text(reversal), {"id": f"re_{serial}"})
            values = {
                "id": new_id().hex, "serial": serial, "number": f"CN-{serial}", "reversal": f"re_{serial}",
                "cents": cents * CENT,
            }  # fmt: skip
            await session.execute(text(note), values)

    await add(1, 1_500)
    with pytest.raises(DBAPIError, match="a credit note exceeds its receipt"):
        await add(2, 501)
    await add(2, 500)
    assert receipt.total == 2_000 * CENT


async def test_a_refund_that_is_told_of_first_waits_for_its_receipt(
    database: Database, payments: Payments, invoices: Invoices, stand_in: StandIn, caller: Caller,
    organization: UUID,
) -> None:  # fmt: skip
    intent = await buy(payments, stand_in, caller, 2_000)
    (payment,) = await payments.payments(caller, 1)
    assert payment.intent == intent
    await payments.refund(payment.id, 300)
    assert [one.kind for one in await invoices.upkeep.round()] == ["receipt", "credit_note"]
    assert (await Billing(database).balance(organization)).balance == 1_700 * CENT
