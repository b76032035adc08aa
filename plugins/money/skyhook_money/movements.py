"""Movements: transfers between wallets, refunds, and what an operator issues and redeems."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeVar
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.plugin import (
    Caller,
    Forbidden,
    InsufficientFunds,
    InvalidInput,
    Movement,
    NotFound,
    ReversalExceeds,
    now,
)
from skyhook_money.currencies import check_currency, check_units
from skyhook_money.errors import NotRefundable, SameWallet
from skyhook_money.tables import Entry, Sides, Transfer, TransferKind, Wallet
from skyhook_money.wallets import LEDGER, lock, require_open, require_own

T = TypeVar("T")


class Payment(Struct, frozen=True):
    """An amount from one wallet to another, each by its id or @handle."""

    payer: str
    payee: str
    units: int
    currency: str
    memo: str


class Refund(Struct, frozen=True):
    """A transfer to give back, or a part of it."""

    transfer_id: UUID
    units: int | None
    """None for all that was not given back before."""
    currency: str | None
    memo: str


async def transfer(session: AsyncSession, id: UUID, caller: Caller, asked: Payment) -> Sequence[Wallet]:
    """Moves money out of a wallet of the caller's organization.

    Raises NotFound, InvalidInput and its kinds, WalletClosed, InsufficientFunds.
    """
    payer, payee = await sides(session, asked, caller, "from")
    moved = Transfer(
        id=id, kind=TransferKind.TRANSFER, **between(payer, payee), amount=asked.units, memo=asked.memo
    )
    await pay(session, moved, payer, payee)
    return payer, payee


async def pay(session: AsyncSession, moved: Transfer, payer: Wallet, payee: Wallet) -> None:
    """Posts and records a transfer between two wallets that are locked. Raises InsufficientFunds."""

    async def post() -> UUID:
        movement = Movement(payer.account_id, payee.account_id, moved.amount)
        return await LEDGER.post(session, [movement], reference=_reference(moved), key=str(moved.id))

    moved.ledger_transfer_id = await with_expired_holds_freed(session, payer, post)
    await record(session, moved, payer, payee)


async def refund(session: AsyncSession, id: UUID, caller: Caller, asked: Refund) -> Sequence[Wallet]:
    """Gives back what a wallet of the caller's organization was paid, or a part of it.

    Raises NotFound, Forbidden for who paid it, NotRefundable, ReversalExceeds, and as `transfer` does.
    """
    check_memo(asked.memo)
    original = (
        await session.scalars(
            select(Transfer).where(
                Transfer.id == asked.transfer_id, visible(Transfer, caller.organization_id)
            )
        )
    ).one_or_none()
    if original is None:
        raise NotFound("This organization has no such transfer.", field="transfer")
    if original.payer_wallet_id is None or original.payee_wallet_id is None or original.refund_of_id:
        raise NotRefundable(f"A transfer of the kind {original.kind} cannot be refunded.")
    if original.payee_organization_id != caller.organization_id:
        raise Forbidden("Only who was paid can give it back. Ask for it with moneyRequest.")
    names = {"from": str(original.payee_wallet_id), "to": str(original.payer_wallet_id)}
    payer, payee = await lock(session, names)
    require_open(payer, payee)
    await session.refresh(original)
    units = _refunded_units(original, asked)
    back = Transfer(
        id=id,
        kind=TransferKind.REFUND,
        **between(payer, payee),
        amount=units,
        memo=asked.memo,
        refund_of_id=original.id,
    )

    async def reverse() -> UUID:
        return await LEDGER.reverse(
            session,
            original.ledger_transfer_id,
            reference=_reference(back),
            amount=units,
            key=str(back.id),
        )

    back.ledger_transfer_id = await with_expired_holds_freed(session, payer, reverse)
    original.refunded += units
    await record(session, back, payer, payee)
    return payer, payee


async def issue(session: AsyncSession, id: UUID, wallet: str, units: int, memo: str) -> Sequence[Wallet]:
    """Brings money into a wallet, from the platform's account of what was issued. Raises as `transfer`."""
    (payee,) = await lock(session, {"wallet": wallet})
    return await _with_platform(session, id, None, payee, check_units(units, "amount"), memo)


async def redeem(session: AsyncSession, id: UUID, wallet: str, units: int, memo: str) -> Sequence[Wallet]:
    """Takes money out of a wallet, back to the account it was issued from. Raises as `transfer`."""
    (payer,) = await lock(session, {"wallet": wallet})
    return await _with_platform(session, id, payer, None, check_units(units, "amount"), memo)


async def _with_platform(
    session: AsyncSession, id: UUID, payer: Wallet | None, payee: Wallet | None, units: int, memo: str
) -> Sequence[Wallet]:
    wallet = payer or payee
    assert wallet is not None
    require_open(wallet)
    check_memo(memo)
    issued = await LEDGER.open(session, None, "issued", wallet.asset, floor=None)
    debit, credit = (wallet.account_id, issued) if payer else (issued, wallet.account_id)
    moved = Transfer(
        id=id,
        kind=TransferKind.REDEEM if payer else TransferKind.ISSUE,
        **between(payer, payee),
        amount=units,
        memo=memo,
    )

    async def post() -> UUID:
        movement = Movement(debit, credit, units)
        return await LEDGER.post(session, [movement], reference=_reference(moved), key=str(id))

    moved.ledger_transfer_id = await with_expired_holds_freed(session, wallet, post)
    await record(session, moved, payer, payee)
    return (wallet,)


async def sides(
    session: AsyncSession, asked: Payment, caller: Caller, own: Literal["from", "to"]
) -> tuple[Wallet, Wallet]:
    """The payer's and the payee's wallets, locked: two, both open, and in the amount's currency.

    The one on the side `own` is the caller's. Raises NotFound, InvalidInput and its kinds, WalletClosed.
    """
    check_memo(asked.memo)
    check_units(asked.units, "amount")
    payer, payee = await lock(session, {"from": asked.payer, "to": asked.payee})
    require_own(payer if own == "from" else payee, caller, own)
    if payer is payee:
        raise SameWallet("A wallet cannot pay itself. Name two wallets.", field="to")
    require_open(payer, payee)
    check_currency(asked.currency, payer.asset)
    check_currency(asked.currency, payee.asset)
    return payer, payee


def between(payer: Wallet | None, payee: Wallet | None) -> dict[str, object]:
    """The columns that say who pays whom, and in what."""
    wallet = payer or payee
    assert wallet is not None
    return {
        "payer_wallet_id": payer.id if payer else None,
        "payer_organization_id": payer.organization_id if payer else None,
        "payee_wallet_id": payee.id if payee else None,
        "payee_organization_id": payee.organization_id if payee else None,
        "asset": wallet.asset,
    }


def visible(table: type[Sides], organization_id: UUID) -> ColumnElement[bool]:
    """That a transfer, a hold or a request has the organization on one of its sides."""
    return or_(table.payer_organization_id == organization_id, table.payee_organization_id == organization_id)


def check_memo(memo: str) -> None:
    """Raises InvalidInput."""
    if len(memo) > 140 or not memo.isprintable():
        raise InvalidInput("A memo has at most 140 printable characters.", field="memo")


async def with_expired_holds_freed(
    session: AsyncSession, payer: Wallet, post: Callable[[], Awaitable[T]]
) -> T:
    """Does it; where too little is there, once more without the payer's holds whose time is over."""
    try:
        return await post()
    except InsufficientFunds:
        if not await LEDGER.expire(session, payer.account_id):
            raise
    return await post()


async def record(session: AsyncSession, moved: Transfer, payer: Wallet | None, payee: Wallet | None) -> None:
    """Writes a transfer that the ledger has posted, and its entry in each wallet's statement.

    Under the wallets' locks: numbers have no gap, and times have the order of the numbers.
    """
    wallets = [(wallet, sign) for wallet, sign in ((payer, -1), (payee, 1)) if wallet is not None]
    moved.created_at = max(now(), *(wallet.moved_at for wallet, _ in wallets))
    balances = await LEDGER.balances(session, [wallet.account_id for wallet, _ in wallets])
    session.add(moved)
    await session.flush()
    for wallet, sign in wallets:
        wallet.entries += 1
        wallet.moved_at = moved.created_at
        entry = Entry(
            wallet_id=wallet.id,
            number=wallet.entries,
            transfer_id=moved.id,
            asset=wallet.asset,
            amount=sign * moved.amount,
            balance=balances[wallet.account_id].balance,
            created_at=moved.created_at,
        )
        session.add(entry)


def _refunded_units(original: Transfer, asked: Refund) -> int:
    if asked.units is not None:
        check_currency(asked.currency or "", original.asset)
        return check_units(asked.units, "amount")
    if original.refunded == original.amount:
        raise ReversalExceeds("All of it was given back already.")
    return original.amount - original.refunded


def _reference(moved: Transfer) -> str:
    return moved.memo or moved.kind
