"""Streams over HTTP: the "distinct connections mode" of GraphQL over Server-Sent Events."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from litestar.types import Receive, Send

from skyhook.errors import SkyhookError
from skyhook.graphql.engine import Payload, Run, encode
from skyhook.graphql.errors import RequestRefused, internal_error
from skyhook.graphql.watching import Check, end_of

KEEP_ALIVE_S = 12.0

_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)


async def serve(
    run: Run, receive: Receive, send: Send, check: Check | None = None, keep_alive_s: float = KEEP_ALIVE_S
) -> None:
    """Sends `next` events and a final `complete`, which carries `extensions.cost`.

    Each write waits until the connection takes it, so a slow client slows its resolver. When the client
    goes away the resolver is cancelled and its `finally` blocks have run before this returns. So it is when
    the check says that the session has ended; the client is told, in a last `next`.
    """
    stream = _Stream(run, send)
    headers = [*_HEADERS, (b"x-request-id", run.context.request_id.encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    writing = asyncio.create_task(stream.write())
    beating = asyncio.create_task(stream.beat(keep_alive_s))
    leaving = asyncio.create_task(client_left(receive))
    watching = asyncio.create_task(end_of(check))
    try:
        await asyncio.wait((writing, leaving, watching), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (writing, beating, leaving, watching):
            task.cancel()
        ended, _, _, why = await asyncio.gather(writing, beating, leaving, watching, return_exceptions=True)
    if isinstance(ended, Exception):
        internal_error(ended, run.context.request_id)
    elif isinstance(ended, asyncio.CancelledError) and isinstance(why, SkyhookError):
        await stream.end({"errors": RequestRefused.of(why).errors})


class _Stream:
    def __init__(self, run: Run, send: Send) -> None:
        self._run = run
        self._send = send
        self._sent_at = 0.0

    async def write(self) -> None:
        request_id = self._run.context.request_id
        async with aclosing(self._run.events()) as events:
            async for payload in events:
                await self._write(b"event: next\ndata: %b\n\n" % encode(payload, request_id))
        await self._complete()

    async def end(self, last: Payload) -> None:
        """Ends a stream that is cut off, with what it is told."""
        await self._write(b"event: next\ndata: %b\n\n" % encode(last, self._run.context.request_id))
        await self._complete()

    async def _complete(self) -> None:
        final = encode({"extensions": {"cost": self._run.cost()}}, self._run.context.request_id)
        await self._write(b"event: complete\ndata: %b\n\n" % final)
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def beat(self, interval_s: float) -> None:
        """Comments while nothing else is sent, so that no proxy takes the connection for dead."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(interval_s)
            if loop.time() - self._sent_at >= interval_s:
                await self._write(b":\n\n")

    async def _write(self, chunk: bytes) -> None:
        self._sent_at = asyncio.get_running_loop().time()
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})


async def client_left(receive: Receive) -> None:
    """Returns when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
