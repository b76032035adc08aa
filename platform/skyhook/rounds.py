"""Work that is looked for again and again in the background of a server process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress


class Rounds:
    """Calls `look` from `start` to `close`; it gives for how many seconds there is nothing to do.

    A look that fails is logged as `failure`, and the next one follows after `every_s` seconds.
    """

    def __init__(
        self, look: Callable[[], Awaitable[float]], every_s: float, log: logging.Logger, failure: str
    ) -> None:
        self._look = look
        self._every_s = every_s
        self._log = log
        self._failure = failure
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Looks from here on."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Looks no more; a look that goes on is cancelled."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def wake(self) -> None:
        """Looks at once."""
        self._woken.set()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                pause_s = await self._look()
            except Exception:
                self._log.exception("%s; it is tried again in %s s", self._failure, self._every_s)
                pause_s = self._every_s
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._woken.wait()
