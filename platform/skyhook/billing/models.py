"""Tables of prices and of the results that idempotency keys name."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.clock import now
from skyhook.database import Base, Identified

_FOR_MODEL = text("model IS NOT NULL")
_FOR_ALL = text("model IS NULL")


class Price(Identified, Base):
    """What one unit of a meter costs from a time on, for one model or for all that have no own."""

    __tablename__ = "prices"
    __table_args__ = (
        CheckConstraint("price >= 0", name="price_not_negative"),
        Index(
            "uq_prices_model",
            *("meter", "model", "effective_at"),
            unique=True,
            sqlite_where=_FOR_MODEL,
            postgresql_where=_FOR_MODEL,
        ),
        Index(
            "uq_prices_all",
            *("meter", "effective_at"),
            unique=True,
            sqlite_where=_FOR_ALL,
            postgresql_where=_FOR_ALL,
        ),
    )

    meter: Mapped[str] = mapped_column(String(80))
    model: Mapped[str | None] = mapped_column(String(120))
    price: Mapped[int] = mapped_column()
    """Nano-dollars for each unit."""
    effective_at: Mapped[datetime] = mapped_column()


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
