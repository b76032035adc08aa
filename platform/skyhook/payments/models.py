"""Tables of payments: who Stripe's customers are, what they paid and got back, and Stripe's events."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.clock import now
from skyhook.database import Base, Identified

_OPEN = text("state = 'open'")
_OPEN_AUTOMATIC = text("kind = 'automatic' AND state = 'open'")
_PENDING = text("state = 'pending'")
_UNSENT = text("sent_at IS NULL")
_UNRECEIPTED = text("state = 'paid' AND NOT is_receipted")
_UNNOTED = text("(is_taken AND NOT is_credited) OR (is_returned AND NOT is_debited)")


class PaymentKind(StrEnum):
    """How a payment came about."""

    CHECKOUT = "checkout"
    """Somebody paid on Stripe's page."""
    AUTOMATIC = "automatic"
    """The saved card was charged since credit ran low."""
    SUBSCRIPTION = "subscription"
    """A plan's month: it adds the plan's included credit, no paid credit."""


class PaymentState(StrEnum):
    """Where a payment stands."""

    OPEN = "open"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"
    """Nobody paid in time."""


class EventState(StrEnum):
    """Where an event of Stripe's stands."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    """Given up after many tries; an operator can replay it."""


class StripeCustomer(Base):
    """An organization as Stripe knows it."""

    __tablename__ = "stripe_customers"

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    stripe_id: Mapped[str] = mapped_column(String(60), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Payment(Identified, Base):
    """Money that came by card: for credit, or for a plan."""

    __tablename__ = "payments"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("taken_back >= 0 AND taken_back <= amount", name="taken_back"),
        CheckConstraint("state = 'paid' OR taken_back = 0", name="unpaid_is_whole"),
        CheckConstraint("tax >= 0 AND taken_back_tax >= 0 AND taken_back_tax <= tax", name="tax"),
        Index("ix_payments_organization_id", "organization_id", "id"),
        Index(
            "uq_payments_open_automatic",
            "organization_id",
            unique=True,
            sqlite_where=_OPEN_AUTOMATIC,
            postgresql_where=_OPEN_AUTOMATIC,
        ),
        Index("ix_payments_open", "id", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_payments_unreceipted", "id", sqlite_where=_UNRECEIPTED, postgresql_where=_UNRECEIPTED),
    )  # fmt: skip

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    kind: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(10), default=PaymentState.OPEN)
    amount: Mapped[int] = mapped_column()
    """US cents of credit, before tax."""
    tax: Mapped[int] = mapped_column(default=0, server_default="0")
    """US cents that the card was charged beside them."""
    tax_calculation: Mapped[str | None] = mapped_column(String(60))
    """Where Stripe was asked for the tax of an automatic payment: its answer's id, the same at every try."""
    taken_back: Mapped[int] = mapped_column(default=0)
    """Of the amount, what was refunded or is disputed."""
    taken_back_tax: Mapped[int] = mapped_column(default=0, server_default="0")
    """Of the tax, the same."""
    session: Mapped[str | None] = mapped_column(String(120), unique=True)
    """Stripe's Checkout session."""
    intent: Mapped[str | None] = mapped_column(String(60), unique=True)
    """Stripe's payment intent, once there is one."""
    invoice: Mapped[str | None] = mapped_column(String(60), unique=True)
    """Stripe's invoice, of a subscription's payment."""
    card: Mapped[str | None] = mapped_column(String(60))
    """The saved card that is charged, as Stripe names it; the same at every try."""
    failure: Mapped[str | None] = mapped_column(String(300))
    """Why it failed, in words for the customer."""
    is_receipted: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """A receipt was issued for it."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None] = mapped_column()


class Reversal(Base):
    """A refund or a dispute; it may be told of before its payment is."""

    __tablename__ = "payment_reversals"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("tax >= 0 AND tax <= amount", name="tax"),
        Index(
            "ix_payment_reversals_unnoted",
            "created_at",
            sqlite_where=_UNNOTED,
            postgresql_where=_UNNOTED,
        ),
    )

    stripe_id: Mapped[str] = mapped_column(String(60), primary_key=True)
    intent: Mapped[str] = mapped_column(String(60), index=True)
    amount: Mapped[int] = mapped_column()
    """US cents, tax included."""
    tax: Mapped[int] = mapped_column(default=0, server_default="0")
    """Of these, the tax; known once the credit was taken back."""
    undone: Mapped[bool] = mapped_column(Boolean, default=False)
    """The dispute was won, or the refund failed: the money is here again."""
    is_taken: Mapped[bool] = mapped_column(Boolean, default=False)
    """The credit was taken back."""
    is_returned: Mapped[bool] = mapped_column(Boolean, default=False)
    """And given again, since it was undone."""
    is_credited: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """A credit note was issued for it."""
    is_debited: Mapped[bool] = mapped_column(Boolean, default=False, server_default=false())
    """And a debit note, since it was undone."""
    created_at: Mapped[datetime] = mapped_column(default=now)


class AutoTopUp(Base):
    """That an organization's saved card is charged where its credit runs low."""

    __tablename__ = "auto_top_ups"
    __table_args__ = (
        CheckConstraint("threshold > 0", name="threshold_positive"),
        CheckConstraint("amount > 0 AND amount <= monthly_cap", name="amount_within_cap"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    threshold: Mapped[int] = mapped_column()
    """US cents of unspent credit, below which the card is charged."""
    amount: Mapped[int] = mapped_column()
    """US cents."""
    monthly_cap: Mapped[int] = mapped_column()
    """US cents in a calendar month in UTC."""
    paused: Mapped[str | None] = mapped_column(String(300))
    """Why it stopped by itself, in words for the customer; None while it works."""
    is_told: Mapped[bool] = mapped_column(default=True)
    """False until those who look after the money are written to that it stopped."""
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class StripeEvent(Base):
    """An event as Stripe sent it, once by its id."""

    __tablename__ = "stripe_events"
    __table_args__ = (
        Index(
            "ix_stripe_events_pending",
            "next_attempt_at",
            sqlite_where=_PENDING,
            postgresql_where=_PENDING,
        ),
        Index("ix_stripe_events_received_at", "received_at"),
    )

    id: Mapped[str] = mapped_column(String(60), primary_key=True)
    type: Mapped[str] = mapped_column(String(80))
    body: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[str] = mapped_column(String(10), default=EventState.PENDING)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(String(300))
    """What went wrong at the last try."""
    next_attempt_at: Mapped[datetime] = mapped_column(default=now)
    received_at: Mapped[datetime] = mapped_column(default=now)
    ended_at: Mapped[datetime | None] = mapped_column()


class StripeMetering(Base):
    """Since when usage is reported to Stripe's meters. One row, once it is switched on."""

    __tablename__ = "stripe_metering"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    since: Mapped[datetime] = mapped_column()
    """A whole hour: what was used before it is not reported."""


class UsageReport(Identified, Base):
    """What is reported to Stripe of one meter's use in one hour.

    It is written before it is sent, and Stripe counts its id once, however often it is sent. What is settled
    after an hour was reported is a further part of that hour.
    """

    __tablename__ = "stripe_usage_reports"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_positive"),
        UniqueConstraint("hour", "organization_id", "meter", "part", name="uq_stripe_usage_reports_part"),
        Index("ix_stripe_usage_reports_unsent", "hour", sqlite_where=_UNSENT, postgresql_where=_UNSENT),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    meter: Mapped[str] = mapped_column(String(80))
    hour: Mapped[datetime] = mapped_column()
    part: Mapped[int] = mapped_column()
    """0, and more for what was settled later."""
    quantity: Mapped[int] = mapped_column()
    """In the meter's unit."""
    sent_at: Mapped[datetime | None] = mapped_column()
    """When Stripe took it; None until then."""
