"""Tables of webhooks: who wants them, what happened, and what became of each delivery."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.clock import now
from skyhook.database import Base, Identified

ANSWER_BYTES = 1024
"""How much of an answer is read and kept."""


class DeliveryState(StrEnum):
    """What became of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up, or never tried because the endpoint was off; a replay tries it again."""


class WebhookEndpoint(Identified, Base):
    """An address of an organization that wants events."""

    __tablename__ = "webhook_endpoints"

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), index=True)
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str] = mapped_column(String(200))
    event_types: Mapped[list[str]] = mapped_column(JSON)
    """What it wants; empty for every type."""
    enabled: Mapped[bool] = mapped_column(Boolean)
    disabled_reason: Mapped[str | None] = mapped_column(String(200))
    """Why the server turned it off; None where nobody did, or a person."""
    failing_since: Mapped[datetime | None] = mapped_column()
    """The first failure since the last success."""
    created_at: Mapped[datetime] = mapped_column(default=now)


class WebhookSecret(Identified, Base):
    """A secret that an endpoint's deliveries are signed with; several while one replaces another."""

    __tablename__ = "webhook_secrets"

    endpoint_id: Mapped[UUID] = mapped_column(
        ForeignKey("webhook_endpoints.id", ondelete="CASCADE"), index=True
    )
    encrypted: Mapped[bytes] = mapped_column(LargeBinary)
    """The secret under a key that is derived from the instance's."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime | None] = mapped_column()


class WebhookEvent(Identified, Base):
    """Something that happened, with the very bytes that every delivery of it carries."""

    __tablename__ = "webhook_events"
    __table_args__ = (
        UniqueConstraint("organization_id", "key"),
        Index("ix_webhook_events_organization_id_created_at", "organization_id", "created_at", "id"),
        Index("ix_webhook_events_created_at", "created_at"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    type: Mapped[str] = mapped_column(String(80))
    key: Mapped[str] = mapped_column(String(200))
    """What happened, as its publisher names it, so that it is published once."""
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(default=now)


class WebhookDelivery(Identified, Base):
    """An event on its way to one endpoint."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("event_id", "endpoint_id"),
        CheckConstraint("state IN ('pending', 'delivered', 'failed')", name="state_known"),
        Index("ix_webhook_deliveries_endpoint_id_created_at", "endpoint_id", "created_at", "id"),
        Index(
            "ix_webhook_deliveries_due",
            "next_attempt_at",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
    )

    event_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_events.id", ondelete="CASCADE"))
    endpoint_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_endpoints.id", ondelete="CASCADE"))
    organization_id: Mapped[UUID] = mapped_column()
    """The endpoint's, so that claims are shared fairly without a join."""
    state: Mapped[str] = mapped_column(String(10))
    attempts: Mapped[int] = mapped_column(default=0)
    """Since it was published, or replayed last."""
    next_attempt_at: Mapped[datetime] = mapped_column()
    claimed_by: Mapped[UUID | None] = mapped_column()
    """The server process that is sending it."""
    claimed_until: Mapped[datetime | None] = mapped_column()
    """When another process may take it over."""
    created_at: Mapped[datetime] = mapped_column(default=now)


class WebhookAttempt(Identified, Base):
    """One request that was made, or could not be made."""

    __tablename__ = "webhook_attempts"
    __table_args__ = (Index("ix_webhook_attempts_delivery_id_at", "delivery_id", "at", "id"),)

    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_deliveries.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column()
    status_code: Mapped[int | None] = mapped_column()
    error_code: Mapped[str | None] = mapped_column(String(40))
    """None where the endpoint took it."""
    duration_ms: Mapped[int] = mapped_column()
    answer: Mapped[bytes] = mapped_column(LargeBinary(ANSWER_BYTES))
    """The beginning of the answer's body."""
