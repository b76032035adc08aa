"""How a plain HTTP address answers: JSON, and errors in the form that GraphQL's have."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec
from litestar.types import Send

from skyhook.errors import SkyhookError
from skyhook.graphql.errors import RequestRefused, internal_refusal
from skyhook.graphql.head import Head

Headers: TypeAlias = list[tuple[bytes, bytes]]


async def send_json(
    send: Send, head: Head, status: int, content: Any, extra: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Answers with `content` as JSON; to HEAD with the headers alone."""
    body = msgspec.json.encode(content)
    headers: Headers = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"x-request-id", head.request_id.encode()),
        *extra,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send(
        {"type": "http.response.body", "body": b"" if head.method == "HEAD" else body, "more_body": False}
    )


async def send_error(
    send: Send, head: Head, error: Exception, extra: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Answers with an error; one that a caller may not know is logged under a reference."""
    if isinstance(error, SkyhookError):
        refusal = RequestRefused.of(error)
    else:
        refusal = internal_refusal(error, head.request_id)
    cause = refusal.cause
    headers: Headers = [*extra]
    if cause.retry_after_s is not None:
        headers.append((b"retry-after", b"%d" % math.ceil(cause.retry_after_s)))
    if cause.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send_json(send, head, cause.status, {"errors": refusal.errors}, headers)
