"""Work that is looked for again and again in the background of a server process."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from contextlib import suppress


class Rounds(ABC):
    """Looks for work from `start` to `close`.

    A look that fails is logged as `failure`, and the next one follows after `every_s` seconds.
    """

    def __init__(self, every_s: float, log: logging.Logger, failure: str) -> None:
        self._every_s = every_s
        self._log = log
        self._failure = failure
        self._woken = asyncio.Event()
        self._looking: asyncio.Task[None] | None = None

    @abstractmethod
    async def look(self) -> float:
        """Does what is due; for how many seconds there is nothing to do then, unless it is woken."""

    async def start(self) -> None:
        """Looks from here on."""
        self._looking = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Looks no more; what a look has not done is left to the next process."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    def wake(self) -> None:
        """Looks at once."""
        self._woken.set()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                pause_s = await self.look()
            except Exception:
                self._log.exception("%s; it is tried again in %s s", self._failure, self._every_s)
                pause_s = self._every_s
            with suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._woken.wait()
