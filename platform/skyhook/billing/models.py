"""Tables of prices, of organizations' own terms, and of the results that idempotency keys name."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.clock import now
from skyhook.database import Base, Identified

_FOR_MODEL = text("model IS NOT NULL")
_FOR_ALL = text("model IS NULL")


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
