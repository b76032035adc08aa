"""Documents with their numbers: each function writes one in the caller's unit of work, or finds it there.

A counter's row is locked from the number on until the unit of work ends: take numbers last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.accounts.models import Organization
from skyhook.clock import new_id
from skyhook.invoices.content import Content, Line, Party, customer_of
from skyhook.invoices.models import (
    PREFIXES,
    BillingDetails,
    BillingDocument,
    DocumentCounter,
    DocumentKind,
)
from skyhook.payments.funds import NANO_PER_CENT
from skyhook.payments.models import Payment, PaymentKind, PaymentState, Reversal

_HOW = {
    PaymentKind.CHECKOUT: "Bought on Stripe's page",
    PaymentKind.AUTOMATIC: "Bought automatically with the saved card",
}


async def issue_invoice(
    session: AsyncSession,
    organization_id: UUID,
    month: str,
    lines: Sequence[Line],
    seller: Party,
    at: datetime,
) -> BillingDocument | None:
    """The invoice of a month that is over; None where there is one already."""
    organization = await session.get_one(Organization, organization_id, with_for_update={"key_share": True})
    there = await session.scalar(
        select(BillingDocument.id).where(
            BillingDocument.organization_id == organization_id, BillingDocument.month == month
        )
    )
    if there is not None:
        return None
    total = sum(line.amount for line in lines)
    content = Content(seller, await _customer(session, organization), tuple(lines))
    return await _issue(
        session, DocumentKind.INVOICE, organization_id, content, at, net=total, paid=total, month=month
    )


async def issue_receipt(
    session: AsyncSession, payment_id: UUID, seller: Party, at: datetime
) -> BillingDocument | None:
    """The receipt of a payment; None where there is one, or another process writes it."""
    payment = await session.scalar(
        select(Payment)
        .where(Payment.id == payment_id, Payment.state == PaymentState.PAID, ~Payment.is_receipted)
        .with_for_update(skip_locked=True)
    )
    if payment is None:
        return None
    payment.is_receipted = True
    await session.flush()
    organization = await session.get_one(Organization, payment.organization_id)
    net, tax = payment.amount * NANO_PER_CENT, payment.tax * NANO_PER_CENT
    how = _HOW.get(PaymentKind(payment.kind)) if payment.kind in set(PaymentKind) else None
    if how is None:
        line = Line(payment.kind.replace("_", " ").capitalize(), net)
    else:
        line = Line("Skyhook credit", net, detail=how)
    customer, paid_at = await _customer(session, organization), payment.ended_at or payment.created_at
    content = Content(seller, customer, (line,), payment=payment.intent or "", paid_on=f"{paid_at:%Y-%m-%d}")
    return await _issue(
        session, DocumentKind.RECEIPT, organization.id, content, at,
        net=net, tax=tax, paid=net + tax, payment_id=payment.id,
    )  # fmt: skip


async def issue_credit_note(
    session: AsyncSession, stripe_id: str, seller: Party, at: datetime
) -> BillingDocument | None:
    """The credit note of a refund or dispute; None where there is one, or its receipt is not there yet."""
    reversal = await _locked(session, stripe_id)
    if reversal is None or not reversal.is_taken or reversal.is_credited:
        return None
    receipt = await session.scalar(
        select(BillingDocument)
        .join(Payment, Payment.id == BillingDocument.payment_id)
        .where(Payment.intent == reversal.intent, BillingDocument.kind == DocumentKind.RECEIPT)
    )
    if receipt is None:
        return None
    reversal.is_credited = True
    is_dispute = stripe_id.startswith(("du_", "dp_"))
    title = "Disputed by the card's owner" if is_dispute else "Refund to the card"
    return await _correct(session, DocumentKind.CREDIT_NOTE, receipt, reversal, title, seller, at)


async def issue_debit_note(
    session: AsyncSession, stripe_id: str, seller: Party, at: datetime
) -> BillingDocument | None:
    """What undoes a credit note, since the money came back; None where there is one already."""
    reversal = await _locked(session, stripe_id)
    if reversal is None or not reversal.is_returned or reversal.is_debited:
        return None
    note = await session.scalar(
        select(BillingDocument).where(
            BillingDocument.reversal_id == stripe_id, BillingDocument.kind == DocumentKind.CREDIT_NOTE
        )
    )
    if note is None:
        return None
    reversal.is_debited = True
    is_dispute = stripe_id.startswith(("du_", "dp_"))
    title = "The dispute was decided for the seller" if is_dispute else "The refund could not be made"
    return await _correct(session, DocumentKind.DEBIT_NOTE, note, reversal, title, seller, at)


async def _correct(
    session: AsyncSession,
    kind: DocumentKind,
    of: BillingDocument,
    reversal: Reversal,
    title: str,
    seller: Party,
    at: datetime,
) -> BillingDocument:
    """A note on an earlier document, to the customer that this one names."""
    await session.flush()
    net, tax = (reversal.amount - reversal.tax) * NANO_PER_CENT, reversal.tax * NANO_PER_CENT
    before = Content.of(of.content)
    content = replace(before, seller=seller, lines=(Line(title, net),), refers_to=of.number)
    return await _issue(
        session, kind, of.organization_id, content, at, net=net, tax=tax, paid=net + tax,
        payment_id=of.payment_id, reversal_id=reversal.stripe_id, refers_to_id=of.id,
    )  # fmt: skip


async def _locked(session: AsyncSession, stripe_id: str) -> Reversal | None:
    return await session.scalar(
        select(Reversal).where(Reversal.stripe_id == stripe_id).with_for_update(skip_locked=True)
    )


async def _customer(session: AsyncSession, organization: Organization) -> Party:
    return customer_of(organization, await session.get(BillingDetails, organization.id))


async def _issue(
    session: AsyncSession,
    kind: DocumentKind,
    organization_id: UUID,
    content: Content,
    at: datetime,
    *,
    net: int,
    paid: int,
    tax: int = 0,
    month: str | None = None,
    payment_id: UUID | None = None,
    reversal_id: str | None = None,
    refers_to_id: UUID | None = None,
) -> BillingDocument:
    year = at.astimezone(UTC).year
    serial = await _next(session, kind, year)
    document = BillingDocument(
        id=new_id(), organization_id=organization_id, kind=kind, year=year, serial=serial,
        number=f"{PREFIXES[kind]}-{year}-{serial:06}", month=month, payment_id=payment_id,
        reversal_id=reversal_id, refers_to_id=refers_to_id, net=net, tax=tax, total=net + tax, paid=paid,
        content=content.stored(), issued_at=at,
    )  # fmt: skip
    session.add(document)
    await session.flush()
    return document


async def _next(session: AsyncSession, kind: DocumentKind, year: int) -> int:
    """The next number; other units of work wait for this one's end before they get theirs."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = (
        dialect.insert(DocumentCounter)
        .values(kind=kind, year=year, last=1)
        .on_conflict_do_update(index_elements=["kind", "year"], set_={"last": DocumentCounter.last + 1})
        .returning(DocumentCounter.last)
    )
    return int((await session.execute(statement)).scalar_one())
