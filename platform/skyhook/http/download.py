"""`GET /artifacts/{id}/{name}`: an artifact behind a signed link, whole or in part."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote
from uuid import UUID

from litestar.types import Receive, Scope, Send

from skyhook.artifacts.media import TEXT, is_shown
from skyhook.artifacts.models import Artifact
from skyhook.artifacts.service import Artifacts
from skyhook.errors import NotFound
from skyhook.graphql.errors import MethodNotAllowed
from skyhook.graphql.head import Head
from skyhook.graphql.sse import client_left
from skyhook.http.answers import Headers, send_error
from skyhook.http.ranges import Part, RangeNotSatisfiable, is_known, wanted

_POLICY = b"sandbox; default-src 'none'"
"""What is opened by itself runs nothing and loads nothing."""
_PLAYER_POLICY = b"sandbox allow-same-origin; default-src 'none'; media-src 'self'"
"""A browser puts a player around a sound or a video, which loads it from its own origin."""


@dataclass(frozen=True, slots=True)
class _Link:
    """What the address says."""

    id: UUID
    name: str
    expires: str
    signature: str

    @classmethod
    def of(cls, id: str, quoted_name: str, scope: Scope) -> _Link:
        query = parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=16)
        try:
            return cls(
                id=UUID(id),
                name=unquote(quoted_name, errors="strict"),
                expires=query.get("expires", [""])[0],
                signature=query.get("signature", [""])[0],
            )
        except ValueError as error:
            raise NotFound("There is no such artifact.") from error


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is sent: a head, and a body that is read as it is sent."""

    status: int
    headers: Headers
    begin: bytes = b""
    rest: AsyncGenerator[bytes, None] | None = None

    async def send(self, receive: Receive, send: Send) -> None:
        """Sends it, as long as the client takes it. What the store raises in the middle breaks it off."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        if self.rest is not None:
            leaving = asyncio.create_task(client_left(receive))
            try:
                async with aclosing(self.rest):
                    await send({"type": "http.response.body", "body": self.begin, "more_body": True})
                    async for content in self.rest:
                        if leaving.done():
                            return
                        await send({"type": "http.response.body", "body": content, "more_body": True})
            finally:
                leaving.cancel()
                await asyncio.gather(leaving, return_exceptions=True)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Download:
    """Answers GET and HEAD."""

    def __init__(self, artifacts: Artifacts) -> None:
        self._artifacts = artifacts

    async def __call__(
        self, scope: Scope, receive: Receive, send: Send, *, id: str, quoted_name: str
    ) -> None:
        """Answers a request for the artifact that the path names."""
        head = Head.of(scope)
        try:
            answer = await self._answer(scope, head, id, quoted_name)
        except Exception as error:
            await send_error(send, head, error, _beside(error))
        else:
            await answer.send(receive, send)

    async def _answer(self, scope: Scope, head: Head, id: str, quoted_name: str) -> _Answer:
        if head.method not in ("GET", "HEAD"):
            raise MethodNotAllowed("Use GET or HEAD.")
        link = _Link.of(id, quoted_name, scope)
        artifact = await self._artifacts.linked(link.id, link.name, link.expires, link.signature)
        asked = {name: value.decode("latin-1") for name, value in scope["headers"]}
        tag = f'"{artifact.sha256}"'
        headers = _common(artifact, tag, int(link.expires), head.request_id)
        if is_known(tag, asked.get(b"if-none-match")):
            return _Answer(304, headers)
        range_header = asked.get(b"range") if head.method == "GET" else None
        part = wanted(artifact.size_bytes, tag, range_header, asked.get(b"if-range"))
        headers += _described(artifact, part)
        status = 200 if part.is_whole else 206
        if head.method == "HEAD":
            return _Answer(status, headers)
        stream = self._artifacts.stream(artifact, part.start, part.end)
        # Read before the status is sent, so that an error of the store can still be one.
        return _Answer(status, headers, await anext(stream), stream)


def _beside(error: Exception) -> Headers:
    if isinstance(error, MethodNotAllowed):
        return [(b"allow", b"GET, HEAD")]
    if isinstance(error, RangeNotSatisfiable):
        return [(b"content-range", b"bytes */%d" % error.size)]
    return []


def _common(artifact: Artifact, tag: str, expires: int, request_id: str) -> Headers:
    """The headers of every good answer, 304 included."""
    is_played = artifact.media_type.startswith(("audio/", "video/"))
    fresh_s = max(expires - int(time.time()), 0)
    return [
        (b"etag", tag.encode()),
        (b"accept-ranges", b"bytes"),
        (b"cache-control", b"private, max-age=%d, immutable" % fresh_s),
        (b"content-security-policy", _PLAYER_POLICY if is_played else _POLICY),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"x-request-id", request_id.encode()),
    ]


def _described(artifact: Artifact, part: Part) -> Headers:
    media_type = artifact.media_type
    kind = "inline" if is_shown(media_type) else "attachment"
    plain = "".join(letter if letter.isascii() and letter not in '"\\%' else "_" for letter in artifact.name)
    disposition = f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(artifact.name, safe='')}"
    charset = "; charset=utf-8" if media_type == TEXT else ""
    headers: Headers = [
        (b"content-type", f"{media_type}{charset}".encode()),
        (b"content-disposition", disposition.encode()),
        (b"content-length", b"%d" % (part.end - part.start)),
    ]
    if not part.is_whole:
        span = f"bytes {part.start}-{part.end - 1}/{artifact.size_bytes}"
        headers.append((b"content-range", span.encode()))
    return headers
