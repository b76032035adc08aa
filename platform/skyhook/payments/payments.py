"""What becomes of payments: each function applies one fact in the caller's unit of work, in any order."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.clock import now
from skyhook.ledger.service import insert_if_absent
from skyhook.payments.funds import pay_in, take_back
from skyhook.payments.models import AutoTopUp, Payment, PaymentKind, PaymentState, Reversal


async def locked(session: AsyncSession, payment_id: UUID) -> Payment | None:
    """The payment, for this unit of work alone."""
    return await session.get(Payment, payment_id, with_for_update=True, populate_existing=True)


async def apply_paid(
    session: AsyncSession, payment_id: UUID, intent: str, charged: int | None = None
) -> Payment | None:
    """The money is here: adds the credit, once, and then takes back what was reversed before.

    `charged` are the cents that the card was charged: beyond the payment's amount they are tax.
    """
    payment = await locked(session, payment_id)
    if payment is None or payment.state == PaymentState.PAID:
        return payment
    payment.state, payment.intent, payment.failure, payment.ended_at = PaymentState.PAID, intent, None, now()
    if charged is not None:
        payment.tax = max(charged - payment.amount, 0)
    await session.flush()
    await pay_in(
        session,
        payment.organization_id,
        payment.amount,
        reference="card payment",
        key=f"payment:{payment.id}",
    )
    for reversal in await session.scalars(
        select(Reversal).where(Reversal.intent == intent).with_for_update()
    ):
        await _settle(session, payment, reversal)
    return payment


async def apply_failed(session: AsyncSession, payment_id: UUID, why: str) -> Payment | None:
    """The saved card was not charged; no more is tried until somebody says so."""
    payment = await locked(session, payment_id)
    if payment is None or payment.state != PaymentState.OPEN or payment.kind != PaymentKind.AUTOMATIC:
        return payment
    payment.state, payment.failure, payment.ended_at = PaymentState.FAILED, why[:300], now()
    setting = await session.get(AutoTopUp, payment.organization_id, with_for_update=True)
    if setting is not None:
        setting.paused = why[:300]
    return payment


async def apply_expired(session: AsyncSession, payment_id: UUID) -> None:
    """Nobody paid in time."""
    payment = await locked(session, payment_id)
    if payment is not None and payment.state == PaymentState.OPEN:
        payment.state, payment.ended_at = PaymentState.EXPIRED, now()


async def apply_reversal(
    session: AsyncSession, stripe_id: str, intent: str, cents: int, *, undone: bool
) -> Payment | None:
    """A refund or a dispute, or that one was undone: takes credit back, or gives it again, once each."""
    values = {
        "stripe_id": stripe_id, "intent": intent, "amount": cents, "undone": False, "is_taken": False,
        "is_returned": False, "created_at": now(),
    }  # fmt: skip
    # The payment first, as `apply_paid` does, so that the two never wait for each other.
    payment = await session.scalar(
        select(Payment)
        .where(Payment.intent == intent)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    await session.execute(insert_if_absent(session, Reversal).values(values))
    reversal = await session.get_one(Reversal, stripe_id, with_for_update=True, populate_existing=True)
    reversal.undone = reversal.undone or undone
    if payment is not None and payment.state == PaymentState.PAID:
        await _settle(session, payment, reversal)
    return payment


async def _settle(session: AsyncSession, payment: Payment, reversal: Reversal) -> None:
    """Does what is left to do of a reversal whose payment is here."""
    if not reversal.is_taken:
        reversal.tax = _tax_of(payment, reversal.amount)
        payment.taken_back += reversal.amount - reversal.tax
        payment.taken_back_tax += reversal.tax
        if cents := reversal.amount - reversal.tax:
            await take_back(
                session, payment.organization_id, cents,
                reference="refund or dispute", key=f"reversal:{reversal.stripe_id}",
            )  # fmt: skip
        reversal.is_taken = True
    if reversal.undone and not reversal.is_returned:
        payment.taken_back -= reversal.amount - reversal.tax
        payment.taken_back_tax -= reversal.tax
        if cents := reversal.amount - reversal.tax:
            await pay_in(
                session, payment.organization_id, cents,
                reference="refund or dispute undone", key=f"undone:{reversal.stripe_id}",
            )  # fmt: skip
        reversal.is_returned = True
    await session.flush()


def _tax_of(payment: Payment, cents: int) -> int:
    """How much of what goes back is tax: the payment's share of it, and with the last all that is left."""
    left, left_of_tax = payment.amount - payment.taken_back, payment.tax - payment.taken_back_tax
    if cents >= left + left_of_tax:
        return left_of_tax
    share = (2 * cents * payment.tax + payment.amount + payment.tax) // (2 * (payment.amount + payment.tax))
    return min(max(share, cents - left), left_of_tax)
