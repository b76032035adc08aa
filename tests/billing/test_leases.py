"""Leases: what one process holds others can use as soon as it is idle, late or dead."""

from __future__ import annotations

import asyncio

import pytest

from skyhook.billing import Billing, InsufficientCredit, Payer
from skyhook.billing.leases import LeaseBook
from skyhook.clock import new_id
from skyhook.database import Database

from .conftest import Clock, prove, served

TOKENS = {"chat.tokens": 10}  # 1,000 nano-dollars
ALL = {"chat.tokens": 1_000}


@pytest.fixture(autouse=True)
async def credit(billing: Billing, payer: Payer) -> None:
    await billing.grant(payer.organization_id, 100_000, reason="start", key="start")


async def held(billing: Billing, payer: Payer) -> int:
    return (await billing.balance(payer.organization_id)).held


async def test_calls_that_wait_together_share_one_trip(
    billing: Billing, payer: Payer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips = []
    enlarge = LeaseBook._enlarge

    async def counted(self: LeaseBook, *arguments: object) -> object:
        trips.append(arguments)
        return await enlarge(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(LeaseBook, "_enlarge", counted)
    await asyncio.gather(*(billing.hold(payer, TOKENS, None) for _ in range(50)))
    assert len(trips) == 1


async def test_a_slice_leaves_most_of_the_credit_to_others(billing: Billing, payer: Payer) -> None:
    await billing.hold(payer, TOKENS, None)
    assert 1_000 <= await held(billing, payer) <= 1_000 + 99_000 // 8


async def test_idle_credit_goes_back(
    billing: Billing, other: Billing, payer: Payer, clock: Clock, database: Database
) -> None:
    billing.release(await billing.hold(payer, TOKENS, None))
    with pytest.raises(InsufficientCredit):
        await other.hold(payer, ALL, None)
    await billing.maintain()
    await billing.maintain()
    assert await held(billing, payer) == 0
    other.release(await other.hold(payer, ALL, None))
    await other.maintain()
    clock.turn(seconds=61)
    await other.maintain()
    await billing.maintain()
    assert billing._leases._tills == other._leases._tills == {}
    await prove(database)


async def test_what_a_call_may_cost_stays_held_while_it_runs(billing: Billing, payer: Payer) -> None:
    await billing.hold(payer, TOKENS, None)
    for _ in range(3):
        await billing.maintain()
    assert await held(billing, payer) == 1_000


async def test_a_dead_process_gives_its_credit_back_when_its_lease_expires(
    billing: Billing, other: Billing, payer: Payer, clock: Clock, database: Database
) -> None:
    await billing.hold(payer, ALL, None)  # and never heard of again
    clock.turn(seconds=29)
    with pytest.raises(InsufficientCredit):
        await other.hold(payer, TOKENS, None)
    clock.turn(seconds=1)
    assert await other.hold(payer, TOKENS, None)
    await prove(database)


async def test_the_sweep_frees_what_nobody_asks_for(
    billing: Billing, other: Billing, payer: Payer, clock: Clock
) -> None:
    await billing.hold(payer, ALL, None)
    clock.turn(seconds=30)
    await other.maintain()
    assert await held(other, payer) == 0


async def test_a_process_that_lives_keeps_its_lease(
    billing: Billing, other: Billing, payer: Payer, clock: Clock
) -> None:
    hold = await billing.hold(payer, ALL, None)
    for _ in range(6):
        clock.turn(seconds=10)
        await billing.maintain()
        await other.maintain()
    assert (await billing.settle(served(payer, hold, 1_000))).cost == 100_000


async def test_a_call_whose_lease_was_lost_is_charged_where_credit_is_left(
    billing: Billing, other: Billing, payer: Payer, clock: Clock, database: Database
) -> None:
    holds = [await billing.hold(payer, {"chat.tokens": 400}, None) for _ in range(2)]
    clock.turn(seconds=31)
    taken = await other.hold(payer, {"chat.tokens": 500}, None)  # of 1,000: room for one of the two
    outcomes = await asyncio.gather(
        *(billing.settle(served(payer, hold, 400)) for hold in holds), return_exceptions=True
    )
    charged = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, InsufficientCredit)]
    assert (len(charged), len(refused)) == (1, 1)
    assert (await other.settle(served(payer, taken, 500))).cost == 50_000
    assert (await billing.balance(payer.organization_id)).balance == 10_000
    await billing.hold(payer, TOKENS, None)  # a new lease
    await prove(database)


async def test_renewal_notices_a_lost_lease(
    billing: Billing, other: Billing, payer: Payer, clock: Clock, database: Database
) -> None:
    hold = await billing.hold(payer, TOKENS, None)
    clock.turn(seconds=31)
    await other.hold(payer, TOKENS, None)
    await billing.maintain()
    assert (await billing.settle(served(payer, hold, 10))).cost == 1_000
    await prove(database)


async def test_the_last_cent_is_usable_by_any_process(
    billing: Billing, other: Billing, payer: Payer, database: Database
) -> None:
    spent, processes = 0, (billing, other)
    refused_in_a_row = 0
    while refused_in_a_row < 4:
        process = processes[spent // 1_000 % 2 if refused_in_a_row == 0 else refused_in_a_row % 2]
        try:
            hold = await process.hold(payer, TOKENS, None)
        except InsufficientCredit:
            refused_in_a_row += 1
            for each in processes:
                await each.maintain()
            continue
        refused_in_a_row = 0
        spent += (await process.settle(served(payer, hold, 10))).cost
    assert spent == 100_000
    await prove(database)


async def test_close_gives_everything_back(billing: Billing, payer: Payer, database: Database) -> None:
    await billing.hold(payer, TOKENS, None)
    await billing.close()
    assert await held(billing, payer) == 0
    await prove(database)


async def test_organizations_do_not_touch_each_other(billing: Billing, payer: Payer) -> None:
    stranger = Payer(new_id(), None, None, None)
    with pytest.raises(Exception, match=r"(?i)foreign key"):
        await billing.hold(stranger, TOKENS, None)
    assert await billing.hold(payer, TOKENS, None)
