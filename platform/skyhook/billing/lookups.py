"""Look-ups that share queries: those asked for while a query runs share the next; none waits when idle."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MOST_AT_ONCE = 256
"""Keys in one query."""


class Lookups(Generic[K, V]):
    """Looks keys up with `find`, which gives what it finds by key."""

    def __init__(self, find: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._find = find
        self._waiting: list[tuple[K, asyncio.Future[V | None]]] = []
        self._running: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """What is found; None where nothing is. Raises what `find` raises."""
        found: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((key, found))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await found

    async def _run(self) -> None:
        try:
            while self._waiting:
                asked, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                try:
                    results = await self._find([key for key, _ in asked])
                except Exception as error:
                    for _, found in asked:
                        if not found.done():
                            found.set_exception(error)
                    continue
                for key, found in asked:
                    if not found.done():
                        found.set_result(results.get(key))
        finally:
            self._running = None
