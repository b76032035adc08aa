"""The connections by which calls of one function are waited for.

Each call that is waited for takes one or two of the hundred streams that a connection may have. On a shared
one, slow calls of a function would keep out those of every other, and what asks about jobs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import modal
from modal.config import config

CALLS = 32
"""How many calls share a connection."""
OPEN_S = 10.0
"""How long it may take to connect."""


class _Connection:
    def __init__(self, handle: Callable[[Any], Any]) -> None:
        self.in_flight = 0
        self.client: Any = None
        self.handle = asyncio.ensure_future(self._open(handle))

    async def _open(self, handle: Callable[[Any], Any]) -> Any:
        """What the function is called by, over a connection of its own."""
        token = config["token_id"], config["token_secret"]
        if all(token):  # who has logged in otherwise shares the process's one connection
            async with asyncio.timeout(OPEN_S):
                self.client = await modal.Client.from_credentials.aio(*token)
        return handle(self.client)


class Connections:
    """Those of one function; they are opened as calls need them, and kept."""

    def __init__(self, handle: Callable[[Any], Any]) -> None:
        """`handle` gives what the function is called by, for a client or None."""
        self._handle = handle
        self._connections: list[_Connection] = []

    @asynccontextmanager
    async def handle(self) -> AsyncGenerator[Any, None]:
        """What the function is called by, for one call. Raises what Modal's client does, and TimeoutError."""
        connection = next((one for one in self._connections if one.in_flight < CALLS), None)
        if connection is None:
            connection = _Connection(self._handle)
            self._connections.append(connection)
        connection.in_flight += 1
        try:
            try:
                handle = await asyncio.shield(connection.handle)
            except Exception:
                if connection in self._connections:
                    self._connections.remove(connection)
                raise
            yield handle
        finally:
            connection.in_flight -= 1

    async def close(self) -> None:
        """Closes them; calls that still wait end."""
        connections, self._connections = self._connections, []
        for connection in connections:
            connection.handle.cancel()
            if connection.client is not None:
                await connection.client.close.aio()
