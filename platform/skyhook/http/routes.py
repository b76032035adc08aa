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
from skyhook.http.invoices import InvoiceDownload
from skyhook.http.upload import Upload
from skyhook.http.websocket import refuse, serve
from skyhook.services import Services

PLUGINS = "/p"
INVOICES = "/invoices"


def artifact_routes(services: Services) -> list[BaseRouteHandler]:
    """Uploads at `/artifacts`, and what signed links lead to below it."""
    upload = Upload(services.artifacts, services.authenticate, services.rate_limits)
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


def invoice_routes(services: Services) -> list[BaseRouteHandler]:
    """Billing documents as PDF, each at `/invoices/<id>.pdf`."""
    download = InvoiceDownload(services.invoices, services.authenticate, services.rate_limits)

    @asgi(INVOICES, is_mount=True, copy_scope=False, name="invoices")
    async def invoices(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.WEBSOCKET:
            await receive()
            await send({"type": "websocket.close", "code": 1000, "reason": "No WebSocket here"})
            return
        name = scope["raw_path"].decode("latin-1").removeprefix(INVOICES).removeprefix("/")
        await download(scope, receive, send, name=name)

    return [invoices]


def plugin_routes(services: Services) -> list[BaseRouteHandler]:
    """The addresses that plugins bring, each below `/p/<plugin>`."""
    routes = {
        f"{PLUGINS}/{plugin.name}{route.path}": route
        for plugin in services.plugins.loaded
        for route in plugin.routes
    }

    @asgi(PLUGINS, is_mount=True, copy_scope=False, name="plugins")
    async def plugins(scope: Scope, receive: Receive, send: Send) -> None:
        route = routes.get(scope["raw_path"].decode("latin-1"))
        head = Head.of(scope)
        if scope["type"] == ScopeType.WEBSOCKET:
            if route is None:
                await refuse(scope, receive, send, head, NotFound("There is nothing at this address."))
            else:
                await serve(route, services, scope, receive, send)
        elif route is None:
            await send_error(send, head, NotFound("There is nothing at this address."))
        else:
            await send_error(send, head, NotFound("This address is for WebSockets: open one with wss://."))

    return [plugins]
