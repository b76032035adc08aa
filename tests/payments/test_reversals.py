"""Money that goes back meets its payment in whichever order, and at whichever moment, both become known."""

from __future__ import annotations

import asyncio
from itertools import permutations
from uuid import UUID

import pytest
from sqlalchemy import text
from tests.payments.conftest import cents_of

from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.payments.models import Payment, PaymentKind, PaymentState
from skyhook.payments.payments import apply_paid, apply_reversal
from skyhook.payments.reconciliation import verify

INTENT = "pi_1"


@pytest.fixture
async def payment_id(database: Database, organization: UUID) -> UUID:
    """A payment of 20 dollars that was begun."""
    made = new_id()
    async with database.write() as session:
        session.add(
            Payment(
                id=made, organization_id=organization, kind=PaymentKind.CHECKOUT, state=PaymentState.OPEN,
                amount=2_000, taken_back=0,
            )
        )  # fmt: skip
    return made


async def pay(database: Database, payment_id: UUID) -> None:
    async with database.write() as session:
        await apply_paid(session, payment_id, INTENT)


async def found(database: Database) -> list[str]:
    async with database.read() as session:
        return await verify(session)


async def test_a_refund_and_its_payment_that_are_told_at_the_same_moment_find_each_other(
    database: Database, organization: UUID, payment_id: UUID
) -> None:
    async with database.write() as session:
        await apply_reversal(session, "re_1", INTENT, 500, undone=False)
        paying = asyncio.create_task(pay(database, payment_id))
        await asyncio.sleep(0.2)  # it goes as far as it can while the refund is not committed
    await paying
    assert await cents_of(database, organization) == 1_500
    assert await found(database) == []


@pytest.mark.parametrize("order", list(permutations(["paid", "first", "first failed", "second"])))
async def test_a_refund_that_failed_leaves_its_place_to_the_next_in_any_order(
    database: Database, organization: UUID, payment_id: UUID, order: tuple[str, ...]
) -> None:
    for told in order:
        if told == "paid":
            await pay(database, payment_id)
            continue
        name, cents = ("re_2", 2_000) if told == "second" else ("re_1", 500)
        async with database.write() as session:
            await apply_reversal(session, name, INTENT, cents, undone=told == "first failed")
    assert await cents_of(database, organization) == 0
    assert await found(database) == []


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "UPDATE payments SET amount = amount + 1",
            "brought 20000000000 nano-dollars of credit, not 20010000000",
        ),
        ("UPDATE payments SET taken_back = 600", "600 cents taken back, 500 by its reversals"),
        ("UPDATE payment_reversals SET is_taken = :no", "waits, though its payment is paid"),
        ("DELETE FROM payments", "which is not here"),
    ],
)
async def test_payments_that_differ_from_the_ledger_are_told(
    database: Database, payment_id: UUID, statement: str, sentence: str
) -> None:
    await pay(database, payment_id)
    async with database.write() as session:
        await apply_reversal(session, "re_1", INTENT, 500, undone=False)
    async with database.write() as session:
        await session.execute(text(statement), {"no": False} if ":no" in statement else {})
    assert any(sentence in one for one in await found(database))
