"""Tables of usage events and of their roll-ups by hour and day."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.database import Base

NOBODY = UUID(int=0)
"""In a roll-up's key, which cannot be null: no API key, or no member."""
CALL = ""
"""In a roll-up: the row of the calls themselves, beside one row for each meter."""


class UsageEvent(Base):
    """One call that was served. Its `id` is a UUIDv7 of the time it was settled.

    Without foreign keys: the ledger account that paid already names the organization, and a look-up for each
    event would cost more than the event.
    """

    __tablename__ = "usage_events"
    __table_args__ = (Index("ix_usage_events_organization_id_id", "organization_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID] = mapped_column()
    key_id: Mapped[UUID | None] = mapped_column()
    user_id: Mapped[UUID | None] = mapped_column()
    plugin: Mapped[str] = mapped_column(String(40))
    operation: Mapped[str] = mapped_column(String(80))
    model: Mapped[str | None] = mapped_column(String(120))
    quantities: Mapped[dict[str, list[int]]] = mapped_column(JSON)
    """By meter: the quantity, and its cost in nano-dollars. The costs add up to `cost`."""
    cost: Mapped[int] = mapped_column()
    """In nano-dollars."""
    outcome: Mapped[str] = mapped_column(String(10))
    """`completed`, or `cancelled` for a stream whose client went away."""
    started_at: Mapped[datetime] = mapped_column()
    duration_ms: Mapped[int] = mapped_column()
    transfer_id: Mapped[UUID | None] = mapped_column()
    """The ledger transfer that paid; events that were settled together share it. None for a free call."""
    expenses: Mapped[dict[str, list[int]] | None] = mapped_column(JSON(none_as_null=True))
    """What it cost the operator, by function: microseconds, and nano-dollars. None where nobody knows."""


class UsageHour(Base):
    """What one key (or member) used of one meter in one hour; the hour is that of the calls' start."""

    __tablename__ = "usage_hours"
    __table_args__ = ({"sqlite_with_rowid": False},)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    plugin: Mapped[str] = mapped_column(String(40), primary_key=True)
    operation: Mapped[str] = mapped_column(String(80), primary_key=True)
    model: Mapped[str] = mapped_column(String(120), primary_key=True)
    """Empty where the operation has none."""
    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    meter: Mapped[str] = mapped_column(String(80), primary_key=True)
    """Empty in the row of the calls themselves, whose quantity is 0 and whose cost is that of all meters."""
    quantity: Mapped[int] = mapped_column()
    cost: Mapped[int] = mapped_column()
    """In nano-dollars."""
    calls: Mapped[int] = mapped_column()


class UsageDay(Base):
    """The same of a day in UTC that is over: what is asked for over months is read here."""

    __tablename__ = "usage_days"
    __table_args__ = ({"sqlite_with_rowid": False},)

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[datetime] = mapped_column(primary_key=True)
    plugin: Mapped[str] = mapped_column(String(40), primary_key=True)
    operation: Mapped[str] = mapped_column(String(80), primary_key=True)
    model: Mapped[str] = mapped_column(String(120), primary_key=True)
    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    meter: Mapped[str] = mapped_column(String(80), primary_key=True)
    quantity: Mapped[int] = mapped_column()
    cost: Mapped[int] = mapped_column()
    """In nano-dollars."""
    calls: Mapped[int] = mapped_column()


class UsageExpense(Base):
    """What the calls of an operation cost its operator in one hour: those alone whose expenses are known."""

    __tablename__ = "usage_expenses"
    __table_args__ = (
        CheckConstraint(
            "calls >= 0 AND microseconds >= 0 AND charged >= 0 AND expense >= 0", name="not_negative"
        ),
        CheckConstraint("charged = 0 OR (function = '' AND is_served)", name="charged_once"),
        {"sqlite_with_rowid": False},
    )

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    plugin: Mapped[str] = mapped_column(String(40), primary_key=True)
    operation: Mapped[str] = mapped_column(String(80), primary_key=True)
    model: Mapped[str] = mapped_column(String(120), primary_key=True)
    is_served: Mapped[bool] = mapped_column(primary_key=True)
    """False for calls that failed: they are not charged, and have no event."""
    function: Mapped[str] = mapped_column(String(200), primary_key=True)
    """Empty in the row of the calls themselves, which has the sums of their functions."""
    calls: Mapped[int] = mapped_column()
    microseconds: Mapped[int] = mapped_column()
    """How long they kept containers."""
    charged: Mapped[int] = mapped_column()
    """In nano-dollars."""
    expense: Mapped[int] = mapped_column()
    """In nano-dollars."""


class UsageRolled(Base):
    """Up to which day the hours are summed into days. One row, which the migration writes."""

    __tablename__ = "usage_rolled"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    until: Mapped[datetime] = mapped_column()
    """A midnight in UTC: the days before it are in `usage_days`."""


class UsageActivity(Base):
    """What one server process does for an organization and no usage event tells: it is free, or not over.

    Written about once a second while it changes, so that every server can tell of all.
    """

    __tablename__ = "usage_activity"

    organization_id: Mapped[UUID] = mapped_column(primary_key=True)
    process_id: Mapped[UUID] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column()
    failed: Mapped[int] = mapped_column()
    """Calls that were refused for want of credit or failed in this hour."""
    running: Mapped[int] = mapped_column()
    """Calls and jobs that it runs; nothing is known of a process that was not seen for a while."""
    seen_at: Mapped[datetime] = mapped_column()
