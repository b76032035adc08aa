"""The plugin's tables. Money itself lies in the core's ledger: here is whose it is, and what moved why.

Amounts are integers in the smallest unit of their asset, which is a currency with its scale: `EUR/2`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from skyhook.plugin import NAMING, TYPES, Identified, now


class Base(DeclarativeBase):
    """The plugin's tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = TYPES


class Wallet(Identified, Base):
    """A wallet of an organization. Whoever moves its money locks its row first."""

    __tablename__ = "money_wallets"
    __table_args__ = (Index("ix_money_wallets_newest", "organization_id", "created_at", "id"),)

    organization_id: Mapped[UUID] = mapped_column()
    handle: Mapped[str] = mapped_column(String(40), unique=True)
    """How everybody names it, without the @."""
    name: Mapped[str] = mapped_column(String(80))
    asset: Mapped[str] = mapped_column(String(20))
    account_id: Mapped[UUID] = mapped_column(unique=True)
    """Its account in the ledger."""
    entries: Mapped[int] = mapped_column(default=0)
    """How many entries its statement has: the number of the last one."""
    moved_at: Mapped[datetime] = mapped_column(default=now)
    """No later entry is older than this: the time of the last one, or the end of an exported statement."""
    closed_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)


class TransferKind(StrEnum):
    """Why money moved."""

    TRANSFER = "transfer"
    CAPTURE = "capture"
    REQUEST = "request"
    REFUND = "refund"
    ISSUE = "issue"
    REDEEM = "redeem"


class Sides:
    """Who pays whom, of a transfer, a hold or a request."""

    payer_wallet_id: Mapped[UUID | None] = mapped_column()
    """None where an operator issued it."""
    payer_organization_id: Mapped[UUID | None] = mapped_column()
    payee_wallet_id: Mapped[UUID | None] = mapped_column()
    """None where an operator redeemed it."""
    payee_organization_id: Mapped[UUID | None] = mapped_column()
    asset: Mapped[str] = mapped_column(String(20))
    amount: Mapped[int] = mapped_column()
    memo: Mapped[str] = mapped_column(String(140))
    created_at: Mapped[datetime] = mapped_column(default=now)


class Transfer(Identified, Sides, Base):
    """Money that moved: one transfer of the ledger, with one entry."""

    __tablename__ = "money_transfers"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("refunded >= 0 AND refunded <= amount", name="refunded"),
        Index("ix_money_transfers_payer", "payer_organization_id", "created_at", "id"),
        Index("ix_money_transfers_payee", "payee_organization_id", "created_at", "id"),
    )

    kind: Mapped[str] = mapped_column(String(10))
    ledger_transfer_id: Mapped[UUID] = mapped_column(unique=True)
    refunded: Mapped[int] = mapped_column(default=0)
    """How much of it was given back."""
    refund_of_id: Mapped[UUID | None] = mapped_column(ForeignKey("money_transfers.id"))
    hold_id: Mapped[UUID | None] = mapped_column(ForeignKey("money_holds.id"))
    """The hold that it was captured from."""


class Entry(Identified, Base):
    """One line of a wallet's statement, written in the unit of work that moved the money."""

    __tablename__ = "money_entries"
    __table_args__ = (
        UniqueConstraint("wallet_id", "number"),
        CheckConstraint("amount <> 0", name="amount_not_zero"),
        CheckConstraint("balance >= 0", name="balance_not_negative"),
        Index("ix_money_entries_time", "wallet_id", "created_at", "number"),
    )

    wallet_id: Mapped[UUID] = mapped_column(ForeignKey("money_wallets.id"))
    number: Mapped[int] = mapped_column()
    """From 1, without gaps."""
    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("money_transfers.id"))
    asset: Mapped[str] = mapped_column(String(20))
    amount: Mapped[int] = mapped_column()
    """Above zero where the wallet got it, below where it paid."""
    balance: Mapped[int] = mapped_column()
    """What the ledger's account had after it."""
    created_at: Mapped[datetime] = mapped_column()
    """In the order of the numbers."""


class Hold(Identified, Sides, Base):
    """Money of the payer that is set aside for the payee; how much of it is left, the ledger says."""

    __tablename__ = "money_holds"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        Index("ix_money_holds_payer", "payer_organization_id", "created_at", "id"),
        Index("ix_money_holds_payee", "payee_organization_id", "created_at", "id"),
    )

    ledger_hold_id: Mapped[UUID] = mapped_column(unique=True)
    expires_at: Mapped[datetime] = mapped_column()


class RequestState(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    PAID = "paid"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """Never stored: an open one whose time is over."""


class Request(Identified, Sides, Base):
    """The payee asks the payer for money."""

    __tablename__ = "money_requests"
    __table_args__ = (
        CheckConstraint("amount > 0", name="amount_positive"),
        CheckConstraint("(state = 'paid') = (transfer_id IS NOT NULL)", name="paid_by_a_transfer"),
        Index("ix_money_requests_payer", "payer_organization_id", "created_at", "id"),
        Index("ix_money_requests_payee", "payee_organization_id", "created_at", "id"),
    )

    state: Mapped[str] = mapped_column(String(10), default=RequestState.OPEN)
    expires_at: Mapped[datetime] = mapped_column()
    transfer_id: Mapped[UUID | None] = mapped_column(ForeignKey("money_transfers.id"), unique=True)
    """What paid it."""

    def state_at(self, at: datetime) -> RequestState:
        """Where it stands, its expiry included."""
        state = RequestState(self.state)
        return RequestState.EXPIRED if state is RequestState.OPEN and self.expires_at <= at else state


class Action(Base):
    """Who did what: one row for each thing done, in the unit of work that did it.

    Its id derives from the idempotency key, so that a key does one thing.
    """

    __tablename__ = "money_actions"
    __table_args__ = (Index("ix_money_actions_newest", "organization_id", "created_at", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    organization_id: Mapped[UUID | None] = mapped_column()
    """None for the operator."""
    user_id: Mapped[UUID | None] = mapped_column()
    key_id: Mapped[UUID | None] = mapped_column()
    operation: Mapped[str] = mapped_column(String(40))
    subject_id: Mapped[UUID] = mapped_column()
    """The wallet, transfer, hold or request that was made or changed."""
    fingerprint: Mapped[bytes] = mapped_column()
    """Tells the request from others under its idempotency key; empty without one."""
    created_at: Mapped[datetime] = mapped_column(default=now)
