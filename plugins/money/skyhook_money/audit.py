"""Proof that the wallets' statements are whole, and say what the ledger says."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Select, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook_money.tables import Entry, Transfer, Wallet
from skyhook_money.wallets import LEDGER


async def verify(session: AsyncSession) -> list[str]:
    """What is wrong, one sentence each with the wallet; empty where all agree. Reads everything."""
    wallets = {wallet.id: wallet for wallet in await session.scalars(select(Wallet))}
    balances = await LEDGER.balances(session, [wallet.account_id for wallet in wallets.values()])
    sums = {row[0]: (row[1], row[2], row[3]) for row in await session.execute(_sums())}
    findings = []
    for wallet in wallets.values():
        count, last, total = sums.get(wallet.id, (0, 0, 0))
        if not count == last == wallet.entries:
            findings.append(f"its entries are not numbered without gaps: @{wallet.handle}")
        if total != balances[wallet.account_id].balance:
            findings.append(f"its entries do not add up to the ledger's balance: @{wallet.handle}")
    for wallet_id in await session.scalars(_broken_steps()):
        findings.append(
            f"a balance is not the one before and its entry's amount: @{wallets[wallet_id].handle}"
        )
    for transfer_id in await session.scalars(_without_entries()):
        findings.append(f"its entries are not those of its sides: transfer {transfer_id}")
    return findings


def _sums() -> Select[UUID, int, int, int]:
    return select(Entry.wallet_id, func.count(), func.max(Entry.number), func.sum(Entry.amount)).group_by(
        Entry.wallet_id
    )


def _broken_steps() -> Select[UUID]:
    before = func.lag(Entry.balance, 1, 0).over(partition_by=Entry.wallet_id, order_by=Entry.number)
    steps = select(Entry.wallet_id, (Entry.balance - Entry.amount - before).label("difference")).subquery()
    return select(steps.c.wallet_id).where(steps.c.difference != 0)


def _without_entries() -> Select[UUID]:
    """Transfers whose entries are not minus the amount for who paid and the amount for who was paid."""
    found = (
        select(
            Entry.transfer_id, func.count().label("sides"), func.sum(func.abs(Entry.amount)).label("moved")
        )
        .group_by(Entry.transfer_id)
        .subquery()
    )
    sides = case((Transfer.payer_wallet_id.is_(None) | Transfer.payee_wallet_id.is_(None), 1), else_=2)
    return (
        select(Transfer.id)
        .join(found, found.c.transfer_id == Transfer.id, isouter=True)
        .where((func.coalesce(found.c.sides, 0) != sides) | (found.c.moved != Transfer.amount * sides))
    )
