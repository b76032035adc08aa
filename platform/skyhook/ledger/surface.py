"""The ledger as a plugin sees it: accounts of its own kinds, and no way to any other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.clock import now
from skyhook.errors import InvalidInput, NotFound
from skyhook.ledger import holds, service
from skyhook.ledger.models import HoldState, LedgerAccount, LedgerEntry, LedgerHold
from skyhook.ledger.service import Movement

LONGEST_KEY = 150
"""In characters: what the column has room for beside the plugin's name."""
_PLUGIN = re.compile(r"[a-z][a-z0-9]{1,29}")
_KIND = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """What an account has, in its asset's smallest unit."""

    balance: int
    held: int
    """What open holds have set aside."""

    @property
    def available(self) -> int:
        """What can be moved or held now."""
        return self.balance - self.held


@dataclass(frozen=True, slots=True)
class HoldStatus:
    """Where a hold stands."""

    amount: int
    """All that was ever set aside by it."""
    remaining: int
    """What is set aside still."""
    state: HoldState
    """An open hold whose time is over is `EXPIRED`, also before its amount was given back."""


class Ledger:
    """The ledger for one plugin: every function works inside the caller's unit of work.

    The kinds of its accounts are stored as `<plugin>.<kind>`. The core's kinds have no dot, so no plugin can
    name one of them; and an account, a hold or a transfer of anybody else does not exist here (NotFound).
    """

    def __init__(self, plugin: str) -> None:
        """Raises ValueError where `plugin` cannot be a plugin's name."""
        if not _PLUGIN.fullmatch(plugin):
            raise ValueError(f"{plugin!r} is not the name of a plugin")
        self._plugin = plugin

    async def open(
        self,
        session: AsyncSession,
        organization_id: UUID | None,
        kind: str,
        asset: str,
        *,
        name: str = "",
        floor: int | None = 0,
    ) -> UUID:
        """The id of an organization's account, or the platform's (None), opened empty where there is none.

        `asset` is a code and its scale, such as `USD/2`; `balance - held` never falls below `floor`, None for
        an account that may go anywhere. Raises InvalidInput, ValueError.
        """
        if not _KIND.fullmatch(kind):
            raise ValueError(f"{kind!r} cannot be a kind: lower-case letters, digits and _")
        stored = f"{self._plugin}.{kind}"
        return await service.open_account(session, organization_id, stored, asset, name=name, floor=floor)

    async def post(
        self, session: AsyncSession, movements: Sequence[Movement], *, reference: str, key: str | None = None
    ) -> UUID:
        """Moves amounts as one transfer, all of it or nothing; returns the transfer's id.

        The same `key` of the plugin with the same content is the same transfer, posted once. Raises
        InsufficientFunds, TransferKeyReused, InvalidInput, NotFound.
        """
        await self._check(session, [side for one in movements for side in (one.debit, one.credit)])
        return await service.post(session, movements, reference=reference, key=self._key(key))

    async def reverse(
        self,
        session: AsyncSession,
        transfer_id: UUID,
        *,
        reference: str,
        amount: int | None = None,
        key: str | None = None,
    ) -> UUID:
        """Gives back a transfer, or `amount` of one with a single movement; returns the reversal's id.

        Raises ReversalExceeds, InsufficientFunds, TransferKeyReused, NotFound.
        """
        sides = await session.execute(
            select(LedgerEntry.debit_account_id, LedgerEntry.credit_account_id).where(
                LedgerEntry.transfer_id == transfer_id
            )
        )
        await self._check(session, [account for row in sides for account in row])
        key = self._key(key)
        return await service.reverse(session, transfer_id, reference=reference, amount=amount, key=key)

    async def hold(
        self, session: AsyncSession, account_id: UUID, amount: int, *, expires_at: datetime | None = None
    ) -> UUID:
        """Sets `amount` of an account aside; returns the hold's id. Raises InsufficientFunds, NotFound.

        Within half a minute after `expires_at` what remains is given back by the server.
        """
        await self._check(session, [account_id])
        return await holds.hold(session, account_id, amount, expires_at=expires_at)

    async def capture(
        self,
        session: AsyncSession,
        hold_id: UUID,
        credit_account_id: UUID,
        amount: int,
        *,
        reference: str,
        key: str | None = None,
    ) -> UUID:
        """Moves `amount` of what the hold has set aside; returns the transfer's id. It can be done in parts.

        Raises HoldNotOpen, TransferKeyReused, NotFound.
        """
        await self._check(session, [await self._account_of(session, hold_id), credit_account_id])
        key = self._key(key)
        return await holds.capture(session, hold_id, credit_account_id, amount, reference=reference, key=key)

    async def release(self, session: AsyncSession, hold_id: UUID) -> int:
        """Gives back what remains of a hold and closes it; how much. Raises HoldNotOpen, NotFound."""
        await self._check(session, [await self._account_of(session, hold_id)])
        return await holds.release(session, hold_id)

    async def expire(self, session: AsyncSession, account_id: UUID) -> int:
        """Gives back at once what remains of the account's holds that have expired; how many those were."""
        await self._check(session, [account_id])
        return await holds.expire(session, account_id, now())

    async def balances(
        self, session: AsyncSession, account_ids: Iterable[UUID]
    ) -> dict[UUID, AccountBalance]:
        """The balances of those of the accounts that are the plugin's."""
        query = select(LedgerAccount.id, LedgerAccount.balance, LedgerAccount.held).where(
            LedgerAccount.id.in_(set(account_ids)), self._is_own()
        )
        return {row.id: AccountBalance(row.balance, row.held) for row in await session.execute(query)}

    async def holds(self, session: AsyncSession, hold_ids: Iterable[UUID]) -> dict[UUID, HoldStatus]:
        """Where those of the holds stand that are on accounts of the plugin."""
        query = (
            select(LedgerHold)
            .join(LedgerAccount, LedgerAccount.id == LedgerHold.account_id)
            .where(LedgerHold.id.in_(set(hold_ids)), self._is_own())
            .execution_options(populate_existing=True)
        )
        at = now()
        return {row.id: _status(row, at) for row in await session.scalars(query)}

    def _key(self, key: str | None) -> str | None:
        if key is None:
            return None
        if not 0 < len(key) <= LONGEST_KEY:
            raise InvalidInput(f"A transfer's key has 1 to {LONGEST_KEY} characters.", field="key")
        return f"plugin:{self._plugin}:{key}"

    def _is_own(self) -> ColumnElement[bool]:
        return LedgerAccount.kind.startswith(f"{self._plugin}.", autoescape=True)

    async def _check(self, session: AsyncSession, account_ids: Sequence[UUID]) -> None:
        query = select(LedgerAccount.id).where(LedgerAccount.id.in_(account_ids), self._is_own())
        if set(await session.scalars(query)) != set(account_ids):
            raise NotFound("There is no such account.")

    async def _account_of(self, session: AsyncSession, hold_id: UUID) -> UUID:
        account = await session.scalar(select(LedgerHold.account_id).where(LedgerHold.id == hold_id))
        if account is None:
            raise NotFound("There is no such hold.")
        return account


def _status(row: LedgerHold, at: datetime) -> HoldStatus:
    state = HoldState(row.state)
    if state is HoldState.OPEN and row.expires_at is not None and row.expires_at <= at:
        return HoldStatus(row.amount, 0, HoldState.EXPIRED)
    return HoldStatus(row.amount, row.remaining, state)
