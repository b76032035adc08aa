"""Streams over a WebSocket: the protocol `graphql-transport-ws`."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any

import msgspec
from litestar.types import Receive, Scope, Send, WebSocketSendMessage

from skyhook.errors import SkyhookError
from skyhook.graphql.context import Authenticate, Context
from skyhook.graphql.engine import STREAMS, Engine, Request, encode
from skyhook.graphql.errors import ClientGone, RequestRefused, internal_refusal
from skyhook.graphql.head import Head
from skyhook.graphql.watching import Check, Watch, end_of
from skyhook.operations.request import REQUEST_ID

PROTOCOL = "graphql-transport-ws"
INIT_TIMEOUT_S = 10.0

_encode = msgspec.json.Encoder().encode


class Message(msgspec.Struct):
    """Any message of a client."""

    type: str
    id: str = ""
    payload: Any = None


_decode = msgspec.json.Decoder(Message).decode


class Closed(Exception):
    """The connection must be closed with this code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Socket:
    """One connection, with its operations as tasks; serves it until either side closes it."""

    def __init__(
        self,
        engine: Engine,
        authenticate: Authenticate,
        watch: Watch,
        services: Any,
        scope: Scope,
        send: Send,
    ) -> None:
        self._engine = engine
        self._authenticate = authenticate
        self._watch = watch
        self._services = services
        self._head = Head.of(scope)
        self._raw_send = send
        self._check: Check | None = None
        self._state = "new"
        self._operations: dict[str, asyncio.Task[None]] = {}

    async def serve(self, scope: Scope, receive: Receive) -> None:
        """Runs the protocol; every resolver's `finally` blocks have run when this returns."""
        await receive()
        offered: Any = scope.get("subprotocols") or []
        accepted = PROTOCOL if PROTOCOL in offered else None
        await self._send({"type": "websocket.accept", "subprotocol": accepted, "headers": []})
        try:
            if accepted is None:
                raise Closed(4406, f"Speak the subprotocol {PROTOCOL}")
            await self._initialise(receive)
            if self._state == "ready":
                await self._handle_all(receive)
        except ClientGone:
            pass
        except Closed as closed:
            with suppress(ClientGone):
                await self._send(
                    {"type": "websocket.close", "code": closed.code, "reason": closed.reason[:120]}
                )
        finally:
            tasks = list(self._operations.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _handle_all(self, receive: Receive) -> None:
        """What the client sends until it goes away, or until the session ends."""
        handling = asyncio.create_task(self._handle_each(receive))
        watching = asyncio.create_task(end_of(self._check))
        try:
            await asyncio.wait((handling, watching), return_when=asyncio.FIRST_COMPLETED)
        finally:
            handling.cancel()
            watching.cancel()
            handled, why = await asyncio.gather(handling, watching, return_exceptions=True)
        if isinstance(handled, Exception):
            raise handled
        if isinstance(why, SkyhookError):
            raise Closed(4403, f"{why.code}: {why.message}")

    async def _handle_each(self, receive: Receive) -> None:
        while (text := await self._receive(receive)) is not None:
            await self._handle(self._message(text))

    async def _receive(self, receive: Receive) -> str | None:
        event: Any = await receive()
        if event["type"] == "websocket.disconnect":
            return None
        text: str | None = event.get("text")
        if text is None:
            raise Closed(4400, "Messages are text")
        if len(text) > self._engine.limits.body_bytes:
            raise Closed(1009, "The message is too large")
        return text

    @staticmethod
    def _message(text: str) -> Message:
        try:
            return _decode(text)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise Closed(4400, f"Not a message of {PROTOCOL}: {error}") from error

    async def _initialise(self, receive: Receive) -> None:
        try:
            async with asyncio.timeout(INIT_TIMEOUT_S):
                while self._state == "new" and (text := await self._receive(receive)) is not None:
                    await self._handle(self._message(text))
        except TimeoutError as error:
            raise Closed(4408, "Connection initialisation timeout") from error

    async def _handle(self, message: Message) -> None:
        match message.type:
            case "connection_init":
                await self._init(message.payload)
            case "ping":
                await self._reply({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                self._subscribe(message)
            case "complete":
                if task := self._operations.pop(message.id, None):
                    task.cancel()
            case other:
                raise Closed(4400, f"Unknown message type {other[:40]!r}")

    async def _init(self, payload: Any) -> None:
        if self._state != "new":
            raise Closed(4429, "Too many initialisation requests")
        if isinstance(payload, dict):
            given = payload.get("Authorization", payload.get("authorization"))
            if given is not None and not isinstance(given, str):
                raise Closed(4400, "Authorization is a string")
            self._head = replace(self._head, authorization=given or self._head.authorization)
            self._head = replace(self._head, organization=self._asked_for(payload))
        try:
            await self._authenticate(self._head)
            self._check = await self._watch(self._head)
        except SkyhookError as error:
            raise Closed(4403, f"{error.code}: {error.message}") from error
        self._state = "ready"
        await self._reply({"type": "connection_ack"})

    def _asked_for(self, payload: dict[str, Any]) -> str | None:
        """The organization for which a page of this server asks, in the name of who is logged in."""
        organization: object = payload.get("organization")
        if organization is None:
            return self._head.organization
        if not isinstance(organization, str):
            raise Closed(4400, "organization is a string")
        if self._head.authorization is None and not self._head.is_of_own_page:
            raise Closed(4403, "FORBIDDEN: Only a page of this server asks for who is logged in")
        return organization

    def _subscribe(self, message: Message) -> None:
        if self._state != "ready":
            raise Closed(4401, "Unauthorized")
        if not message.id:
            raise Closed(4400, "subscribe needs an id")
        if message.id in self._operations:
            raise Closed(4409, f"Subscriber for {message.id[:40]} already exists")
        if len(self._operations) >= self._engine.limits.socket_operations:
            raise Closed(4429, "Too many operations on one connection")
        try:
            request = msgspec.convert(message.payload, Request)
        except msgspec.ValidationError as error:
            raise Closed(4400, f"Not a GraphQL request: {error}") from error
        self._operations[message.id] = asyncio.create_task(self._run(message.id, request))

    async def _run(self, operation_id: str, request: Request) -> None:
        request_id = f"{self._head.request_id}-{operation_id[:64]}"
        REQUEST_ID.set(request_id)
        try:
            context = Context(
                # Again for each operation: a key that was revoked since starts nothing new.
                caller=await self._authenticate(self._head),
                request_id=request_id,
                client_address=self._head.client_address,
                origin=self._head.origin,
                services=self._services,
            )
            await self._stream(operation_id, request, context)
        except ClientGone:
            return
        except Exception as error:
            refusal = _refusal(error, request_id)
            await self._finish(operation_id, {"type": "error", "payload": refusal.errors})

    async def _stream(self, operation_id: str, request: Request, context: Context) -> None:
        run = await self._engine.admit(request, context, STREAMS)
        prefix = b'{"type":"next","id":%b,"payload":' % _encode(operation_id)
        async with aclosing(run.events()) as events:
            async for payload in events:
                text = b"%b%b}" % (prefix, encode(payload, context.request_id))
                await self._send({"type": "websocket.send", "bytes": None, "text": text.decode()})
        extensions = {"extensions": {"cost": run.cost()}}
        await self._finish(operation_id, {"type": "complete", "payload": extensions})

    async def _finish(self, operation_id: str, message: dict[str, Any]) -> None:
        # The id is free again before the client hears that it is.
        if self._operations.pop(operation_id, None) is not None:
            with suppress(ClientGone):
                await self._reply({"id": operation_id, **message})

    async def _send(self, message: WebSocketSendMessage) -> None:
        try:
            await self._raw_send(message)
        except OSError as error:
            raise ClientGone from error

    async def _reply(self, message: dict[str, Any]) -> None:
        await self._send({"type": "websocket.send", "bytes": None, "text": _encode(message).decode()})


def _refusal(error: Exception, request_id: str) -> RequestRefused:
    if isinstance(error, RequestRefused):
        return error
    if isinstance(error, SkyhookError):
        return RequestRefused.of(error)
    return internal_refusal(error, request_id)
