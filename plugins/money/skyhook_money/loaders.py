"""DataLoaders: however many rows a request shows, each of these asks the database once.

They are asked only for what rows name that the caller may see.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select

from skyhook.plugin import AccountBalance, Context, HoldStatus
from skyhook_money.tables import Transfer, Wallet
from skyhook_money.wallets import LEDGER


async def balances(context: Context, account_ids: list[UUID]) -> Sequence[AccountBalance]:
    """What the accounts of wallets have."""
    async with context.services.database.read() as session:
        found = await LEDGER.balances(session, account_ids)
    return [found[one] for one in account_ids]


async def holds(context: Context, ledger_hold_ids: list[UUID]) -> Sequence[HoldStatus]:
    """Where holds stand."""
    async with context.services.database.read() as session:
        found = await LEDGER.holds(session, ledger_hold_ids)
    return [found[one] for one in ledger_hold_ids]


async def wallets(context: Context, ids: list[UUID]) -> Sequence[Wallet]:
    """Wallets, of whichever organization."""
    async with context.services.database.read() as session:
        found = {row.id: row for row in await session.scalars(select(Wallet).where(Wallet.id.in_(ids)))}
    return [found[one] for one in ids]


async def transfers(context: Context, ids: list[UUID]) -> Sequence[Transfer]:
    """Transfers, of whichever organization."""
    async with context.services.database.read() as session:
        found = {row.id: row for row in await session.scalars(select(Transfer).where(Transfer.id.in_(ids)))}
    return [found[one] for one in ids]
