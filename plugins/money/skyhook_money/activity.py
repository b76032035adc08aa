"""Follows the entries of an organization's wallets as they are written, by whichever server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from sqlalchemy import and_, or_, select

from skyhook.plugin import Database
from skyhook_money.tables import Entry, Wallet

LOOK_S = 1.0
"""How soon a watcher sees what another server wrote."""
AT_ONCE = 100
"""The most entries, and the most wallets, that are read at a time."""


class Watchers:
    """Who waits in this process for the entries of which organization."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, set[asyncio.Event]] = {}

    def wake(self, organization_ids: Iterable[UUID]) -> None:
        """Wallets of these organizations have new entries."""
        for organization_id in set(organization_ids):
            for event in self._waiting.get(organization_id, ()):
                event.set()

    @contextmanager
    def waiting(self, organization_id: UUID) -> Iterator[asyncio.Event]:
        """An event that is set when the organization's wallets get entries in this process."""
        event = asyncio.Event()
        self._waiting.setdefault(organization_id, set()).add(event)
        try:
            yield event
        finally:
            self._waiting[organization_id].discard(event)
            if not self._waiting[organization_id]:
                del self._waiting[organization_id]


WATCHERS = Watchers()


async def follow(
    database: Database, organization_id: UUID, wallet_id: UUID | None, after: int | None
) -> AsyncGenerator[Entry, None]:
    """The entries of one of the organization's wallets, or of all, each once and in the order of its wallet.

    From now on, or behind the entry with the number `after`. None is missed: a wallet's entries are numbered
    under its lock, so that whoever sees a number has seen those before it.
    """
    with WATCHERS.waiting(organization_id) as event:
        seen = await _numbers(database, organization_id, wallet_id)
        if wallet_id is not None and after is not None:
            seen = {wallet_id: after}
        while True:
            event.clear()
            latest = await _numbers(database, organization_id, wallet_id)
            while entries := await _after(database, seen, latest):
                for entry in entries:
                    seen[entry.wallet_id] = entry.number
                    yield entry
            try:
                await asyncio.wait_for(event.wait(), LOOK_S)
            except TimeoutError:
                continue


async def _numbers(database: Database, organization_id: UUID, wallet_id: UUID | None) -> dict[UUID, int]:
    query = select(Wallet.id, Wallet.entries).where(Wallet.organization_id == organization_id)
    if wallet_id is not None:
        query = query.where(Wallet.id == wallet_id)
    async with database.read() as session:
        return {row[0]: row[1] for row in await session.execute(query)}


async def _after(database: Database, seen: Mapping[UUID, int], latest: Mapping[UUID, int]) -> list[Entry]:
    changed = [wallet for wallet, number in latest.items() if number > seen.get(wallet, 0)][:AT_ONCE]
    if not changed:
        return []
    new = (and_(Entry.wallet_id == wallet, Entry.number > seen.get(wallet, 0)) for wallet in changed)
    query = select(Entry).where(or_(*new)).order_by(Entry.created_at, Entry.number).limit(AT_ONCE)
    async with database.read() as session:
        return list(await session.scalars(query))
