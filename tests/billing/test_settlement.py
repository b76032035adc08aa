"""Group commit under failure: one bad call does not harm the others, and nothing is written twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from skyhook.billing import Billing, Payer, settlement
from skyhook.billing.settlement import Settlement
from skyhook.database import Database
from skyhook.usage.models import UsageEvent

from .conftest import prove, served

TOKENS = {"chat.tokens": 10}  # 1,000 nano-dollars


@pytest.fixture(autouse=True)
async def credit(billing: Billing, payer: Payer) -> None:
    await billing.grant(payer.organization_id, 100_000, reason="start", key="start")


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settlement, "RETRIES_S", (0, 0))


async def settle(billing: Billing, payer: Payer, calls: int, **changes: object) -> list[Any]:
    """Settles that many calls together; the third of them has `changes`."""
    all_of_them = [served(payer, await billing.hold(payer, TOKENS, None), 10) for _ in range(calls)]
    all_of_them[2] = replace(all_of_them[2], **changes)  # type: ignore[arg-type]
    return await asyncio.gather(*(billing.settle(call) for call in all_of_them), return_exceptions=True)


async def events(database: Database) -> int | None:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(UsageEvent))


async def test_a_call_that_cannot_be_written_does_not_harm_the_others(
    billing: Billing, payer: Payer, database: Database
) -> None:
    outcomes = await settle(billing, payer, 20, outcome=None)
    assert [at for at, outcome in enumerate(outcomes) if isinstance(outcome, Exception)] == [2]
    assert await events(database) == 19
    assert (await billing.balance(payer.organization_id)).balance == 81_000
    await prove(database)
    await billing.close()
    assert (await billing.balance(payer.organization_id)).held == 0


class Flaky:
    """Makes `_write` lose its connection, before or after it committed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, failures: int, after_commit: bool) -> None:
        self.failures = failures
        write = Settlement._write

        async def flaky(settlement: Settlement, batch: Sequence[Any]) -> Any:
            if self.failures and not after_commit:
                self.failures -= 1
                raise ConnectionResetError("the connection was lost")
            winners = await write(settlement, batch)
            if self.failures:
                self.failures -= 1
                raise ConnectionResetError("the connection was lost")
            return winners

        monkeypatch.setattr(Settlement, "_write", flaky)


@pytest.mark.parametrize("after_commit", [False, True])
async def test_a_lost_connection_charges_once(
    billing: Billing, payer: Payer, database: Database, monkeypatch: pytest.MonkeyPatch, after_commit: bool
) -> None:
    Flaky(monkeypatch, failures=2, after_commit=after_commit)
    outcomes = await settle(billing, payer, 5)
    assert [outcome.cost for outcome in outcomes] == [1_000] * 5
    assert await events(database) == 5
    assert (await billing.balance(payer.organization_id)).balance == 95_000
    await prove(database)


async def test_a_database_that_stays_away_is_reported(
    billing: Billing, payer: Payer, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        Flaky(patch, failures=100, after_commit=False)
        outcomes = await settle(billing, payer, 5)
    assert {type(outcome) for outcome in outcomes} == {ConnectionResetError}
    assert [outcome.cost for outcome in await settle(billing, payer, 5)] == [1_000] * 5
    await prove(database)
