"""Accounts, transfers and reversals. Every function works inside the caller's unit of work."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Insert, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.clock import new_id, now
from skyhook.errors import InvalidInput, NotFound
from skyhook.ledger.errors import HoldNotOpen, InsufficientFunds, ReversalExceeds, TransferKeyReused
from skyhook.ledger.models import LedgerAccount, LedgerEntry

_ASSET = re.compile(r"[A-Z][A-Z0-9]{1,15}/\d{1,2}")


@dataclass(frozen=True, slots=True)
class Movement:
    """`amount` of the accounts' asset, from `debit` to `credit`, in the asset's smallest unit."""

    debit: UUID
    credit: UUID
    amount: int
    hold: UUID | None = None
    """The hold of the debit account to capture from."""


def insert_if_absent(session: AsyncSession, table: Any) -> Any:
    """INSERT .. ON CONFLICT DO NOTHING in the session's dialect."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(table).on_conflict_do_nothing()


async def open_account(
    session: AsyncSession,
    organization_id: UUID | None,
    kind: str,
    asset: str,
    *,
    name: str = "",
    floor: int | None = 0,
) -> UUID:
    """The id of the owner's account, opened empty where there is none; an existing one keeps its floor.

    Raises InvalidInput where the asset is not written as `CODE/SCALE`, such as `USD/2`.
    """
    if not _ASSET.fullmatch(asset):
        raise InvalidInput(
            f"An asset is written with its scale, such as USD/2, not {asset!r}.", field="asset"
        )
    row = {"organization_id": organization_id, "kind": kind, "name": name, "asset": asset}
    query = select(LedgerAccount.id).where(
        LedgerAccount.organization_id.is_not_distinct_from(organization_id),
        LedgerAccount.kind == kind,
        LedgerAccount.name == name,
        LedgerAccount.asset == asset,
    )
    found = await session.scalar(query)
    if found is None:
        await session.execute(insert_if_absent(session, LedgerAccount).values(**row, floor=floor))
        found = await session.scalar(query)
    if found is None:
        raise RuntimeError("an account that was just opened cannot be found")
    return found


async def post(
    session: AsyncSession, movements: Sequence[Movement], *, reference: str, key: str | None = None
) -> UUID:
    """Moves amounts as one transfer, all of it or nothing; returns the transfer's id.

    The same `key` with the same content is the same transfer, posted once.
    Raises InsufficientFunds, HoldNotOpen, TransferKeyReused, NotFound.
    """
    return await _post(session, movements, [None] * len(movements), reference=reference, key=key)


async def reverse(
    session: AsyncSession,
    transfer_id: UUID,
    *,
    reference: str,
    amount: int | None = None,
    key: str | None = None,
) -> UUID:
    """Gives back a transfer, or `amount` of a transfer that has one entry; returns the reversal's id.

    Raises NotFound, ReversalExceeds (also where something of the whole was given back before),
    InsufficientFunds.
    """
    entries = await _entries(session, LedgerEntry.transfer_id == transfer_id)
    if not entries:
        raise NotFound("There is no such transfer.")
    if amount is not None and len(entries) > 1:
        raise InvalidInput("A transfer of several entries can be reversed only as a whole.", field="amount")
    back = [
        Movement(entry.credit_account_id, entry.debit_account_id, entry.amount if amount is None else amount)
        for entry in reversed(entries)
    ]
    return await _post(session, back, [entry.id for entry in reversed(entries)], reference=reference, key=key)


async def balance(session: AsyncSession, account_id: UUID) -> tuple[int, int]:
    """An account's balance and what of it is held; raises NotFound."""
    row = (
        await session.execute(
            select(LedgerAccount.balance, LedgerAccount.held).where(LedgerAccount.id == account_id)
        )
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such account.")
    return row.balance, row.held


async def lock_accounts(session: AsyncSession, accounts: Sequence[UUID]) -> dict[UUID, str]:
    """Locks accounts in the order of their ids, so that no two transfers deadlock; returns their assets."""
    rows = await session.execute(
        select(LedgerAccount.id, LedgerAccount.asset)
        .where(LedgerAccount.id.in_(accounts))
        .order_by(LedgerAccount.id)
        .with_for_update(key_share=True)
    )
    assets = {row.id: row.asset for row in rows}
    if len(assets) < len(set(accounts)):
        raise NotFound("There is no such account.")
    return assets


@asynccontextmanager
async def refusals(session: AsyncSession) -> AsyncIterator[None]:
    """A savepoint that turns what the database refuses into the ledger's errors."""
    try:
        async with session.begin_nested():
            yield
    except IntegrityError as error:
        text = str(error.orig)
        if "ck_ledger_accounts_floor" in text:
            raise InsufficientFunds("The account does not hold enough. Add funds and try again.") from error
        if "ck_ledger_holds_" in text:
            raise HoldNotOpen("Less remains on the hold than was asked for.") from error
        if "reversal exceeds" in text:
            raise ReversalExceeds("More would be given back than was moved and not yet reversed.") from error
        raise


async def _post(
    session: AsyncSession,
    movements: Sequence[Movement],
    reverses: Sequence[UUID | None],
    *,
    reference: str,
    key: str | None,
) -> UUID:
    if not movements:
        raise InvalidInput("A transfer needs at least one movement.")
    if any(movement.amount <= 0 for movement in movements):
        raise InvalidInput("An amount must be positive.", field="amount")
    if key is not None and (known := await known_transfer(session, movements, reverses, reference, key)):
        return known
    assets = await lock_accounts(
        session, [account for movement in movements for account in (movement.debit, movement.credit)]
    )
    transfer_id, at = new_id(), now()
    rows = [
        {
            "id": new_id(),
            "transfer_id": transfer_id,
            "position": position,
            "debit_account_id": movement.debit,
            "credit_account_id": movement.credit,
            "asset": assets[movement.debit],
            "amount": movement.amount,
            "hold_id": movement.hold,
            "reference": reference,
            "reverses_id": reversed_id,
            "key": key,
            "created_at": at,
        }
        for position, (movement, reversed_id) in enumerate(zip(movements, reverses, strict=True))
    ]
    if any(assets[movement.debit] != assets[movement.credit] for movement in movements):
        raise InvalidInput("Both accounts of a movement must hold the same asset.")
    insert: Insert = insert_if_absent(session, LedgerEntry)
    async with refusals(session):
        first = await session.execute(insert.values(rows[0]).returning(LedgerEntry.id))
        if first.one_or_none() is not None:
            if rows[1:]:
                await session.execute(insert, rows[1:])
            return transfer_id
    known = await known_transfer(session, movements, reverses, reference, key or "")
    if known is None:
        raise RuntimeError("a transfer's key is taken by a transfer that cannot be found")
    return known


async def known_transfer(
    session: AsyncSession,
    movements: Sequence[Movement],
    reverses: Sequence[UUID | None],
    reference: str,
    key: str,
) -> UUID | None:
    """The transfer that `key` names, None where there is none; raises TransferKeyReused for other content."""
    entries = await _entries(session, LedgerEntry.key == key)
    if not entries:
        return None
    before = [
        (e.debit_account_id, e.credit_account_id, e.amount, e.hold_id, e.reverses_id, e.reference)
        for e in entries
    ]
    asked = [
        (m.debit, m.credit, m.amount, m.hold, reversed_id, reference)
        for m, reversed_id in zip(movements, reverses, strict=True)
    ]
    if before != asked:
        raise TransferKeyReused(
            "This idempotency key belongs to another transfer. Use a new key for a new transfer.", field="key"
        )
    return entries[0].transfer_id


async def _entries(session: AsyncSession, where: Any) -> Sequence[LedgerEntry]:
    return (await session.scalars(select(LedgerEntry).where(where).order_by(LedgerEntry.position))).all()


async def totals(session: AsyncSession) -> dict[str, int]:
    """The sum of all balances by asset; each is zero in a ledger that is whole."""
    rows = await session.execute(
        select(LedgerAccount.asset, func.sum(LedgerAccount.balance)).group_by(LedgerAccount.asset)
    )
    return {asset: int(total) for asset, total in rows}
