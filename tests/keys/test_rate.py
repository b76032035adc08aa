"""Rate limits hold exactly, whatever number of processes share them."""

from __future__ import annotations

import asyncio

import pytest
from tests.keys.conftest import Office

from skyhook.database import Database
from skyhook.keys.errors import RateLimited
from skyhook.keys.rate import RateLimits
from skyhook.keys.service import KeyLimits
from skyhook.operations.caller import Caller


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.time = 1_000_000.0 * 60

    def __call__(self) -> float:
        return self.time


async def limited(office: Office, limit: int) -> Caller:
    limits = KeyLimits(scopes=["*"], rate_limit_per_minute=limit)
    _, text = await office.keys.create(office.owner, "Limited", limits)
    caller = await office.authentication.authenticate(f"Bearer {text}", "192.0.2.1")
    assert caller is not None
    return caller


async def taken(limits: RateLimits, caller: Caller, attempts: int) -> int:
    results = await asyncio.gather(*(limits.take(caller, 1) for _ in range(attempts)), return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert all(isinstance(error, RateLimited) for error in refused)
    return attempts - len(refused)


async def test_exactly_the_limit_passes_in_a_minute(office: Office, database: Database) -> None:
    clock = Clock()
    limits, caller = RateLimits(database, clock), await limited(office, 25)
    assert await taken(limits, caller, 40) == 25
    clock.time += 60
    assert await taken(limits, caller, 40) == 25


async def test_processes_that_share_a_key_share_its_limit(office: Office, database: Database) -> None:
    clock, caller = Clock(), await limited(office, 30)
    processes = [RateLimits(database, clock) for _ in range(4)]
    counts = await asyncio.gather(*(taken(process, caller, 20) for process in processes))
    assert sum(counts) <= 30
    assert sum(counts) + await taken(processes[0], caller, 30) >= 30 - 3 * 3  # what others hold in slices


async def test_a_refusal_says_when_to_come_back(office: Office, database: Database) -> None:
    clock = Clock()
    clock.time += 40
    limits, caller = RateLimits(database, clock), await limited(office, 1)
    await limits.take(caller, 1)
    with pytest.raises(RateLimited) as caught:
        await limits.take(caller, 1)
    assert caught.value.retry_after_s == 20


async def test_points_given_back_can_be_taken_again_in_the_same_minute(
    office: Office, database: Database
) -> None:
    clock = Clock()
    limits, caller = RateLimits(database, clock), await limited(office, 10)
    await limits.take(caller, 10)
    limits.give_back(caller, 4)
    assert await taken(limits, caller, 10) == 4
    clock.time += 60
    limits.give_back(caller, 100)
    assert await taken(limits, caller, 20) == 10


async def test_a_request_over_the_whole_limit_is_refused(office: Office, database: Database) -> None:
    limits, caller = RateLimits(database, Clock()), await limited(office, 10)
    with pytest.raises(RateLimited):
        await limits.take(caller, 11)
    assert (await limits.take(caller, 10)).remaining == 0


async def test_a_caller_without_a_limit_takes_no_points(office: Office, database: Database) -> None:
    state = await RateLimits(database, Clock()).take(office.owner, 1000)
    assert (state.limit, state.remaining) == (None, None)
