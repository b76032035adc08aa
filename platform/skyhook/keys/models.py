"""Tables of API keys and their rate windows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.clock import now
from skyhook.database import Base, Identified


class Key(Identified, Base):
    """An API key. The secret itself is stored nowhere."""

    __tablename__ = "keys"
    __table_args__ = (
        CheckConstraint("rate_limit_per_minute > 0", name="rate_limit_positive"),
        CheckConstraint("monthly_budget >= 0", name="budget_not_negative"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), index=True)
    created_by_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(200))
    public_id: Mapped[str] = mapped_column(String(12), unique=True)
    """The `<id>` in `sk_live_<id>_...`; safe to show and to log."""
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    """HMAC-SHA-256 of the whole key under the instance's secret."""
    scopes: Mapped[list[str]] = mapped_column(JSON)
    """Such as `chat:complete`, `chat:*` or `*`."""
    rate_limit_per_minute: Mapped[int | None] = mapped_column()
    """In points; a simple call costs one."""
    monthly_budget: Mapped[int | None] = mapped_column()
    """In nano-dollars for each calendar month in UTC."""
    allowed_ips: Mapped[list[str]] = mapped_column(JSON, default=list)
    """Addresses and networks (CIDR); empty allows every address."""
    expires_at: Mapped[datetime | None] = mapped_column()
    revoked_at: Mapped[datetime | None] = mapped_column()
    last_used_at: Mapped[datetime | None] = mapped_column()
    limits_key_id: Mapped[UUID] = mapped_column()
    """Whose rate limit and budget it draws from: its own id, or the first key's that it was rotated from."""
    rotated_from_id: Mapped[UUID | None] = mapped_column(ForeignKey("keys.id"))
    created_at: Mapped[datetime] = mapped_column(default=now)


class RateWindow(Base):
    """How much of a key's rate limit the server processes have taken in one minute, all together."""

    __tablename__ = "rate_windows"

    key_id: Mapped[UUID] = mapped_column(ForeignKey("keys.id"), primary_key=True)
    minute: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Minutes since 1970."""
    taken: Mapped[int] = mapped_column()
    """In points."""
