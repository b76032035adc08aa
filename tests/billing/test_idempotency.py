"""Idempotency keys: one request, one charge, one answer, however often it is sent and to whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from skyhook.billing import Billing, IdempotencyKeyReused, Payer, Receipt
from skyhook.billing.models import IdempotencyRecord
from skyhook.database import Database
from skyhook.errors import InvalidInput

from .conftest import Clock, prove, served

TOKENS = {"chat.tokens": 10}  # 1,000 nano-dollars


@pytest.fixture(autouse=True)
async def credit(billing: Billing, payer: Payer) -> None:
    await billing.grant(payer.organization_id, 100_000, reason="start", key="start")


async def begin(billing: Billing, payer: Payer, fingerprint: bytes = b"request") -> bytes | None:
    return await billing.idempotency.begin(payer.organization_id, "key", "chatComplete", fingerprint)


async def run(billing: Billing, payer: Payer, result: bytes, fingerprint: bytes = b"request") -> Receipt:
    hold = await billing.hold(payer, TOKENS, None)
    return await billing.settle(served(payer, hold, 10, key="key", result=result, fingerprint=fingerprint))


async def spent(billing: Billing, payer: Payer) -> int:
    return 100_000 - (await billing.balance(payer.organization_id)).balance


async def test_the_stored_result_is_the_answer(billing: Billing, other: Billing, payer: Payer) -> None:
    assert await begin(billing, payer) is None
    assert (await run(billing, payer, b'"first"')).replayed is None
    for process in (billing, other):
        assert await begin(process, payer) == b'"first"'
        with pytest.raises(IdempotencyKeyReused):
            await begin(process, payer, b"another request")


async def test_a_second_call_waits_for_the_first(billing: Billing, payer: Payer) -> None:
    assert await begin(billing, payer) is None
    second = asyncio.create_task(begin(billing, payer))
    with pytest.raises(IdempotencyKeyReused):
        await begin(billing, payer, b"another request")
    await asyncio.sleep(0)
    assert not second.done()
    await run(billing, payer, b'"first"')
    assert await second == b'"first"'
    assert await spent(billing, payer) == 1_000


async def test_when_the_first_fails_the_second_runs(billing: Billing, payer: Payer) -> None:
    assert await begin(billing, payer) is None
    second, third = asyncio.create_task(begin(billing, payer)), asyncio.create_task(begin(billing, payer))
    await asyncio.sleep(0)
    billing.idempotency.abandon(payer.organization_id, "key")
    done, waiting = await asyncio.wait((second, third), return_when=asyncio.FIRST_COMPLETED)
    assert [task.result() for task in done] == [None]
    await run(billing, payer, b'"second"')
    assert [await task for task in waiting] == [b'"second"']


async def test_two_processes_charge_once(
    billing: Billing, other: Billing, payer: Payer, database: Database
) -> None:
    processes = (billing, other)
    assert [await begin(process, payer) for process in processes] == [None, None]
    receipts = await asyncio.gather(
        *(run(process, payer, str(at).encode()) for at, process in enumerate(processes))
    )
    winner, loser = sorted(receipts, key=lambda receipt: receipt.replayed is not None)
    assert (winner.cost, winner.replayed, loser.cost) == (1_000, None, 0)
    assert loser.replayed == str(receipts.index(winner)).encode()
    assert loser.usage_event_id == winner.usage_event_id
    assert await spent(billing, payer) == 1_000
    await prove(database)


async def test_the_same_key_twice_in_one_batch_is_charged_once(
    billing: Billing, payer: Payer, database: Database
) -> None:
    receipts = await asyncio.gather(*(run(billing, payer, str(at).encode()) for at in range(10)))
    assert [receipt.cost for receipt in receipts].count(1_000) == 1
    assert len({receipt.usage_event_id for receipt in receipts}) == 1
    await prove(database)


async def test_a_late_call_with_another_request_is_not_charged(
    billing: Billing, other: Billing, payer: Payer, database: Database
) -> None:
    assert [await begin(billing, payer), await begin(other, payer, b"another request")] == [None, None]
    await run(billing, payer, b'"first"')
    with pytest.raises(IdempotencyKeyReused):
        await run(other, payer, b'"other"', b"another request")
    assert await spent(billing, payer) == 1_000
    await prove(database)


async def test_results_are_kept_for_a_day(
    billing: Billing, payer: Payer, clock: Clock, database: Database
) -> None:
    async def kept() -> int | None:
        async with database.read() as session:
            return await session.scalar(select(func.count()).select_from(IdempotencyRecord))

    await run(billing, payer, b'"first"')
    clock.turn(hours=23)
    await billing.maintain()
    assert await kept() == 1
    clock.turn(hours=1)
    await billing.maintain()
    assert await kept() == 0


@pytest.mark.parametrize("key", ["", "a" * 271, "a\0", "a\n"])
async def test_what_is_no_key_is_refused_before_the_call(billing: Billing, payer: Payer, key: str) -> None:
    with pytest.raises(InvalidInput):
        await billing.idempotency.begin(payer.organization_id, key, "chatComplete", b"request")


async def test_a_failed_look_up_leaves_the_key_free(
    billing: Billing, payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Callable[[], None]:
        raise OSError("the database is away")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "read_at_once", fail)
        with pytest.raises(OSError, match="away"):
            await begin(billing, payer)
    assert await begin(billing, payer) is None
