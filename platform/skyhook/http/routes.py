"""The route handlers that the application mounts."""

from __future__ import annotations

from litestar import asgi
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import Receive, Scope, Send

from skyhook.artifacts.links import PATH
from skyhook.errors import NotFound
from skyhook.graphql.head import Head
from skyhook.http.answers import send_error
from skyhook.http.download import Download
from skyhook.http.upload import Upload
from skyhook.services import Services


def artifact_routes(services: Services) -> list[BaseRouteHandler]:
    """Uploads at `/artifacts`, and what signed links lead to below it."""
    upload = Upload(services.artifacts, services.authentication.authenticate, services.rate_limits)
    download = Download(services.artifacts)

    # A mount, since Litestar gives no path parameters to ASGI applications.
    @asgi(PATH, is_mount=True, copy_scope=False, name="artifacts")
    async def artifacts(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.WEBSOCKET:
            await receive()
            await send({"type": "websocket.close", "code": 1000, "reason": "No WebSocket here"})
            return
        match scope["raw_path"].decode("latin-1").removeprefix(PATH).split("/"):
            case [""]:
                await upload(scope, receive, send)
            case ["", id, name]:
                await download(scope, receive, send, id=id, quoted_name=name)
            case _:
                await send_error(send, Head.of(scope), NotFound("There is nothing at this address."))

    return [artifacts]
