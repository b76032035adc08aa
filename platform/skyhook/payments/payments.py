"""What becomes of payments: each function applies one fact in the caller's unit of work, in any order.

A payment and its reversals find each other by Stripe's payment intent, whichever is told of first. Both take
the intent's lock before they look for the other: else neither might see what the other has yet to commit.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.clock import new_id, now
from skyhook.ledger.service import insert_if_absent
from skyhook.payments.funds import pay_in, take_back
from skyhook.payments.included import give_back_included, take_back_included
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
    await _lock_intent(session, intent)
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
    await _settle(session, payment)
    return payment


async def apply_invoice_paid(
    session: AsyncSession,
    organization_id: UUID,
    invoice: str,
    intent: str | None,
    cents: int,
    tax: int,
    at: datetime,
) -> Payment:
    """A subscription's invoice was paid, `tax` of the cents among it; it adds no paid credit.

    Its included credit was added before.

    The caller makes sure that this happens once for each invoice.
    """
    if intent is not None:
        await _lock_intent(session, intent)
    payment = Payment(
        id=new_id(), organization_id=organization_id, kind=PaymentKind.SUBSCRIPTION,
        state=PaymentState.PAID, amount=cents - tax, tax=tax, taken_back=0, intent=intent, invoice=invoice,
        created_at=at, ended_at=at,
    )  # fmt: skip
    session.add(payment)
    await session.flush()
    await _settle(session, payment)
    return payment


async def apply_failed(session: AsyncSession, payment_id: UUID, why: str) -> Payment | None:
    """The saved card was not charged; no more is tried until somebody says so."""
    payment = await locked(session, payment_id)
    if payment is None or payment.state != PaymentState.OPEN or payment.kind != PaymentKind.AUTOMATIC:
        return payment
    payment.state, payment.failure, payment.ended_at = PaymentState.FAILED, why[:300], now()
    setting = await session.get(AutoTopUp, payment.organization_id, with_for_update=True)
    if setting is not None:
        setting.paused, setting.is_told = why[:300], False
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
    await _lock_intent(session, intent)
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
        await _settle(session, payment)
    return payment


async def _settle(session: AsyncSession, payment: Payment) -> None:
    """Does what is left to do of the reversals of a payment that is here.

    What does not fit waits: one that was undone takes up its place, and that has yet to be told.
    """
    await session.flush()
    reversals = (
        await session.scalars(
            select(Reversal)
            .where(Reversal.intent == payment.intent)
            .order_by(Reversal.stripe_id)
            .with_for_update()
        )
    ).all()
    for reversal in reversals:
        if reversal.undone and not reversal.is_returned:
            await _undo(session, payment, reversal)
    for reversal in reversals:
        left = payment.amount + payment.tax - payment.taken_back - payment.taken_back_tax
        if not reversal.is_taken and reversal.amount <= left:
            reversal.tax = _tax_of(payment, reversal.amount)
            payment.taken_back += reversal.amount - reversal.tax
            payment.taken_back_tax += reversal.tax
            await _take(session, payment, reversal)
            reversal.is_taken = True
    await session.flush()


async def _take(session: AsyncSession, payment: Payment, reversal: Reversal) -> None:
    """Takes back the credit that the money had brought: a plan's included credit, or what was bought."""
    owner, key = payment.organization_id, f"reversal:{reversal.stripe_id}"
    cents = reversal.amount - reversal.tax
    if payment.kind == PaymentKind.SUBSCRIPTION:
        await take_back_included(
            session, owner, cents, payment.amount, invoice=payment.invoice or "", key=key
        )
    elif cents:
        await take_back(
            session, owner, cents,
            reference="refund or dispute", key=key, paid_in=f"payment:{payment.id}",
        )  # fmt: skip


async def _undo(session: AsyncSession, payment: Payment, reversal: Reversal) -> None:
    """Gives the credit of a reversal again; one that was undone before it was taken moves nothing."""
    owner, key = payment.organization_id, f"undone:{reversal.stripe_id}"
    if reversal.is_taken:
        cents = reversal.amount - reversal.tax
        payment.taken_back -= cents
        payment.taken_back_tax -= reversal.tax
        if payment.kind == PaymentKind.SUBSCRIPTION:
            taken = f"reversal:{reversal.stripe_id}"
            await give_back_included(session, owner, invoice=payment.invoice or "", taken=taken, key=key)
        elif cents:
            await pay_in(session, owner, cents, reference="refund or dispute undone", key=key)
    reversal.is_taken = reversal.is_returned = True


async def _lock_intent(session: AsyncSession, intent: str) -> None:
    """Until the unit of work ends, nobody else applies a fact about this payment intent."""
    if session.get_bind().dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(intent, 0))))


def _tax_of(payment: Payment, cents: int) -> int:
    """How much of what goes back is tax: the payment's share of it, and with the last all that is left."""
    left, left_of_tax = payment.amount - payment.taken_back, payment.tax - payment.taken_back_tax
    if cents >= left + left_of_tax:
        return left_of_tax
    share = (2 * cents * payment.tax + payment.amount + payment.tax) // (2 * (payment.amount + payment.tax))
    return min(max(share, cents - left), left_of_tax)
