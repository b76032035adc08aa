"""`POST /artifacts?name=...`: a file of the organization, its bytes as the body."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from litestar.types import Receive, Scope, Send

from skyhook.artifacts.incoming import too_large
from skyhook.artifacts.models import Artifact
from skyhook.artifacts.service import Artifacts
from skyhook.errors import InvalidInput, Unauthenticated
from skyhook.graphql.budget import RateBudget
from skyhook.graphql.context import Authenticate
from skyhook.graphql.errors import ClientGone, MethodNotAllowed, UnsupportedMediaType
from skyhook.graphql.head import Head
from skyhook.graphql.ids import node_id
from skyhook.http.answers import Headers, send_error, send_json
from skyhook.operations.caller import Caller
from skyhook.scopes import ARTIFACTS_WRITE

_UNSAID = {"", "application/x-www-form-urlencoded", "application/octet-stream"}
"""What clients send where nobody has said what the file is."""


class Upload:
    """Answers POST."""

    def __init__(self, artifacts: Artifacts, authenticate: Authenticate, rate_budget: RateBudget) -> None:
        self._artifacts = artifacts
        self._authenticate = authenticate
        self._rate_budget = rate_budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application for scopes of type `http`."""
        head = Head.of(scope)
        try:
            if head.method != "POST":
                raise MethodNotAllowed("Use POST.")
            caller = await self._caller(head)
            name = _name(scope)
            media_type = _media_type(head)
            if head.content_length > self._artifacts.at_most_bytes:
                raise too_large(self._artifacts.at_most_bytes)
            artifact = await self._artifacts.put(
                caller.organization_id, _body(receive), name=name, media_type=media_type
            )
        except ClientGone:
            return
        except Exception as error:
            # The rest of the body is not read, so the connection cannot carry another request.
            extra: Headers = [(b"connection", b"close")]
            if isinstance(error, MethodNotAllowed):
                extra.append((b"allow", b"POST"))
            await send_error(send, head, error, extra)
        else:
            await send_json(send, head, 201, self._described(artifact, head))

    async def _caller(self, head: Head) -> Caller:
        caller = await self._authenticate(head)
        if caller is None:
            raise Unauthenticated(
                "This needs an API key. Send it as the header `Authorization: Bearer sk_...`."
            )
        caller.require(ARTIFACTS_WRITE)
        await self._rate_budget.take(caller, 1)
        return caller

    def _described(self, artifact: Artifact, head: Head) -> dict[str, Any]:
        """The artifact in the fields of the GraphQL type."""
        link = self._artifacts.url(artifact, timedelta(hours=1))
        return {
            "id": node_id("Artifact", artifact.id),
            "name": artifact.name,
            "mediaType": artifact.media_type,
            "sizeBytes": str(artifact.size_bytes),
            "sha256": artifact.sha256,
            "url": f"{head.origin}{link}" if link.startswith("/") else link,
            "createdAt": artifact.created_at,
            "expiresAt": artifact.expires_at,
            "madeBy": artifact.made_by,
        }


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        if part := message.get("body", b""):
            yield part
        if not message.get("more_body"):
            return


def _name(scope: Scope) -> str:
    try:
        query = parse_qs(scope["query_string"].decode("ascii"), errors="strict", max_num_fields=16)
        (name,) = query.get("name", [])
    except ValueError as error:
        raise InvalidInput("Name the file, once: /artifacts?name=picture.png", field="name") from error
    return name


def _media_type(head: Head) -> str | None:
    said = head.content_type.partition(";")[0].strip().lower()
    if said.startswith("multipart/"):
        raise UnsupportedMediaType("Send the file's bytes as the body itself, not as a form.")
    return None if said in _UNSAID else said
