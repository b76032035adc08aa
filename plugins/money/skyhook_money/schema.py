"""The plugin's GraphQL root fields that read, and those that follow; `mutations` has those that do."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import Annotated, Any, TypeAlias, TypeVar
from uuid import UUID

import strawberry
from sqlalchemy import select

from skyhook.plugin import Connection, Info, InvalidInput, Order, Page, now, paginate
from skyhook_money import tables
from skyhook_money.activity import follow
from skyhook_money.inputs import WalletName, named
from skyhook_money.movements import visible
from skyhook_money.scopes import READ
from skyhook_money.statements import draw
from skyhook_money.types import (
    MoneyAction,
    MoneyEntry,
    MoneyHold,
    MoneyRequest,
    MoneyStatement,
    MoneyTransfer,
    MoneyWallet,
)
from skyhook_money.wallets import find

NodeT = TypeVar("NodeT")
Table: TypeAlias = type[tables.Transfer] | type[tables.Hold] | type[tables.Request]

MaybeWallet = Annotated[
    str | None,
    strawberry.argument(description="One of the organization's wallets, by its id or @handle; or all."),
]


@strawberry.type
class MoneyQuery:
    """Root fields that read."""

    @strawberry.field(description="One of the organization's wallets.")
    async def money_wallet(self, info: Info, wallet: WalletName) -> MoneyWallet:
        """A wallet by its id or @handle."""
        return MoneyWallet.of(await _wallet(info, wallet))

    @strawberry.field(description="The organization's wallets, newest first.")
    async def money_wallets(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[MoneyWallet]:
        """A page of wallets."""
        caller = info.context.caller
        caller.require(READ)
        query = select(tables.Wallet).where(tables.Wallet.organization_id == caller.organization_id)
        order = Order(tables.Wallet.created_at, tables.Wallet.id, descending=True)
        async with info.context.services.database.read() as session:
            return await paginate(session, query, Page(first, after, last, before), order, MoneyWallet.of)

    @strawberry.field(description="Transfers that the organization paid or was paid by, newest first.")
    async def money_transfers(
        self,
        info: Info,
        wallet: MaybeWallet = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[MoneyTransfer]:
        """A page of transfers."""
        page = Page(first, after, last, before)
        return await _page(info, tables.Transfer, wallet, page, MoneyTransfer.of)

    @strawberry.field(description="Holds on the organization's wallets, and for them, newest first.")
    async def money_holds(
        self,
        info: Info,
        wallet: MaybeWallet = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[MoneyHold]:
        """A page of holds."""
        return await _page(info, tables.Hold, wallet, Page(first, after, last, before), MoneyHold.of)

    @strawberry.field(description="Requests for money that the organization made or got, newest first.")
    async def money_requests(
        self,
        info: Info,
        wallet: MaybeWallet = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[MoneyRequest]:
        """A page of requests."""
        return await _page(info, tables.Request, wallet, Page(first, after, last, before), MoneyRequest.of)

    @strawberry.field(description="What a wallet had at first, what moved in a period, and what it had then.")
    async def money_statement(
        self,
        info: Info,
        wallet: WalletName,
        start: Annotated[
            datetime | None, strawberry.argument(name="from", description="Default: when it was opened.")
        ] = None,
        end: Annotated[
            datetime | None,
            strawberry.argument(name="to", description="The first moment that is not in it. Default: now."),
        ] = None,
    ) -> MoneyStatement:
        """A statement."""
        row = await _wallet(info, wallet)
        async with info.context.services.database.read() as session:
            return MoneyStatement.of(await draw(session, row, start or row.created_at, end or now()))

    @strawberry.field(description="What the organization's members and keys did with money, newest first.")
    async def money_actions(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[MoneyAction]:
        """A page of the trail."""
        caller = info.context.caller
        caller.require(READ)
        query = select(tables.Action).where(tables.Action.organization_id == caller.organization_id)
        order = Order(tables.Action.created_at, tables.Action.id, descending=True)
        async with info.context.services.database.read() as session:
            return await paginate(session, query, Page(first, after, last, before), order, MoneyAction.of)


@strawberry.type
class MoneySubscription:
    """Root fields that follow."""

    @strawberry.subscription(
        description="The entries of one wallet, or of all, as they are written: each once and none left out. "
        "Those of a wallet come in the order of their numbers."
    )
    async def money_activity(
        self,
        info: Info,
        wallet: MaybeWallet = None,
        after: Annotated[
            int | None,
            strawberry.argument(
                description="Go on behind the wallet's entry of this number. Default: from now on."
            ),
        ] = None,
    ) -> AsyncGenerator[MoneyEntry, None]:
        """Entries as they are written."""
        context = info.context
        context.caller.require(READ)
        if after is not None and wallet is None:
            raise InvalidInput("Numbers are a wallet's: name the wallet.", field="after")
        wallet_id = (await _wallet(info, wallet)).id if wallet is not None else None
        entries = follow(context.services.database, context.caller.organization_id, wallet_id, after)
        try:
            async for entry in entries:
                context.forget_loaded()
                yield MoneyEntry.of(entry)
        finally:
            await entries.aclose()


async def _wallet(info: Info, wallet: str) -> tables.Wallet:
    caller = info.context.caller
    caller.require(READ)
    async with info.context.services.database.read() as session:
        return await find(session, caller, named(wallet, "wallet"))


async def _page(
    info: Info, table: Table, wallet: str | None, page: Page, of: Callable[[Any], NodeT]
) -> Connection[NodeT]:
    """A page of transfers, holds or requests."""
    caller = info.context.caller
    caller.require(READ)
    query = select(table).where(visible(table, caller.organization_id))
    if wallet is not None:
        wallet_id: UUID = (await _wallet(info, wallet)).id
        query = query.where((table.payer_wallet_id == wallet_id) | (table.payee_wallet_id == wallet_id))
    order = Order(table.created_at, table.id, descending=True)
    async with info.context.services.database.read() as session:
        return await paginate(session, query, page, order, of)
