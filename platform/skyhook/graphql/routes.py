"""The route handlers that the application mounts."""

from __future__ import annotations

from typing import Any

from litestar import asgi
from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler
from litestar.types import Receive, Scope, Send
from strawberry import Schema

from skyhook.graphql.budget import RateBudget
from skyhook.graphql.context import Authenticate
from skyhook.graphql.engine import Engine
from skyhook.graphql.graphiql import assets_route
from skyhook.graphql.handler import Handler
from skyhook.graphql.limits import Limits
from skyhook.graphql.watching import Watch, nobody_is_watched
from skyhook.graphql.websocket import Socket


def graphql_routes(
    schema: Schema,
    authenticate: Authenticate,
    rate_budget: RateBudget,
    services: Any,
    *,
    watch: Watch = nobody_is_watched,
    limits: Limits | None = None,
    path: str = "/graphql",
) -> list[BaseRouteHandler]:
    """GraphQL at `path` over HTTP, SSE and WebSocket, with GraphiQL for browsers."""
    engine = Engine(schema, rate_budget, limits or Limits())
    return engine_routes(engine, authenticate, services, watch=watch, path=path)


def engine_routes(
    engine: Engine,
    authenticate: Authenticate,
    services: Any,
    *,
    watch: Watch = nobody_is_watched,
    path: str = "/graphql",
) -> list[BaseRouteHandler]:
    """The same for an engine that is there already."""
    handler = Handler(engine, authenticate, watch, services, path)

    @asgi(path, copy_scope=False, name="graphql")
    async def graphql(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.WEBSOCKET:
            await Socket(engine, authenticate, watch, services, scope, send).serve(scope, receive)
        else:
            await handler(scope, receive, send)

    return [graphql, assets_route(path)]
