"""Look-ups that come while a query runs share the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from skyhook.billing.lookups import MOST_AT_ONCE, Lookups


class Source:
    """Finds even numbers, slowly, and notes how many it was asked at a time."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    async def find(self, keys: Sequence[int]) -> Mapping[int, str]:
        self.asked.append(len(keys))
        await asyncio.sleep(0.01)
        if 13 in keys:
            raise OSError("the database is away")
        return {key: str(key) for key in keys if key % 2 == 0}


async def test_look_ups_share_queries_and_no_query_grows_without_bound() -> None:
    source = Source()
    lookups = Lookups(source.find)
    first = asyncio.create_task(lookups.get(2))
    await asyncio.sleep(0.005)
    others = await asyncio.gather(*(lookups.get(key) for key in range(1000, 1300)))
    assert await first == "2"
    assert others == [str(key) if key % 2 == 0 else None for key in range(1000, 1300)]
    assert source.asked == [1, MOST_AT_ONCE, 300 - MOST_AT_ONCE]


async def test_a_failure_and_a_caller_that_goes_away_harm_no_later_look_up() -> None:
    lookups = Lookups(Source().find)
    gone = asyncio.create_task(lookups.get(4))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(OSError, match="away"):
        await lookups.get(13)
    assert await lookups.get(6) == "6"
