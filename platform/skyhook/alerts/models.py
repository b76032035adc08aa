"""The table of spending alerts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.clock import now
from skyhook.database import Base, Identified

LOW = "low"
"""What an alert of low credit has fired for, until the credit was above it again."""


class AlertKind(StrEnum):
    """What an alert watches."""

    SPENDING = "spending"
    """What was spent in the calendar month in UTC reaches the threshold."""
    CREDIT = "credit"
    """Unspent credit falls below the threshold."""


class SpendingAlert(Identified, Base):
    """That an organization wants to be told of a threshold."""

    __tablename__ = "spending_alerts"
    __table_args__ = (
        CheckConstraint("threshold > 0", name="threshold_positive"),
        CheckConstraint("kind IN ('spending', 'credit')", name="kind"),
        UniqueConstraint("organization_id", "kind", "threshold"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    kind: Mapped[str] = mapped_column(String(10))
    threshold: Mapped[int] = mapped_column()
    """US cents."""
    fired_for: Mapped[str | None] = mapped_column(String(7))
    """The month (`YYYY-MM`) or `low`: whichever process writes it first is the one that tells."""
    fired_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)
