"""An automatic caller: it speaks into a session in real time, and listens to the answers."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from openai import AsyncOpenAI
from tests.serving import Server

TICK_S = 0.06
TICK_BYTES = 2_880
QUIET = bytes(TICK_BYTES)


@dataclass
class Caller:
    """A caller whose microphone is always open: silence, and what it says in between."""

    connection: Any
    events: list[Any] = field(default_factory=list)
    _words: bytes = b""
    _arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def say(self, samples: bytes) -> None:
        """Speaks next."""
        self._words = samples

    async def wait(self, type: str, count: int = 1, within_s: float = 30) -> Any:
        """The event of a type that came as the `count`-th of its kind."""
        try:
            async with asyncio.timeout(within_s), self._arrived:
                await self._arrived.wait_for(lambda: len(self.all(type)) >= count)
        except TimeoutError:
            raise AssertionError(f"no {type}; got {[event.type for event in self.events]}") from None
        return self.all(type)[count - 1]

    def all(self, type: str) -> list[Any]:
        """The events of a type so far."""
        return [event for event in self.events if event.type == type]

    def sound(self, item_id: str) -> bytes:
        """The sound of an answer."""
        deltas = self.all("response.output_audio.delta")
        return b"".join(base64.b64decode(event.delta) for event in deltas if event.item_id == item_id)

    async def speak_forever(self) -> None:
        """Sends a tick of sound after the other, at the pace of time."""
        loop = asyncio.get_running_loop()
        at = loop.time()
        while True:
            tick, self._words = self._words[:TICK_BYTES], self._words[TICK_BYTES:]
            tick += QUIET[len(tick) :]
            await self.connection.input_audio_buffer.append(audio=base64.b64encode(tick).decode())
            at += TICK_S
            await asyncio.sleep(max(0, at - loop.time()))

    async def listen_forever(self) -> None:
        """Gathers the server's events."""
        async for event in self.connection:
            async with self._arrived:
                self.events.append(event)
                self._arrived.notify_all()


def client(server: Server, key: str | None = None) -> AsyncOpenAI:
    """The `openai` package's own client."""
    return AsyncOpenAI(api_key=key or server.key, base_url=f"{server.address}/p/voice/v1", max_retries=0)


@asynccontextmanager
async def calling(
    server: Server, model: str, *, microphone: bool = True, key: str | None = None
) -> AsyncIterator[Caller]:
    """A call to a mind."""
    async with client(server, key) as openai, openai.realtime.connect(model=model) as connection:
        caller = Caller(connection)
        tasks = [asyncio.create_task(caller.listen_forever())]
        if microphone:
            tasks.append(asyncio.create_task(caller.speak_forever()))
        try:
            await caller.wait("session.created")
            yield caller
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
