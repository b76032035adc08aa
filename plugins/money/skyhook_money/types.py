"""The plugin's GraphQL types."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from sqlalchemy import Select, select

from skyhook.plugin import (
    AccountBalance,
    ByUuid,
    Connection,
    HoldState,
    Info,
    Node,
    Order,
    Page,
    node_id,
    now,
    paginate,
)
from skyhook_money import loaders, tables
from skyhook_money.amounts import MoneyAmount
from skyhook_money.currencies import code_of
from skyhook_money.movements import visible
from skyhook_money.scopes import READ
from skyhook_money.statements import Statement

_SUBJECTS = {
    "moneyWalletCreate": "MoneyWallet",
    "moneyWalletClose": "MoneyWallet",
    "moneyTransfer": "MoneyTransfer",
    "moneyRefund": "MoneyTransfer",
    "moneyHold": "MoneyHold",
    "moneyCapture": "MoneyTransfer",
    "moneyRelease": "MoneyHold",
    "moneyRequest": "MoneyRequest",
    "moneyRequestAccept": "MoneyTransfer",
    "moneyRequestDecline": "MoneyRequest",
    "moneyRequestCancel": "MoneyRequest",
}
"""Of which type what an operation made or changed is."""


@strawberry.enum(description="Why money moved.")
class MoneyTransferKind(Enum):
    TRANSFER = tables.TransferKind.TRANSFER.value
    CAPTURE = strawberry.enum_value(tables.TransferKind.CAPTURE.value, description="Of a hold.")
    REQUEST = strawberry.enum_value(tables.TransferKind.REQUEST.value, description="A request was accepted.")
    REFUND = strawberry.enum_value(tables.TransferKind.REFUND.value, description="Of an earlier transfer.")
    ISSUE = strawberry.enum_value(tables.TransferKind.ISSUE.value, description="The operator brought it in.")
    REDEEM = strawberry.enum_value(tables.TransferKind.REDEEM.value, description="The operator took it out.")


@strawberry.enum(description="Where a hold stands.")
class MoneyHoldState(Enum):
    OPEN = HoldState.OPEN.value
    CAPTURED = strawberry.enum_value(HoldState.CAPTURED.value, description="Nothing of it remains.")
    RELEASED = HoldState.RELEASED.value
    EXPIRED = HoldState.EXPIRED.value


@strawberry.enum(description="Where a request for money stands.")
class MoneyRequestState(Enum):
    OPEN = tables.RequestState.OPEN.value
    PAID = tables.RequestState.PAID.value
    DECLINED = tables.RequestState.DECLINED.value
    CANCELLED = tables.RequestState.CANCELLED.value
    EXPIRED = tables.RequestState.EXPIRED.value


@strawberry.type(description="A wallet as those see it who pay it, or are paid by it.")
class MoneyParty:
    """One side of a transfer."""

    handle: str = strawberry.field(description="How everybody names it, such as @shop.")
    name: str = strawberry.field(description="The name of the organization.")


@strawberry.type(description="A wallet of the caller's organization, in one currency; never below zero.")
class MoneyWallet(ByUuid, Node):
    """A wallet."""

    id: strawberry.relay.NodeID[str]
    handle: str = strawberry.field(description="How everybody names it, such as @shop.")
    name: str = strawberry.field(description="As its owner called it.")
    currency: str = strawberry.field(description="Its code in ISO 4217, such as EUR.")
    created_at: datetime = strawberry.field(description="When it was opened.")
    closed_at: datetime | None = strawberry.field(description="Since when it takes and gives nothing.")
    asset: strawberry.Private[str]
    account_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, row: tables.Wallet) -> MoneyWallet:
        """The GraphQL form of a row."""
        return cls(
            id=str(row.id),
            handle=f"@{row.handle}",
            name=row.name,
            currency=code_of(row.asset),
            created_at=row.created_at,
            closed_at=row.closed_at,
            asset=row.asset,
            account_id=row.account_id,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Wallets of the caller's organization."""
        info.context.caller.require(READ)
        organization_id = info.context.caller.organization_id
        return select(tables.Wallet).where(
            tables.Wallet.id.in_(ids), tables.Wallet.organization_id == organization_id
        )

    async def _has(self, info: Info) -> AccountBalance:
        return await info.context.loader(loaders.balances).load(self.account_id)

    @strawberry.field(description="What it has, what is held included.")
    async def balance(self, info: Info) -> MoneyAmount:
        """The balance."""
        return MoneyAmount.of((await self._has(info)).balance, self.asset)

    @strawberry.field(description="What is set aside by open holds.")
    async def held(self, info: Info) -> MoneyAmount:
        """What cannot be spent."""
        return MoneyAmount.of((await self._has(info)).held, self.asset)

    @strawberry.field(description="What can be paid or held now: `balance` less `held`.")
    async def available(self, info: Info) -> MoneyAmount:
        """What can be spent."""
        return MoneyAmount.of((await self._has(info)).available, self.asset)


@strawberry.type(description="Money that moved, or may move, from one wallet to another.")
class MoneySides:
    """What transfers, holds and requests have in common; no field gives it by itself."""

    amount: MoneyAmount = strawberry.field(description="How much.")
    memo: str = strawberry.field(description="What it is for; both sides see it.")
    created_at: datetime = strawberry.field(description="When it was made.")
    payer_id: strawberry.Private[UUID | None]
    payee_id: strawberry.Private[UUID | None]

    @strawberry.field(name="from", description="Who pays; null where the operator issued it.")
    async def payer(self, info: Info) -> MoneyParty | None:
        """The payer's wallet."""
        return await _party(info, self.payer_id)

    @strawberry.field(name="to", description="Who is paid; null where the operator redeemed it.")
    async def payee(self, info: Info) -> MoneyParty | None:
        """The payee's wallet."""
        return await _party(info, self.payee_id)


@strawberry.type(description="Money that moved. It never changes; a refund is a transfer of its own.")
class MoneyTransfer(ByUuid, MoneySides, Node):
    """A transfer with a side of the caller's organization."""

    id: strawberry.relay.NodeID[str]
    kind: MoneyTransferKind = strawberry.field(description="Why it was moved.")
    refunded: MoneyAmount = strawberry.field(description="How much of it was given back.")
    refund_of_id: strawberry.ID | None = strawberry.field(description="The id of the transfer it gives back.")
    hold_id: strawberry.ID | None = strawberry.field(description="The id of the hold it was captured from.")

    @classmethod
    def of(cls, row: tables.Transfer) -> MoneyTransfer:
        """The GraphQL form of a row."""
        return cls(
            id=str(row.id),
            kind=MoneyTransferKind(row.kind),
            refunded=MoneyAmount.of(row.refunded, row.asset),
            refund_of_id=_global_id("MoneyTransfer", row.refund_of_id),
            hold_id=_global_id("MoneyHold", row.hold_id),
            **_sides(row),
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Transfers with a side of the caller's organization."""
        return _visible(info, tables.Transfer).where(tables.Transfer.id.in_(ids))


@strawberry.type(description="Money that is set aside for its payee, who captures or releases it.")
class MoneyHold(ByUuid, MoneySides, Node):
    """A hold with a side of the caller's organization."""

    id: strawberry.relay.NodeID[str]
    expires_at: datetime = strawberry.field(description="When what remains goes back to its payer.")
    asset: strawberry.Private[str]
    ledger_hold_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, row: tables.Hold) -> MoneyHold:
        """The GraphQL form of a row."""
        return cls(
            id=str(row.id),
            expires_at=row.expires_at,
            asset=row.asset,
            ledger_hold_id=row.ledger_hold_id,
            **_sides(row),
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Holds with a side of the caller's organization."""
        return _visible(info, tables.Hold).where(tables.Hold.id.in_(ids))

    @strawberry.field(description="Where it stands.")
    async def state(self, info: Info) -> MoneyHoldState:
        """The state."""
        status = await info.context.loader(loaders.holds).load(self.ledger_hold_id)
        return MoneyHoldState(status.state)

    @strawberry.field(description="What is set aside still.")
    async def remaining(self, info: Info) -> MoneyAmount:
        """What can be captured."""
        status = await info.context.loader(loaders.holds).load(self.ledger_hold_id)
        return MoneyAmount.of(status.remaining, self.asset)


@strawberry.type(description="A payee asks a payer for money.")
class MoneyRequest(ByUuid, MoneySides, Node):
    """A request with a side of the caller's organization."""

    id: strawberry.relay.NodeID[str]
    state: MoneyRequestState = strawberry.field(description="Where it stands.")
    expires_at: datetime = strawberry.field(description="When it ends where nobody has answered it.")
    transfer_id: strawberry.ID | None = strawberry.field(description="The id of the transfer that paid it.")

    @classmethod
    def of(cls, row: tables.Request) -> MoneyRequest:
        """The GraphQL form of a row."""
        return cls(
            id=str(row.id),
            state=MoneyRequestState(row.state_at(now())),
            expires_at=row.expires_at,
            transfer_id=_global_id("MoneyTransfer", row.transfer_id),
            **_sides(row),
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Requests with a side of the caller's organization."""
        return _visible(info, tables.Request).where(tables.Request.id.in_(ids))


@strawberry.type(description="One line of a wallet's statement.")
class MoneyEntry(ByUuid, Node):
    """An entry of a wallet of the caller's organization."""

    id: strawberry.relay.NodeID[str]
    number: int = strawberry.field(description="Its place in the wallet's entries: from 1, without gaps.")
    amount: MoneyAmount = strawberry.field(description="Below zero where the wallet paid.")
    balance: MoneyAmount = strawberry.field(description="What the wallet had after it.")
    created_at: datetime = strawberry.field(description="When it was posted.")
    wallet_id: strawberry.Private[UUID]
    transfer_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, row: tables.Entry) -> MoneyEntry:
        """The GraphQL form of a row."""
        return cls(
            id=str(row.id),
            number=row.number,
            amount=MoneyAmount.of(row.amount, row.asset),
            balance=MoneyAmount.of(row.balance, row.asset),
            created_at=row.created_at,
            wallet_id=row.wallet_id,
            transfer_id=row.transfer_id,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Entries of wallets of the caller's organization."""
        caller = info.context.caller
        caller.require(READ)
        of_wallets = select(tables.Entry).join(tables.Wallet, tables.Wallet.id == tables.Entry.wallet_id)
        return of_wallets.where(
            tables.Entry.id.in_(ids), tables.Wallet.organization_id == caller.organization_id
        )

    @strawberry.field(description="The wallet whose entry it is.")
    async def wallet(self, info: Info) -> MoneyWallet:
        """The wallet."""
        return MoneyWallet.of(await info.context.loader(loaders.wallets).load(self.wallet_id))

    @strawberry.field(description="What moved.")
    async def transfer(self, info: Info) -> MoneyTransfer:
        """The transfer."""
        return MoneyTransfer.of(await info.context.loader(loaders.transfers).load(self.transfer_id))


@strawberry.type(description="What a wallet had, what moved, and what it has: these always agree.")
class MoneyStatement:
    """A statement of a wallet of the caller's organization."""

    wallet: MoneyWallet = strawberry.field(description="The wallet whose statement it is.")
    opening_balance: MoneyAmount = strawberry.field(description="What it had when the period began.")
    closing_balance: MoneyAmount = strawberry.field(description="What it had when the period ended.")
    drawn: strawberry.Private[Statement]

    @classmethod
    def of(cls, drawn: Statement) -> MoneyStatement:
        """The GraphQL form of a statement."""
        asset = drawn.wallet.asset
        return cls(
            wallet=MoneyWallet.of(drawn.wallet),
            opening_balance=MoneyAmount.of(drawn.opening, asset),
            closing_balance=MoneyAmount.of(drawn.closing, asset),
            drawn=drawn,
        )

    @strawberry.field(description="The period's entries, oldest first.")
    async def entries(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[MoneyEntry]:
        """A page of the entries."""
        order = Order(tables.Entry.number, tables.Entry.id)
        page = Page(first, after, last, before)
        async with info.context.services.database.read() as session:
            return await paginate(session, self.drawn.entries(), page, order, MoneyEntry.of)


@strawberry.type(description="What somebody of the organization did with money.")
class MoneyAction:
    """A line of the trail."""

    operation: str = strawberry.field(description="The mutation, such as moneyTransfer.")
    subject_id: strawberry.ID = strawberry.field(
        description="The id of the wallet, transfer, hold or request that it made or changed."
    )
    user_id: strawberry.ID | None = strawberry.field(description="The id of the User who did it.")
    key_id: strawberry.ID | None = strawberry.field(description="The id of the Key that did it.")
    created_at: datetime = strawberry.field(description="When it was done.")

    @classmethod
    def of(cls, row: tables.Action) -> MoneyAction:
        """The GraphQL form of a row."""
        return cls(
            operation=row.operation,
            subject_id=strawberry.ID(node_id(_SUBJECTS[row.operation], row.subject_id)),
            user_id=_global_id("User", row.user_id),
            key_id=_global_id("Key", row.key_id),
            created_at=row.created_at,
        )


def _visible(info: Info, table: type[tables.Sides]) -> Select[Any]:
    caller = info.context.caller
    caller.require(READ)
    return select(table).where(visible(table, caller.organization_id))


def _sides(row: tables.Sides) -> dict[str, Any]:
    return {
        "amount": MoneyAmount.of(row.amount, row.asset),
        "memo": row.memo,
        "created_at": row.created_at,
        "payer_id": row.payer_wallet_id,
        "payee_id": row.payee_wallet_id,
    }


async def _party(info: Info, wallet_id: UUID | None) -> MoneyParty | None:
    if wallet_id is None:
        return None
    wallet = await info.context.loader(loaders.wallets).load(wallet_id)
    return MoneyParty(handle=f"@{wallet.handle}", name=wallet.name)


def _global_id(kind: str, id: UUID | None) -> strawberry.ID | None:
    return None if id is None else strawberry.ID(node_id(kind, id))
