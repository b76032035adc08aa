"""The connection that a plugin's WebSocket route is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from skyhook.operations.caller import Caller


class WebSocket(Protocol):
    """An open connection whose caller is known, has the route's scope, and has paid a point for it."""

    caller: Caller
    services: Any
    query: Mapping[str, str]
    """The address' query; of a name that is there several times the last."""
    request_id: str

    async def receive(self) -> str | bytes | None:
        """The client's next message; None once the client, or the server's shutdown, has closed.

        A message longer than the route allows closes the connection with 1009.
        """
        ...

    async def send(self, message: str | bytes) -> None:
        """Sends a message: text or binary. Does nothing where the client has gone."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes the connection; nothing can be sent after that."""
        ...

    async def admit(self) -> Caller:
        """The caller for one more thing that it asks for: call it before each, as a request is admitted.

        Looks at the key again and draws a point of its rate limit. Raises KeyRevoked, KeyExpired, and
        RateLimited.
        """
        ...
