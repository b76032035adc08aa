"""Wallets: open, find, lock and close them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from uuid import UUID

from msgspec import Struct
from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.plugin import Caller, InvalidInput, Ledger, NotFound, now
from skyhook_money.currencies import asset_of
from skyhook_money.errors import HandleTaken, WalletClosed, WalletNotEmpty
from skyhook_money.tables import Wallet

LEDGER = Ledger("money")
"""Wallets are accounts of the kind `wallet`; what was issued lies with a minus on those of kind `issued`."""
_HANDLE = re.compile(r"[a-z0-9][a-z0-9-]{1,38}[a-z0-9]")


class NewWallet(Struct, frozen=True):
    """A wallet to open."""

    handle: str
    name: str
    currency: str


async def create(session: AsyncSession, id: UUID, caller: Caller, asked: NewWallet) -> Sequence[Wallet]:
    """Opens a wallet. Raises InvalidInput, CurrencyUnknown, HandleTaken."""
    handle = asked.handle.removeprefix("@")
    if not _HANDLE.fullmatch(handle):
        raise InvalidInput(
            "A handle has 3 to 40 lower-case letters, digits and hyphens, such as @shop.", field="handle"
        )
    if not 1 <= len(asked.name) <= 80 or not asked.name.isprintable():
        raise InvalidInput("A name has 1 to 80 printable characters.", field="name")
    asset = asset_of(asked.currency, "currency")
    account_id = await LEDGER.open(session, caller.organization_id, "wallet", asset, name=str(id))
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    at = now()
    row = {
        "id": id,
        "organization_id": caller.organization_id,
        "handle": handle,
        "name": asked.name,
        "asset": asset,
        "account_id": account_id,
        "entries": 0,
        "moved_at": at,
        "created_at": at,
    }
    opened = insert(Wallet).values(row).on_conflict_do_nothing(index_elements=[Wallet.handle])
    if await session.scalar(opened.returning(Wallet.id)) is None:
        raise HandleTaken(f"The handle @{handle} is taken. Choose another one.", field="handle")
    return ()


async def close(session: AsyncSession, caller: Caller, wallet: str) -> Sequence[Wallet]:
    """Closes an empty wallet for good; a second time changes nothing. Raises NotFound, WalletNotEmpty."""
    (found,) = await lock(session, {"wallet": wallet})
    require_own(found, caller, "wallet")
    has = (await LEDGER.balances(session, [found.account_id]))[found.account_id]
    if has.balance or has.held:
        raise WalletNotEmpty("The wallet is not empty. Move its money, and let its holds end, first.")
    found.closed_at = found.closed_at or now()
    return ()


async def find(session: AsyncSession, caller: Caller, wallet: str) -> Wallet:
    """A wallet of the caller's organization by its id or @handle. Raises NotFound."""
    found = (await session.scalars(select(Wallet).where(_named(wallet)))).one_or_none()
    return require_own(found, caller, "wallet")


async def lock(session: AsyncSession, named: dict[str, str]) -> list[Wallet]:
    """Locks wallets until the unit of work ends; `named` are their ids or @handles by the input's field.

    They are locked in the order of their ids, and before anything of the ledger, so that no two units of work
    wait for each other. Two names of one wallet give it twice. Raises NotFound.
    """
    names = [_named(name) for name in named.values()]
    where = names[0] if len(names) == 1 else names[0] | names[1]
    query = select(Wallet).where(where).order_by(Wallet.id).with_for_update()
    locked = (await session.scalars(query.execution_options(populate_existing=True))).all()
    by_name = {f"@{wallet.handle}": wallet for wallet in locked} | {
        str(wallet.id): wallet for wallet in locked
    }
    for field, name in named.items():
        if name not in by_name:
            raise NotFound("There is no such wallet.", field=field)
    return [by_name[name] for name in named.values()]


def require_own(wallet: Wallet | None, caller: Caller, field: str) -> Wallet:
    """The wallet, where it is the caller's organization's; others do not exist for it (NotFound)."""
    if wallet is None or wallet.organization_id != caller.organization_id:
        raise NotFound("This organization has no such wallet.", field=field)
    return wallet


def require_open(*wallets: Wallet) -> None:
    """Raises WalletClosed."""
    for wallet in wallets:
        if wallet.closed_at is not None:
            raise WalletClosed(f"The wallet @{wallet.handle} was closed. Use another one.")


def _named(wallet: str) -> ColumnElement[bool]:
    if wallet.startswith("@"):
        return Wallet.handle == wallet[1:]
    return Wallet.id == UUID(wallet)
