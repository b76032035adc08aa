"""Requests: a payee asks for money, and the payer accepts or declines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.plugin import Caller, Forbidden, InvalidInput, NotFound, now
from skyhook_money.errors import RequestNotOpen
from skyhook_money.movements import Payment, between, pay, sides, visible
from skyhook_money.tables import Request, RequestState, Transfer, TransferKind, Wallet
from skyhook_money.wallets import lock, require_open

LONGEST_S = 90 * 24 * 3600


class NewRequest(Payment, frozen=True):
    """An amount to ask for."""

    expires_in_s: int


async def ask(session: AsyncSession, id: UUID, caller: Caller, asked: NewRequest) -> Sequence[Wallet]:
    """Asks for money for a wallet of the caller's organization. Raises as `sides` does."""
    if not 1 <= asked.expires_in_s <= LONGEST_S:
        raise InvalidInput(f"A request lasts 1 to {LONGEST_S} seconds (90 days).", field="expiresIn")
    payer, payee = await sides(session, asked, caller, "to")
    request = Request(
        id=id,
        **between(payer, payee),
        amount=asked.units,
        memo=asked.memo,
        expires_at=now() + timedelta(seconds=asked.expires_in_s),
    )
    session.add(request)
    return ()


async def accept(session: AsyncSession, id: UUID, caller: Caller, request_id: UUID) -> Sequence[Wallet]:
    """Pays a request from the wallet that it asks, which is the caller's organization's.

    Raises NotFound, Forbidden for who asks, RequestNotOpen, WalletClosed, InsufficientFunds.
    """
    asked = await _find(session, caller, request_id)
    _require_side(asked.payer_organization_id, caller, "Only who is asked can accept or decline.")
    payer, payee = await lock(session, {"from": str(asked.payer_wallet_id), "to": str(asked.payee_wallet_id)})
    request = await _open(session, caller, request_id)
    require_open(payer, payee)
    moved = Transfer(
        id=id, kind=TransferKind.REQUEST, **between(payer, payee), amount=request.amount, memo=request.memo
    )
    await pay(session, moved, payer, payee)
    request.state, request.transfer_id = RequestState.PAID, id
    return payer, payee


async def decline(session: AsyncSession, caller: Caller, request_id: UUID) -> Sequence[Wallet]:
    """Says no. Raises NotFound, Forbidden for who asks, RequestNotOpen."""
    request = await _open(session, caller, request_id)
    _require_side(request.payer_organization_id, caller, "Only who is asked can accept or decline.")
    request.state = RequestState.DECLINED
    return ()


async def cancel(session: AsyncSession, caller: Caller, request_id: UUID) -> Sequence[Wallet]:
    """Takes a request back. Raises NotFound, Forbidden for who is asked, RequestNotOpen."""
    request = await _open(session, caller, request_id)
    _require_side(request.payee_organization_id, caller, "Only who asked can cancel. Decline it instead.")
    request.state = RequestState.CANCELLED
    return ()


async def _open(session: AsyncSession, caller: Caller, request_id: UUID) -> Request:
    """The request, locked. Raises NotFound, RequestNotOpen."""
    request = await _find(session, caller, request_id, lock=True)
    state = request.state_at(now())
    if state is not RequestState.OPEN:
        raise RequestNotOpen(f"The request is {state} already.")
    return request


async def _find(session: AsyncSession, caller: Caller, request_id: UUID, *, lock: bool = False) -> Request:
    query = select(Request).where(Request.id == request_id, visible(Request, caller.organization_id))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    request = (await session.scalars(query)).one_or_none()
    if request is None:
        raise NotFound("This organization has no such request.", field="request")
    return request


def _require_side(organization_id: UUID | None, caller: Caller, otherwise: str) -> None:
    if organization_id != caller.organization_id:
        raise Forbidden(otherwise)
