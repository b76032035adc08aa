"""Each way in which books can disagree is found and told, and nothing else is."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from skyhook.billing import Billing, Payer
from skyhook.billing.reconciliation import reconcile, reconcile_side_by_side
from skyhook.database import Database

from .conftest import Clock, served

FIRST = "(SELECT id FROM usage_events ORDER BY id LIMIT 1)"
DIFFERENCES = {
    f"UPDATE usage_events SET cost = cost + 1 WHERE id = {FIRST}": {
        "usage_hours has +0 units, -1 nano-dollars and +0 calls beside its events",
        "a transfer differs from the usage events it paid",
    },
    "UPDATE usage_hours SET quantity = quantity + 1 WHERE meter = 'chat.tokens'": {
        "usage_hours has +1 units, +0 nano-dollars and +0 calls beside its events",
        "usage_days has -1 units, +0 nano-dollars and +0 calls beside its hours",
    },
    "UPDATE usage_days SET calls = calls - 1 WHERE meter = ''": {
        "usage_days has +0 units, +0 nano-dollars and -1 calls beside its hours",
    },
    "DELETE FROM usage_days WHERE meter = ''": {
        "usage_days has +0 units, -6000 nano-dollars and -3 calls beside its hours",
    },
    "DELETE FROM ledger_entries WHERE reference = 'usage'": {
        "a balance differs from its postings",
        "a transfer differs from the usage events it paid",
    },
    f"UPDATE usage_events SET transfer_id = NULL WHERE id = {FIRST}": {
        "an event has a cost and no transfer",
        "a transfer differs from the usage events it paid",
    },
    "UPDATE usage_events SET organization_id = transfer_id": {
        "usage_hours has +60 units, +6000 nano-dollars and +3 calls beside its events",
        "a transfer differs from the usage events it paid",
    },
    "UPDATE idempotency_records SET usage_event_id = organization_id": {
        "an idempotency record names no event",
    },
}


async def disagree(database: Database, statement: str) -> None:
    """Does what the triggers forbid."""
    async with database.write() as session:
        if database.is_sqlite:
            await session.execute(text("DROP TRIGGER ledger_entries_no_delete"))
        else:
            await session.execute(text("SET LOCAL session_replication_role = replica"))
        await session.execute(text(statement))


@pytest.fixture(autouse=True)
async def used(billing: Billing, payer: Payer, clock: Clock) -> None:
    """Three calls of a day that is over, and one of today."""

    async def call(key: str) -> None:
        hold = await billing.hold(payer, {"chat.tokens": 20}, None)
        await billing.settle(served(payer, hold, 20, key=key, at=clock()))

    await billing.grant(payer.organization_id, 100_000, reason="start", key="start")
    for number in range(3):
        await call(f"call {number}")
    clock.turn(days=2)
    await billing.maintain()
    await call("today")


async def test_books_that_agree_have_no_difference(database: Database) -> None:
    assert await reconcile_side_by_side(database) == []


@pytest.mark.parametrize("statement", DIFFERENCES)
async def test_each_difference_is_told(database: Database, statement: str) -> None:
    await disagree(database, statement)
    found = await reconcile_side_by_side(database)
    assert {one.partition(": ")[0] for one in found} >= DIFFERENCES[statement]
    async with database.read() as session:
        assert sorted(await reconcile(session)) == sorted(found)
