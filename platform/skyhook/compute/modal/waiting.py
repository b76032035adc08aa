"""Waits for many detached calls over one connection.

A question for a result can wait at Modal until there is one. Few may do so at a time, since each takes one of
the streams that the connection has and that calls need; beyond that they ask now and then.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

QUESTIONS = 32
"""How many questions are under way at a time."""
WAIT_S = 20.0
"""How long a question waits at Modal while there are no more of them than that."""
PAUSE_S = (0.25, 5.0)
"""The first and the longest pause between questions for a call where there are more."""


class Waiting:
    """The calls that one process waits for."""

    def __init__(self) -> None:
        self._calls = 0
        self._questions = asyncio.Semaphore(QUESTIONS)

    async def result_of(self, call: Any) -> list[bytes]:
        """What a call has given, once it has ended. Raises what Modal's client raises."""
        pause_s = PAUSE_S[0]
        self._calls += 1
        try:
            while True:
                are_few = self._calls <= QUESTIONS
                async with self._questions:
                    try:
                        return cast(list[bytes], await call.get.aio(timeout=WAIT_S if are_few else 0))
                    except TimeoutError:
                        pass  # it runs on
                if not are_few:
                    await asyncio.sleep(pause_s)
                    pause_s = min(pause_s * 1.5, PAUSE_S[1])
        finally:
            self._calls -= 1
