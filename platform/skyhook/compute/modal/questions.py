"""Asks Modal about many detached calls over one connection.

A question can wait at Modal until there is an answer. Few may do so at a time, since each takes one of the
streams that the connection has and that calls need; beyond that they ask now and then.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from skyhook.compute.modal.translation import UNREACHABLE

T = TypeVar("T")

QUESTIONS = 32
"""How many questions are under way at a time."""
WAIT_S = 20.0
"""How long a question waits at Modal while there are no more of them than that."""
PAUSE_S = (0.25, 5.0)
"""The first and the longest pause between questions about a call where there are more."""
UNREACHABLE_S = 300.0
"""For how long Modal may be out of reach before a question is given up: what it runs goes on meanwhile."""

logger = logging.getLogger("skyhook.compute")


class Questions:
    """Those of one kind that one process asks."""

    def __init__(self) -> None:
        self._asking = 0
        self._under_way = asyncio.Semaphore(QUESTIONS)

    async def answer(self, ask: Callable[[float], Awaitable[T]]) -> T:
        """What `ask` gives, once it does not raise TimeoutError or queue.Empty any more.

        It is told how many seconds it may wait. Raises what it raises besides; that Modal is out of reach
        only after five minutes.
        """
        pause_s, lost_at = PAUSE_S[0], None
        self._asking += 1
        try:
            while True:
                are_few = self._asking <= QUESTIONS
                async with self._under_way:
                    try:
                        return await ask(WAIT_S if are_few else 0)
                    except (queue.Empty, TimeoutError):
                        lost_at = None
                    except UNREACHABLE as error:
                        now = time.monotonic()
                        lost_at = lost_at or now
                        if now - lost_at > UNREACHABLE_S:
                            raise
                        logger.warning("Modal is out of reach and is asked again: %s", error)
                if not are_few or lost_at:
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 1.5, PAUSE_S[1])
        finally:
            self._asking -= 1
