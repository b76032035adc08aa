"""What a detached call tells while it runs: by a queue at Modal, to whichever server waits for the call.

Nothing ever waits for this. What cannot be told as fast as it comes gives way to what is newer; what nobody
reads is gone after an hour.
"""

from __future__ import annotations

import asyncio
import logging
import queue
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any, cast

import modal

from skyhook.compute.modal.naming import EVENTS
from skyhook.compute.modal.questions import Questions

PENDING = 16
"""How many events of a call wait in its container to be sent; the oldest gives way."""
EVENT_BYTES = 512 << 10
"""A larger event is not told: Modal takes a mebibyte."""
PAUSE_S = 0.25
"""How long after one sending of events comes the next."""
KEPT_S = 3600
READ_EVENTS = 100
"""How many events are read at a time."""

logger = logging.getLogger("skyhook.compute")


def _queue() -> Any:
    return modal.Queue.from_name(EVENTS, create_if_missing=True)


class EventWriter:
    """The container's side, for one call. Used on the event loop alone."""

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self._queue = _queue()
        self._pending: deque[bytes] = deque(maxlen=PENDING)
        self._sending: asyncio.Task[None] | None = None

    def write(self, event: bytes) -> None:
        """Takes an event, to be sent soon."""
        if len(event) > EVENT_BYTES:
            return
        self._pending.append(event)
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def close(self) -> None:
        """Sends nothing more: the call has ended, and its result says all."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])

    async def _send(self) -> None:
        try:
            while self._pending:
                events = list(self._pending)
                self._pending.clear()
                await self._put(events)
                await asyncio.sleep(PAUSE_S)
            self._sending = None
        except Exception as error:  # the call goes on without; a sending that has failed begins no other one
            logger.warning("what a call tells while it runs is not shown: %s", error)

    async def _put(self, events: list[bytes]) -> None:
        options = {"partition": self._call_id, "partition_ttl": KEPT_S}
        try:
            await self._queue.put_many.aio(events, block=False, **options)
        except queue.Full:  # nobody reads
            await self._queue.clear.aio(partition=self._call_id)
            await self._queue.put_many.aio(events, block=False, **options)


class EventReader:
    """The server's side, for all its calls."""

    def __init__(self) -> None:
        self._queue = _queue()
        self._questions = Questions()

    async def read(self, call_id: str, end: asyncio.Future[Any]) -> AsyncGenerator[bytes, None]:
        """The events of a call as they come, until `end` is done. Raises nothing of Modal's."""

        async def ask(wait_s: float) -> list[bytes]:
            found = await self._queue.get_many.aio(
                READ_EVENTS, block=wait_s > 0, timeout=wait_s or None, partition=call_id
            )
            if not found:
                raise TimeoutError
            return cast(list[bytes], found)

        while not end.done():
            question = asyncio.ensure_future(self._questions.answer(ask))
            try:
                await asyncio.wait([question, end], return_when=asyncio.FIRST_COMPLETED)
                if not question.done():
                    return
                events = question.result()
            except Exception as error:
                logger.warning("what the call %s tells while it runs is not shown: %s", call_id, error)
                return
            finally:
                question.cancel()
            for event in events:
                yield event
