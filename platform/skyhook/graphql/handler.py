"""`/graphql` over HTTP: one thin ASGI handler, as "GraphQL over HTTP" specifies."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from graphql import OperationType
from litestar.types import Receive, Scope, Send

from skyhook.errors import SkyhookError
from skyhook.graphql import graphiql, media, sse
from skyhook.graphql.context import Authenticate, Context, idempotency_key
from skyhook.graphql.engine import ANSWERS, STREAMS, Engine, Payload, Request, Run, encode
from skyhook.graphql.errors import (
    BadRequest,
    BadVariable,
    BodyTooLarge,
    ClientGone,
    MethodNotAllowed,
    NotAcceptable,
    OperationNotFound,
    ParseFailed,
    RequestRefused,
    UnsupportedMediaType,
    ValidationFailed,
    internal_refusal,
)
from skyhook.graphql.head import Head
from skyhook.graphql.watching import Watch
from skyhook.operations.request import REQUEST_ID

WATCHED_AFTER_S = 0.05
"""Only for an answer that takes longer is it worth watching whether the client is still there."""

_decode = msgspec.json.Decoder(Request).decode
_decode_object = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder().encode

_DOCUMENT_ERRORS = (ParseFailed, ValidationFailed, BadVariable, OperationNotFound)
"""What `application/json` answers with 200, since its older clients read a body only then."""


class Handler:
    """Answers HTTP requests with an engine."""

    def __init__(
        self, engine: Engine, authenticate: Authenticate, watch: Watch, services: Any, graphiql_path: str
    ) -> None:
        self._engine = engine
        self._authenticate = authenticate
        self._watch = watch
        self._services = services
        self._page = graphiql.page(graphiql_path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application for scopes of type `http`."""
        head = Head.of(scope)
        media_type = media.negotiate(head.accept)
        try:
            if media_type == media.HTML and head.method in ("GET", "HEAD"):
                await graphiql.send_page(send, self._page, head.method)
                return
            if media_type is None or media_type == media.HTML:
                raise NotAcceptable(f"Accept one of {media.GRAPHQL}, {media.JSON} and {media.STREAM}.")
            request = await self._request(scope, head, receive)
            context = await self._context(head)
            kinds = STREAMS if media_type == media.STREAM else ANSWERS
            if head.method == "GET":  # any page can make a browser send it
                kinds -= {OperationType.MUTATION}
            check = await self._watch(head) if media_type == media.STREAM else None
            run = await self._engine.admit(request, context, kinds)
            if media_type == media.STREAM:
                await sse.serve(run, receive, send, check)
                return
            body = encode(await _answer(run, receive), head.request_id)
        except ClientGone:
            return
        except RequestRefused as refusal:
            await _refuse(send, head, media_type, refusal)
        except SkyhookError as error:
            await _refuse(send, head, media_type, RequestRefused.of(error))
        except Exception as error:
            await _refuse(send, head, media_type, internal_refusal(error, head.request_id))
        else:
            await _send(send, 200, media_type, head.request_id, body)

    async def _context(self, head: Head) -> Context:
        REQUEST_ID.set(head.request_id)
        return Context(
            caller=await self._authenticate(head),
            request_id=head.request_id,
            client_address=head.client_address,
            services=self._services,
            idempotency_key=idempotency_key(head.idempotency_key),
            origin=head.origin,
        )

    async def _request(self, scope: Scope, head: Head, receive: Receive) -> Request:
        if head.method == "POST":
            if head.content_type.partition(";")[0].strip().lower() != media.JSON:
                raise UnsupportedMediaType("Send the request as `Content-Type: application/json`.")
            return decode(await _body(receive, head.content_length, self._engine.limits.body_bytes))
        if head.method == "GET":
            return _query_request(scope["query_string"])
        raise MethodNotAllowed("Use POST, or GET for queries.")


async def _answer(run: Run, receive: Receive) -> Payload:
    """The run's answer. A client that goes away cancels it, unless it sent an idempotency key.

    With one it may ask again, and shall find the answer then. Raises ClientGone.
    """
    if run.context.idempotency_key is not None:
        return await run.answer()
    watch = _Watch(receive)
    try:
        return await run.answer()
    except asyncio.CancelledError:
        if watch.has_left:
            raise ClientGone from None
        raise
    finally:
        watch.end()


class _Watch:
    """Cancels the current task when its client goes away."""

    __slots__ = ("_receive", "_task", "_timer", "_watching", "has_left")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._task = asyncio.current_task()
        self._watching: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(WATCHED_AFTER_S, self._begin)
        self.has_left = False

    def end(self) -> None:
        """The answer is there."""
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()

    def _begin(self) -> None:
        self._watching = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        await sse.client_left(self._receive)
        self.has_left = True
        if self._task is not None:
            self._task.cancel()


def decode(body: bytes) -> Request:
    """A request from its JSON. Raises BadRequest."""
    try:
        return _decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(
            f"The body is not a GraphQL request as a JSON object with `query`: {error}."
        ) from error


async def _body(receive: Receive, declared: int, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        if max(declared, size) > limit:
            raise BodyTooLarge(f"The body is larger than {limit} bytes.")
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk = message.get("body", b"")
        size += len(chunk)  # type: ignore[arg-type]
        chunks.append(chunk)  # type: ignore[arg-type]
        if not message.get("more_body") and size <= limit:
            return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _query_request(query_string: bytes) -> Request:
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=16
        )
        given = dict(pairs)
        if len(given) != len(pairs):
            raise BadRequest("A parameter is there twice.")
        return Request(
            query=given["query"],
            variables=_parameter(given, "variables"),
            operation_name=given.get("operationName") or None,
            extensions=_parameter(given, "extensions"),
        )
    except KeyError as error:
        raise BadRequest("The parameter `query` is missing.", field="query") from error
    except ValueError as error:
        raise BadRequest("The query string is not well-formed.") from error


def _parameter(given: dict[str, str], name: str) -> dict[str, Any] | None:
    text = given.get(name)
    if not text:
        return None
    try:
        return _decode_object(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadRequest(f"The parameter `{name}` is not a JSON object: {error}.", field=name) from error


async def _refuse(send: Send, head: Head, media_type: str | None, refusal: RequestRefused) -> None:
    cause = refusal.cause
    is_legacy = media_type == media.JSON and isinstance(cause, _DOCUMENT_ERRORS)
    extra: list[tuple[bytes, bytes]] = []
    if cause.retry_after_s is not None:
        extra.append((b"retry-after", b"%d" % math.ceil(cause.retry_after_s)))
    if cause.status == 401:
        extra.append((b"www-authenticate", b"Bearer"))
    if cause.status == 405:
        extra.append((b"allow", b"GET, POST"))
    body = _encode({"errors": refusal.errors})
    media_type = media.JSON if media_type == media.JSON else media.GRAPHQL
    await _send(send, 200 if is_legacy else cause.status, media_type, head.request_id, body, extra=extra)


async def _send(
    send: Send,
    status: int,
    media_type: str,
    request_id: str,
    body: bytes,
    *,
    extra: Sequence[tuple[bytes, bytes]] = (),
) -> None:
    headers = [
        (b"content-type", media_type.encode() + b"; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"vary", b"Accept"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", request_id.encode()),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
