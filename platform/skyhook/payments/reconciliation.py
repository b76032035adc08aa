"""Proof that payments, what was taken back of them and the ledger say the same."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.ledger.models import LedgerEntry
from skyhook.payments.funds import NANO_PER_CENT
from skyhook.payments.models import Payment, PaymentKind, PaymentState, Reversal

_PREFIXES = ("payment:", "reversal:", "undone:")


async def verify(session: AsyncSession) -> list[str]:
    """What is wrong, one sentence each; empty where all is whole. Reads every payment.

    A plan's payment adds no paid credit, and its reversals take back what is left of what was included.
    """
    moved = await _moved(session)
    payments = (await session.scalars(select(Payment))).all()
    reversals = (await session.scalars(select(Reversal))).all()
    paid = {payment.intent for payment in payments if payment.state == PaymentState.PAID}
    of_plans = {payment.intent for payment in payments if payment.kind == PaymentKind.SUBSCRIPTION}
    findings, taken = [], Counter[str]()
    for reversal in reversals:
        name = reversal.stripe_id
        is_out = reversal.is_taken and not reversal.is_returned
        taken[reversal.intent] += reversal.amount - reversal.tax if is_out else 0
        found = moved.pop(f"reversal:{name}", 0) - moved.pop(f"undone:{name}", 0)
        expected = (reversal.amount - reversal.tax) * NANO_PER_CENT if is_out else 0
        if found != expected and reversal.intent not in of_plans:
            findings.append(f"reversal {name} took {found} nano-dollars of credit, not {expected}")
        if reversal.intent in paid and is_out == reversal.undone:
            findings.append(f"reversal {name} waits, though its payment is paid")
    for payment in payments:
        found = moved.pop(f"payment:{payment.id}", 0)
        is_paid = payment.state == PaymentState.PAID
        is_bought = is_paid and payment.kind != PaymentKind.SUBSCRIPTION
        if found != (expected := payment.amount * NANO_PER_CENT if is_bought else 0):
            findings.append(f"payment {payment.id} brought {found} nano-dollars of credit, not {expected}")
        if is_paid and payment.taken_back != taken[str(payment.intent)]:
            findings.append(
                f"payment {payment.id}: {payment.taken_back} cents taken back, {taken[str(payment.intent)]} "
                "by its reversals"
            )
    findings += [
        f"the ledger has {nano} nano-dollars of {key}, which is not here" for key, nano in moved.items()
    ]
    return findings


async def _moved(session: AsyncSession) -> dict[str, int]:
    """Nano-dollars that were moved for payments and reversals, by the transfer's key."""
    query = (
        select(LedgerEntry.key, func.sum(LedgerEntry.amount))
        .where(or_(*(LedgerEntry.key.startswith(prefix) for prefix in _PREFIXES)))
        .group_by(LedgerEntry.key)
    )
    return {str(key): int(amount) for key, amount in await session.execute(query)}
