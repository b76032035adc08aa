"""What becomes of payments: each function applies one fact in the caller's unit of work, in any order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.clock import new_id, now
from skyhook.ledger.service import insert_if_absent
from skyhook.payments.funds import pay_in, take_back
from skyhook.payments.included import give_back_included, take_back_included
from skyhook.payments.models import AutoTopUp, Payment, PaymentKind, PaymentState, Reversal


async def locked(session: AsyncSession, payment_id: UUID) -> Payment | None:
    """The payment, for this unit of work alone."""
    return await session.get(Payment, payment_id, with_for_update=True, populate_existing=True)


async def apply_paid(session: AsyncSession, payment_id: UUID, intent: str) -> Payment | None:
    """The money is here: adds the credit, once, and then takes back what was reversed before."""
    payment = await locked(session, payment_id)
    if payment is None or payment.state == PaymentState.PAID:
        return payment
    payment.state, payment.intent, payment.failure, payment.ended_at = PaymentState.PAID, intent, None, now()
    await session.flush()
    await pay_in(
        session,
        payment.organization_id,
        payment.amount,
        reference="card payment",
        key=f"payment:{payment.id}",
    )
    await _settle_all(session, payment)
    return payment


async def apply_invoice_paid(
    session: AsyncSession,
    organization_id: UUID,
    invoice: str,
    intent: str | None,
    cents: int,
    at: datetime,
) -> Payment:
    """A subscription's invoice was paid. Its included credit was added before; it adds no paid credit.

    The caller makes sure that this happens once for each invoice.
    """
    payment = Payment(
        id=new_id(), organization_id=organization_id, kind=PaymentKind.SUBSCRIPTION,
        state=PaymentState.PAID, amount=cents, taken_back=0, intent=intent, invoice=invoice,
        created_at=at, ended_at=at,
    )  # fmt: skip
    session.add(payment)
    await session.flush()
    await _settle_all(session, payment)
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


async def unsettled(session: AsyncSession) -> Sequence[Reversal]:
    """Reversals whose payment is here and that took nothing back: each was written while the other was."""
    query = (
        select(Reversal)
        .join(Payment, Payment.intent == Reversal.intent)
        .where(Reversal.is_taken.is_(False), Payment.state == PaymentState.PAID)
    )
    return (await session.scalars(query)).all()


async def _settle_all(session: AsyncSession, payment: Payment) -> None:
    """Takes back what was reversed before the payment was known."""
    for reversal in await session.scalars(
        select(Reversal).where(Reversal.intent == payment.intent).with_for_update()
    ):
        await _settle(session, payment, reversal)


async def _settle(session: AsyncSession, payment: Payment, reversal: Reversal) -> None:
    """Does what is left to do of a reversal whose payment is here."""
    is_of_plan = payment.kind == PaymentKind.SUBSCRIPTION
    owner, taken, undone = (
        payment.organization_id,
        f"reversal:{reversal.stripe_id}",
        f"undone:{reversal.stripe_id}",
    )
    if not reversal.is_taken:
        payment.taken_back += reversal.amount
        if is_of_plan:
            await take_back_included(
                session, owner, reversal.amount, payment.amount, invoice=payment.invoice or "", key=taken
            )
        else:
            await take_back(
                session, owner, reversal.amount, reference="refund or dispute", key=taken,
                paid_in=f"payment:{payment.id}",
            )  # fmt: skip
        reversal.is_taken = True
    if reversal.undone and not reversal.is_returned:
        payment.taken_back -= reversal.amount
        if is_of_plan:
            await give_back_included(session, owner, invoice=payment.invoice or "", taken=taken, key=undone)
        else:
            await pay_in(session, owner, reversal.amount, reference="refund or dispute undone", key=undone)
        reversal.is_returned = True
    await session.flush()
