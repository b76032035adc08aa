"""Holds: money that is set aside for a payee, who captures it, whole or in parts, or lets it go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.plugin import Caller, Forbidden, HoldNotOpen, InvalidInput, NotFound, now
from skyhook_money.currencies import check_currency, check_units
from skyhook_money.movements import Payment, between, record, sides, visible, with_expired_holds_freed
from skyhook_money.tables import Hold, Transfer, TransferKind, Wallet
from skyhook_money.wallets import LEDGER, lock, require_open

LONGEST_S = 30 * 24 * 3600


class NewHold(Payment, frozen=True):
    """An amount to set aside."""

    expires_in_s: int


class Capture(Struct, frozen=True):
    """What to take of a hold."""

    hold_id: UUID
    units: int | None
    """None for all that remains."""
    currency: str | None


async def place(session: AsyncSession, id: UUID, caller: Caller, asked: NewHold) -> Sequence[Wallet]:
    """Sets money of a wallet of the caller's organization aside for another wallet.

    Raises NotFound, InvalidInput and its kinds, WalletClosed, InsufficientFunds.
    """
    if not 1 <= asked.expires_in_s <= LONGEST_S:
        raise InvalidInput(f"A hold lasts 1 to {LONGEST_S} seconds (30 days).", field="expiresIn")
    payer, payee = await sides(session, asked, caller, "from")
    expires_at = now() + timedelta(seconds=asked.expires_in_s)

    async def hold() -> UUID:
        return await LEDGER.hold(session, payer.account_id, asked.units, expires_at=expires_at)

    ledger_hold_id = await with_expired_holds_freed(session, payer, hold)
    placed = Hold(
        id=id,
        **between(payer, payee),
        amount=asked.units,
        memo=asked.memo,
        ledger_hold_id=ledger_hold_id,
        expires_at=expires_at,
    )
    session.add(placed)
    return ()


async def capture(session: AsyncSession, id: UUID, caller: Caller, asked: Capture) -> Sequence[Wallet]:
    """Moves what was set aside for a wallet of the caller's organization into it, or a part of it.

    Raises NotFound, Forbidden for who pays, InvalidInput and its kinds, HoldNotOpen, WalletClosed.
    """
    hold = await _of_payee(session, caller, asked.hold_id)
    payer, payee = await lock(session, {"from": str(hold.payer_wallet_id), "to": str(hold.payee_wallet_id)})
    require_open(payer, payee)
    if asked.units is None:
        units = (await LEDGER.holds(session, [hold.ledger_hold_id]))[hold.ledger_hold_id].remaining
        if units == 0:
            raise HoldNotOpen("Nothing of the hold remains.")
    else:
        check_currency(asked.currency or "", hold.asset)
        units = check_units(asked.units, "amount")
    captured = Transfer(
        id=id,
        kind=TransferKind.CAPTURE,
        **between(payer, payee),
        amount=units,
        memo=hold.memo,
        hold_id=hold.id,
    )
    captured.ledger_transfer_id = await LEDGER.capture(
        session,
        hold.ledger_hold_id,
        payee.account_id,
        units,
        reference=hold.memo or captured.kind,
        key=str(id),
    )
    await record(session, captured, payer, payee)
    return payer, payee


async def release(session: AsyncSession, caller: Caller, hold_id: UUID) -> Sequence[Wallet]:
    """Gives back what remains of a hold that was placed for a wallet of the caller's organization.

    Raises NotFound, Forbidden for who pays, HoldNotOpen.
    """
    hold = await _of_payee(session, caller, hold_id)
    await lock(session, {"from": str(hold.payer_wallet_id)})
    await LEDGER.release(session, hold.ledger_hold_id)
    return ()


async def _of_payee(session: AsyncSession, caller: Caller, hold_id: UUID) -> Hold:
    query = select(Hold).where(Hold.id == hold_id, visible(Hold, caller.organization_id))
    hold = (await session.scalars(query)).one_or_none()
    if hold is None:
        raise NotFound("This organization has no such hold.", field="hold")
    if hold.payee_organization_id != caller.organization_id:
        raise Forbidden("A hold is the payee's to capture or release. It ends by itself when it expires.")
    return hold
