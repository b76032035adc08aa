"""What the tests of webhooks share: receivers on real sockets, a clock to set, and the service over both."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import standardwebhooks
from sqlalchemy import select

from skyhook import clock as clocks
from skyhook.database import Database
from skyhook.operations.caller import Caller
from skyhook.webhooks.models import WebhookEndpoint
from skyhook.webhooks.service import Webhooks

SECRET = b"s" * 32
TIMEOUT_S = 0.5


@dataclass
class Received:
    """One request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def webhook_id(self) -> str:
        return self.headers["webhook-id"]

    def verify(self, secret: str) -> Any:
        """The content, if the official library finds it signed by the secret."""
        return standardwebhooks.Webhook(secret).verify(self.body, self.headers)

    def is_signed_by(self, secret: str) -> bool:
        """Whether one of the signatures is the secret's, whatever the time."""
        at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        signature = standardwebhooks.Webhook(secret).sign(self.webhook_id, at, self.body.decode())
        return signature in self.headers["webhook-signature"].split()


Answer = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float = 5) -> None:
    """Waits until something holds, for some seconds at most."""
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline, f"it did not come to hold within {seconds} seconds"
        await asyncio.sleep(0.01)


async def ok(_received: Received, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def hang(_received: Received, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(3600)


def status(code: int, *headers: str, body: bytes = b"") -> Answer:
    """Answers with a status, headers and a body."""

    async def answer(_received: Received, writer: asyncio.StreamWriter) -> None:
        lines = [f"HTTP/1.1 {code} Whatever", *headers, f"Content-Length: {len(body)}", "", ""]
        writer.write("\r\n".join(lines).encode() + body)

    return answer


@dataclass
class Receiver:
    """An HTTP server that notes what it receives and answers as it is told."""

    answer: Answer = ok
    received: list[Received] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"
    host: str = "127.0.0.1"

    async def has_received(self) -> bool:
        return bool(self.received)

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            request, *lines = head.split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await reader.readexactly(int(headers["content-length"]))
            received = Received(request.split()[1], headers, body)
            self.received.append(received)
            await self.answer(received, writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(answer: Answer = ok, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens."""
    receiver = Receiver(answer, scheme="http" if tls is None else "https")
    running: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(receiver.serve(reader, writer))
        running.add(task)
        task.add_done_callback(running.discard)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


@dataclass
class Clock:
    """The real time, set forward as the test says."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return clocks.now() + self.ahead

    def forward(self, **by: float) -> None:
        self.ahead += timedelta(**by)


@dataclass
class Office:
    """An organization with its webhooks."""

    database: Database
    webhooks: Webhooks
    caller: Caller
    clock: Clock

    async def endpoint(self, url: str, *types: str) -> tuple[WebhookEndpoint, str]:
        return await self.webhooks.endpoints.create(self.caller, url, event_types=types)

    async def publish(self, key: str = "job:1", type: str = "job.completed") -> UUID | None:
        async with self.database.write() as session:
            return await self.webhooks.publish(
                session, self.caller.organization_id, type, {"jobId": "4711"}, key=key
            )

    async def deliver(self) -> int:
        """Sends what is due now, to its end; how many requests that were."""
        return await self.webhooks.dispatcher.deliver_due()

    async def all(self, kind: Any) -> list[Any]:
        async with self.database.read() as session:
            return list(await session.scalars(select(kind).order_by(kind.id)))

    async def one(self, kind: Any) -> Any:
        (row,) = await self.all(kind)
        return row


@pytest.fixture
async def office(database: Database, organization: UUID) -> AsyncIterator[Office]:
    clock = Clock()
    webhooks = Webhooks(database, SECRET, allow_private=True, timeout_s=TIMEOUT_S, clock=clock)
    yield Office(database, webhooks, Caller(organization, None, None, frozenset({"*"})), clock)
    await webhooks.close()
