"""What a session sends: server events of the Realtime protocol, each with an id."""

from __future__ import annotations

from typing import Any

import msgspec

from skyhook.plugin import SkyhookError, WebSocket, new_id

_encode = msgspec.json.Encoder().encode


class Outlet:
    """Writes server events to the connection."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def send(self, type: str, **content: Any) -> None:
        """Sends an event."""
        event = {"type": type, "event_id": f"event_{new_id().hex}", **content}
        await self._socket.send(_encode(event).decode())

    async def error(self, error: SkyhookError, client_event: str | None = None) -> None:
        """Tells of an error; `client_event` is the id of the event that caused it."""
        await self.send("error", error=described(error) | {"event_id": client_event})


def described(error: SkyhookError) -> dict[str, Any]:
    """An error as the protocol has it."""
    kind = "server_error" if error.retryable else "invalid_request_error"
    return {"type": kind, "code": error.code, "message": error.message, "param": error.field}
