"""Tables of the ledger: accounts, entries and holds; the triggers that keep them true are in `triggers`."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.clock import now
from skyhook.database import Base, Identified
from skyhook.ledger import triggers

_OWNED = text("organization_id IS NOT NULL")
_UNOWNED = text("organization_id IS NULL")
_OPEN = text("state = 'open'")


class HoldState(StrEnum):
    """Where a hold stands."""

    OPEN = "open"
    CAPTURED = "captured"
    RELEASED = "released"
    EXPIRED = "expired"


class LedgerAccount(Identified, Base):
    """A place where one asset lies. `balance` and `held` are written by triggers only."""

    __tablename__ = "ledger_accounts"
    __table_args__ = (
        UniqueConstraint("id", "asset"),
        CheckConstraint("held >= 0", name="held_not_negative"),
        CheckConstraint("floor IS NULL OR balance - held >= floor", name="floor"),
        Index(
            "uq_ledger_accounts_owned",
            *("organization_id", "kind", "name", "asset"),
            unique=True,
            sqlite_where=_OWNED,
            postgresql_where=_OWNED,
        ),
        Index(
            "uq_ledger_accounts_unowned",
            *("kind", "name", "asset"),
            unique=True,
            sqlite_where=_UNOWNED,
            postgresql_where=_UNOWNED,
        ),
    )

    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("organizations.id"))
    """None for an account of the platform itself."""
    kind: Mapped[str] = mapped_column(String(40))
    name: Mapped[str] = mapped_column(String(80), default="")
    """Tells an owner's accounts of one kind apart; empty where there is only one."""
    asset: Mapped[str] = mapped_column(String(20))
    """With its scale: `USD/9` counts nano-dollars, `USD/2` cents."""
    balance: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)
    """What open holds have set aside."""
    floor: Mapped[int | None] = mapped_column()
    """What `balance - held` never falls below; None for an account that may go anywhere."""
    created_at: Mapped[datetime] = mapped_column(default=now)


class LedgerHold(Identified, Base):
    """A part of an account that is set aside until it is captured, released or expires."""

    __tablename__ = "ledger_holds"
    __table_args__ = (
        UniqueConstraint("id", "account_id"),
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("remaining >= 0 AND remaining <= amount", name="remaining"),
        CheckConstraint("state = 'open' OR remaining = 0", name="closed_is_empty"),
        Index(
            "ix_ledger_holds_open_account",
            *("account_id", "expires_at"),
            sqlite_where=_OPEN,
            postgresql_where=_OPEN,
        ),
        Index("ix_ledger_holds_open_owner", "owner_id", sqlite_where=_OPEN, postgresql_where=_OPEN),
    )

    account_id: Mapped[UUID] = mapped_column(ForeignKey("ledger_accounts.id"))
    amount: Mapped[int] = mapped_column()
    """All that was ever set aside by this hold."""
    remaining: Mapped[int] = mapped_column()
    """What is still set aside: neither captured nor given back."""
    state: Mapped[str] = mapped_column(String(10), default=HoldState.OPEN)
    expires_at: Mapped[datetime | None] = mapped_column()
    owner_id: Mapped[UUID | None] = mapped_column()
    """The server process whose lease it is; None for a hold of a single payment."""
    created_at: Mapped[datetime] = mapped_column(default=now)


class LedgerEntry(Identified, Base):
    """One movement of one asset from one account to another. Never changed, never deleted.

    Entries that belong together share a `transfer_id`. Each sums to zero by its form.
    """

    __tablename__ = "ledger_entries"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("debit_account_id <> credit_account_id", name="two_accounts"),
        UniqueConstraint("key", "position"),
        ForeignKeyConstraint(["debit_account_id", "asset"], ["ledger_accounts.id", "ledger_accounts.asset"]),
        ForeignKeyConstraint(["credit_account_id", "asset"], ["ledger_accounts.id", "ledger_accounts.asset"]),
        ForeignKeyConstraint(["hold_id", "debit_account_id"], ["ledger_holds.id", "ledger_holds.account_id"]),
        Index("ix_ledger_entries_debit", "debit_account_id", "id"),
        Index("ix_ledger_entries_credit", "credit_account_id", "id"),
        Index("ix_ledger_entries_transfer_id", "transfer_id"),
        Index("ix_ledger_entries_reverses_id", "reverses_id"),
    )

    transfer_id: Mapped[UUID] = mapped_column()
    position: Mapped[int] = mapped_column(default=0)
    """The entry's place in its transfer, from 0."""
    debit_account_id: Mapped[UUID] = mapped_column()
    """Whose balance falls."""
    credit_account_id: Mapped[UUID] = mapped_column()
    """Whose balance rises."""
    asset: Mapped[str] = mapped_column(String(20))
    amount: Mapped[int] = mapped_column()
    hold_id: Mapped[UUID | None] = mapped_column()
    """The hold of the debit account that this entry captures from."""
    reference: Mapped[str] = mapped_column(String(200))
    reverses_id: Mapped[UUID | None] = mapped_column(ForeignKey("ledger_entries.id"))
    key: Mapped[str | None] = mapped_column(String(200))
    """The transfer's idempotency key."""
    created_at: Mapped[datetime] = mapped_column(default=now)


triggers.attach(LedgerEntry.metadata.tables[LedgerEntry.__tablename__])
