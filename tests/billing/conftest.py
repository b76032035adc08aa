"""Billing that is ready to charge: prices, credit and a clock that tests turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from skyhook.billing import Billing, Hold, IdempotentResult, Payer, Served
from skyhook.billing.reconciliation import reconcile
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.plugins.manifest import Meter

METERS = (Meter("chat.tokens", "Tokens", "token", 100), Meter("chat.images", "Images", "image", 5_000))


class Clock:
    """A clock that stands until it is turned."""

    def __init__(self) -> None:
        self.time = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def turn(self, **by: float) -> None:
        self.time += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def billing(database: Database, clock: Clock) -> AsyncIterator[Billing]:
    """A server process's billing with prices; its upkeep runs only when a test calls `maintain`."""
    billing = Billing(database, clock=clock)
    await billing.seed_prices(METERS, ())
    yield billing
    await billing.close()


@pytest.fixture
async def other(database: Database, clock: Clock, billing: Billing) -> AsyncIterator[Billing]:
    """Another server process's billing on the same database."""
    other = Billing(database, clock=clock)
    await other.seed_prices((), ())
    yield other
    await other.close()


@pytest.fixture
def payer(organization: UUID) -> Payer:
    return Payer(organization, new_id(), new_id(), None)


def served(
    payer: Payer,
    hold: Hold,
    tokens: int,
    *,
    at: datetime = datetime(2026, 3, 10, 12, 30, tzinfo=UTC),
    key: str | None = None,
    fingerprint: bytes = b"request",
    result: bytes = b"{}",
) -> Served:
    """A chat call of so many tokens."""
    return Served(
        payer=payer,
        hold=hold,
        plugin="chat",
        operation="chatComplete",
        model="small",
        quantities={"chat.tokens": tokens} if tokens else {},
        outcome="completed",
        started_at=at,
        duration_ms=12,
        idempotency=None if key is None else IdempotentResult(key, "chatComplete", fingerprint, result),
    )


async def prove(database: Database) -> None:
    """That ledger, holds, events, roll-ups and charges agree."""
    async with database.read() as session:
        assert await reconcile(session) == []
