"""GraphQL over a bare socket: what makes the load must not keep the machine busier than the servers."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

ANSWER_S = 60
"""After which an answer is given up."""


@dataclass(frozen=True, slots=True)
class Streamed:
    """A stream that was read to its end."""

    words: int
    charged: int
    """In nano-dollars, as its last event says."""
    code: str | None
    """Of the error that ended it."""


class Line:
    """A connection to a server. Everything raises OSError or EOFError where the server goes away."""

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._key = key
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    def cut(self) -> None:
        """Hangs up, whatever is on its way."""
        if self._writer is not None:
            self._writer.transport.abort()

    async def send(
        self, query: str, *, once: str | None = None, accept: str = "application/json", **variables: Any
    ) -> None:
        """Sends a request, with an idempotency key where one is given."""
        assert self._writer is not None
        body = json.dumps({"query": query, "variables": variables}).encode()
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._key}\r\n"
            f"Content-Type: application/json\r\nAccept: {accept}\r\nContent-Length: {len(body)}\r\n"
        )
        if once is not None:
            head += f"Idempotency-Key: {once}\r\n"
        self._writer.write(f"{head}\r\n".encode() + body)
        await self._writer.drain()

    async def answer(self) -> dict[str, Any]:
        """The answer to what was sent."""
        assert self._reader is not None
        async with asyncio.timeout(ANSWER_S):
            return await self._body(await self._reader.readuntil(b"\r\n\r\n"))

    async def _body(self, header: bytes) -> dict[str, Any]:
        assert self._reader is not None
        length = int(header.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return json.loads(await self._reader.readexactly(length))  # type: ignore[no-any-return]

    async def ask(self, query: str, *, once: str | None = None, **variables: Any) -> dict[str, Any]:
        """Sends a request and waits for its answer."""
        await self.send(query, once=once, **variables)
        return await self.answer()

    async def stream(self, query: str, **variables: Any) -> Streamed:
        """Reads a stream of events to its end."""
        assert self._reader is not None
        await self.send(query, accept="text/event-stream", **variables)
        words, charged, code = 0, 0, None
        async with asyncio.timeout(ANSWER_S):
            header = await self._reader.readuntil(b"\r\n\r\n")
            if b"event-stream" not in header:
                return Streamed(0, 0, code_of(await self._body(header)))
            while True:
                line = (await self._reader.readuntil(b"\n")).strip()
                if not line.startswith(b"data: "):
                    if line == b"0":  # the last chunk
                        await self._reader.readuntil(b"\r\n")
                        return Streamed(words, charged, code)
                    continue
                told = json.loads(line.removeprefix(b"data: "))
                if told.get("data"):
                    words += 1
                elif told.get("errors"):
                    code = told["errors"][0]["extensions"]["code"]
                else:
                    charged = int(told["extensions"]["cost"]["credit"]["charged"])


def code_of(answer: dict[str, Any]) -> str | None:
    """The code of an answer that is an error."""
    errors = answer.get("errors")
    return errors[0]["extensions"]["code"] if errors else None
