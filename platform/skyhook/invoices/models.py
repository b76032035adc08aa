"""Tables of billing documents: what was issued, never changed; the next numbers; who is billed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.clock import now
from skyhook.database import Base, Identified


class DocumentKind(StrEnum):
    """What a document is."""

    INVOICE = "invoice"
    """What was used in a calendar month, and paid from credit."""
    RECEIPT = "receipt"
    """A paid invoice for a payment by card."""
    CREDIT_NOTE = "credit_note"
    """That money of a receipt went back: a refund, or a dispute."""
    DEBIT_NOTE = "debit_note"
    """That it is here again: the dispute was won, or the refund failed."""


PREFIXES = {
    DocumentKind.INVOICE: "INV",
    DocumentKind.RECEIPT: "REC",
    DocumentKind.CREDIT_NOTE: "CN",
    DocumentKind.DEBIT_NOTE: "DN",
}
"""What numbers begin with."""


def _only(kind: DocumentKind, name: str, *columns: str) -> Index:
    """That there is one document of a kind for the same columns."""
    where = text(f"kind = '{kind}'")
    return Index(name, *columns, unique=True, sqlite_where=where, postgresql_where=where)


class BillingDocument(Identified, Base):
    """A document as it was issued. Triggers refuse every change, and a number that is not the next."""

    __tablename__ = "billing_documents"
    __table_args__ = (
        UniqueConstraint("number"),
        UniqueConstraint("kind", "year", "serial"),
        CheckConstraint("net >= 0 AND tax >= 0 AND total = net + tax", name="total"),
        CheckConstraint("paid >= 0 AND paid <= total", name="paid"),
        CheckConstraint("(kind = 'invoice') = (month IS NOT NULL)", name="month"),
        CheckConstraint("(kind = 'invoice') = (payment_id IS NULL)", name="payment"),
        CheckConstraint(
            "(kind IN ('credit_note', 'debit_note')) = (refers_to_id IS NOT NULL)", name="refers"
        ),
        CheckConstraint("(refers_to_id IS NULL) = (reversal_id IS NULL)", name="reversal"),
        _only(DocumentKind.INVOICE, "uq_billing_documents_month", "organization_id", "month"),
        _only(DocumentKind.RECEIPT, "uq_billing_documents_payment", "payment_id"),
        _only(DocumentKind.CREDIT_NOTE, "uq_billing_documents_credited", "reversal_id"),
        _only(DocumentKind.DEBIT_NOTE, "uq_billing_documents_debited", "reversal_id"),
        Index("ix_billing_documents_organization_id", "organization_id", "issued_at", "id"),
        Index("ix_billing_documents_refers_to_id", "refers_to_id"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    kind: Mapped[str] = mapped_column(String(12))
    year: Mapped[int] = mapped_column()
    """Of the day of issue, in UTC."""
    serial: Mapped[int] = mapped_column()
    """Counts from 1 in each year and kind, without gaps."""
    number: Mapped[str] = mapped_column(String(30))
    """Such as `INV-2026-000001`."""
    month: Mapped[str | None] = mapped_column(String(7))
    """Of an invoice: `YYYY-MM`, in UTC."""
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments.id"))
    reversal_id: Mapped[str | None] = mapped_column(ForeignKey("payment_reversals.stripe_id"))
    refers_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("billing_documents.id"))
    """Of a credit note its receipt, of a debit note its credit note."""
    net: Mapped[int] = mapped_column()
    """Nano-dollars before tax: the sum of the lines."""
    tax: Mapped[int] = mapped_column()
    """Nano-dollars."""
    total: Mapped[int] = mapped_column()
    """Nano-dollars."""
    paid: Mapped[int] = mapped_column()
    """Of the total, what was paid when it was issued: from credit, or by card."""
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    """The seller, the customer and the lines as they were then: `content.Content`."""
    issued_at: Mapped[datetime] = mapped_column()


class DocumentCounter(Base):
    """The last number of a kind in a year. It is raised in the transaction that writes the document."""

    __tablename__ = "document_counters"

    kind: Mapped[str] = mapped_column(String(12), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int] = mapped_column()


class InvoicedUntil(Base):
    """Before which month every invoice is issued. One row, which the first round of upkeep writes."""

    __tablename__ = "invoiced_until"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    month: Mapped[str] = mapped_column(String(7))


class BillingDetails(Base):
    """Who an organization is on its documents."""

    __tablename__ = "billing_details"

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    legal_name: Mapped[str] = mapped_column(String(200))
    line1: Mapped[str] = mapped_column(String(200))
    line2: Mapped[str] = mapped_column(String(200))
    city: Mapped[str] = mapped_column(String(100))
    postal_code: Mapped[str] = mapped_column(String(20))
    country: Mapped[str] = mapped_column(String(2))
    """ISO 3166-1 alpha-2."""
    tax_id: Mapped[str] = mapped_column(String(30))
    purchase_reference: Mapped[str] = mapped_column(String(80))
    """What the customer wants to find on documents, such as an order's number."""
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
