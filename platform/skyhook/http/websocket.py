"""WebSocket routes of plugins: who calls is known, and may, before the plugin's handler runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from litestar.types import Receive, Scope, Send

from skyhook.errors import SkyhookError, Unauthenticated
from skyhook.graphql.errors import internal_error
from skyhook.graphql.head import Head
from skyhook.http.answers import send_error
from skyhook.operations.caller import Caller
from skyhook.operations.request import REQUEST_ID
from skyhook.plugins.manifest import WebSocketRoute
from skyhook.services import Services

REASON_BYTES = 123
"""The longest reason that a closing frame can carry."""
POLICY_VIOLATION, TOO_LARGE, SERVER_ERROR = 1008, 1009, 1011


class Connection:
    """A `skyhook.plugin.WebSocket` over ASGI."""

    def __init__(
        self, route: WebSocketRoute, services: Services, scope: Scope, receive: Receive, send: Send
    ) -> None:
        self.caller: Caller
        self.services: Any = services
        self.query: Mapping[str, str] = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        self.head = Head.of(scope)
        self.request_id = self.head.request_id
        offered: list[str] = list(scope.get("subprotocols") or [])  # type: ignore[call-overload]
        self._subprotocol = next((name for name in offered if name in route.subprotocols), None)
        self._authorization = self.head.authorization or _key_offered(route, offered)
        self._route = route
        self._receive = receive
        self._send = send
        self._is_open = False

    async def admit(self) -> Caller:
        """As `skyhook.plugin.WebSocket.admit`; raises Unauthenticated and ScopeMissing as well."""
        services: Services = self.services
        caller = await services.authentication.authenticate(self._authorization, self.head.client_address)
        if caller is None:
            raise Unauthenticated(
                "This needs an API key. Send it as the header `Authorization: Bearer sk_...`."
            )
        caller.require(self._route.scope)
        await services.rate_limits.take(caller, 1)
        self.caller = caller
        return caller

    async def accept(self) -> None:
        """Opens the connection."""
        await self._receive()
        await self._send({"type": "websocket.accept", "subprotocol": self._subprotocol, "headers": []})
        self._is_open = True

    async def receive(self) -> str | bytes | None:
        """As `skyhook.plugin.WebSocket.receive`."""
        if not self._is_open:
            return None
        event: Any = await self._receive()
        if event["type"] == "websocket.disconnect":
            self._is_open = False
            return None
        text: str | None = event.get("text")
        message: str | bytes = event["bytes"] if text is None else text
        if len(message) > self._route.message_bytes:
            await self.close(TOO_LARGE, f"A message has at most {self._route.message_bytes} bytes")
            return None
        return message

    async def send(self, message: str | bytes) -> None:
        """As `skyhook.plugin.WebSocket.send`."""
        if isinstance(message, str):
            await self._sent({"type": "websocket.send", "bytes": None, "text": message})
        else:
            await self._sent({"type": "websocket.send", "bytes": message, "text": None})

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """As `skyhook.plugin.WebSocket.close`."""
        short = reason.encode()[:REASON_BYTES].decode(errors="ignore")
        await self._sent({"type": "websocket.close", "code": code, "reason": short})
        self._is_open = False

    async def _sent(self, message: Any) -> None:
        if not self._is_open:
            return
        try:
            await self._send(message)
        except OSError:
            self._is_open = False


async def serve(
    route: WebSocketRoute, services: Services, scope: Scope, receive: Receive, send: Send
) -> None:
    """Runs one connection: refused with an HTTP status, or served by the handler until it returns."""
    connection = Connection(route, services, scope, receive, send)
    try:
        await connection.admit()
    except Exception as error:
        await refuse(scope, receive, send, connection.head, error)
        return
    await connection.accept()
    REQUEST_ID.set(connection.request_id)
    try:
        await route.handler(connection)
    except SkyhookError as error:
        await connection.close(POLICY_VIOLATION, f"{error.code}: {error.message}")
    except Exception as error:
        message, extensions = internal_error(error, connection.request_id)
        plugin = route.scope.partition(":")[0]
        services.failures.note(connection.caller.organization_id, plugin, route.path, error)
        await connection.close(SERVER_ERROR, f"{extensions['code']}: {message}")
    finally:
        await connection.close()


async def refuse(scope: Scope, receive: Receive, send: Send, head: Head, error: Exception) -> None:
    """Refuses a handshake, with the status and the body that the error has over HTTP."""
    await receive()

    async def as_websocket(message: Any) -> None:
        await send({**message, "type": message["type"].replace("http.", "websocket.http.")})

    await send_error(as_websocket, head, error)


def _key_offered(route: WebSocketRoute, offered: list[str]) -> str | None:
    """The key in a subprotocol, as an Authorization header has it."""
    prefix = route.key_subprotocol
    keys = [name.removeprefix(prefix) for name in offered if prefix and name.startswith(prefix)]
    return f"Bearer {keys[0]}" if keys else None
