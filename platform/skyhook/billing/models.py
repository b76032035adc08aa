"""Tables of prices, of organizations' own terms, of credit grants, and of what idempotency keys name."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.clock import now
from skyhook.database import Base, Identified

_FOR_MODEL = text("model IS NOT NULL")
_FOR_ALL = text("model IS NULL")
_LEFT = text("remaining > 0")


class Price(Identified, Base):
    """What one unit of a meter costs from a time on, for one model or for all that have no own.

    A price with `from_quantity` above 0 is a tier: it holds once so many units were used in a month.
    """

    __tablename__ = "prices"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price_not_negative"),
        CheckConstraint("from_quantity >= 0", name="from_quantity_not_negative"),
        Index(
            "uq_prices_model",
            *("meter", "model", "from_quantity", "effective_at"),
            unique=True,
            sqlite_where=_FOR_MODEL,
            postgresql_where=_FOR_MODEL,
        ),
        Index(
            "uq_prices_all",
            *("meter", "from_quantity", "effective_at"),
            unique=True,
            sqlite_where=_FOR_ALL,
            postgresql_where=_FOR_ALL,
        ),
    )

    meter: Mapped[str] = mapped_column(String(80))
    model: Mapped[str | None] = mapped_column(String(120))
    from_quantity: Mapped[int] = mapped_column(default=0, server_default="0")
    """Units of the meter in a calendar month, of all models together."""
    price: Mapped[int] = mapped_column()
    """Nano-dollars for each unit."""
    effective_at: Mapped[datetime] = mapped_column()
    ends_at: ClassVar[None] = None
    """A price of the list holds until the next one."""


class PriceOverride(Identified, Base):
    """A price that one organization has in place of the list's for the same meter and model."""

    __tablename__ = "price_overrides"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price_not_negative"),
        CheckConstraint("from_quantity >= 0", name="from_quantity_not_negative"),
        CheckConstraint("ends_at IS NULL OR ends_at >= effective_at", name="ends_after_it_begins"),
        UniqueConstraint(
            *("organization_id", "meter", "model", "from_quantity", "effective_at"),
            name="uq_price_overrides_effective_at",
        ),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    meter: Mapped[str] = mapped_column(String(80))
    model: Mapped[str] = mapped_column(String(120))
    """Empty for all models that have no price of their own."""
    from_quantity: Mapped[int] = mapped_column(default=0)
    """As a price's."""
    price: Mapped[int] = mapped_column()
    """Nano-dollars for each unit; no discount is taken off."""
    effective_at: Mapped[datetime] = mapped_column()
    ends_at: Mapped[datetime | None] = mapped_column()
    """None where it holds until the next one."""


class Discount(Base):
    """What an organization gets off the list's prices."""

    __tablename__ = "discounts"
    __table_args__ = (CheckConstraint("basis_points BETWEEN 1 AND 10000", name="basis_points"),)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    basis_points: Mapped[int] = mapped_column()
    """Hundredths of a per cent."""


class IdempotencyRecord(Base):
    """The result of a call that carried an idempotency key, written with its charge; kept for 24 hours."""

    __tablename__ = "idempotency_records"
    __table_args__ = (Index("ix_idempotency_records_created_at", "created_at"),)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(270), primary_key=True)
    operation: Mapped[str] = mapped_column(String(80))
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(64))
    """A digest of the request, told apart from other requests with the same key."""
    result: Mapped[bytes] = mapped_column(LargeBinary)
    """The answer, as JSON."""
    usage_event_id: Mapped[UUID] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)


class GrantCategory(StrEnum):
    """What sort of credit a grant is."""

    PROMOTIONAL = "promotional"
    """Given by the platform: what a new organization begins with, and what an operator grants."""
    PLAN = "plan"
    """Included in a plan's month."""
    PAID = "paid"
    """Bought by card."""


class CreditGrant(Identified, Base):
    """Credit that was added at one time, and what is left of it. See `billing.grants`."""

    __tablename__ = "credit_grants"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("remaining >= 0 AND remaining <= amount", name="remaining"),
        CheckConstraint("priority >= 0 AND priority <= 100", name="priority"),
        CheckConstraint("expires_at > effective_at", name="expires_later"),
        Index(
            "ix_credit_grants_unspent",
            "organization_id",
            sqlite_where=_LEFT,
            postgresql_where=_LEFT,
        ),
        Index("ix_credit_grants_expiring", "expires_at", sqlite_where=_LEFT, postgresql_where=_LEFT),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    amount: Mapped[int] = mapped_column()
    """Nano-dollars."""
    remaining: Mapped[int] = mapped_column()
    """Of these, what was neither spent and allocated, nor expired, nor taken back."""
    category: Mapped[str] = mapped_column(String(12))
    priority: Mapped[int] = mapped_column()
    """Lower numbers are spent first."""
    effective_at: Mapped[datetime] = mapped_column()
    """Since when it can be spent."""
    expires_at: Mapped[datetime | None] = mapped_column()
    """None for credit that never expires."""
    reference: Mapped[str] = mapped_column(String(200))
    key: Mapped[str] = mapped_column(String(200))
    """What happened that added it; once in an organization."""


class CreditAllocation(Base):
    """How much of what an organization spent is taken from its grants already."""

    __tablename__ = "credit_allocations"
    __table_args__ = (CheckConstraint("allocated >= 0", name="allocated_not_negative"),)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    allocated: Mapped[int] = mapped_column()
    """Nano-dollars."""
