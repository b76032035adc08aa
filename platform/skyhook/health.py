"""`/health/live` and `/health/ready`: for load balancers and people."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from sqlalchemy import text

from skyhook.services import Services


def health_routes(services: Services) -> list[HTTPRouteHandler]:
    """Live: the process answers. Ready: the database does, too; what else is wrong is named."""

    @get("/health/live", sync_to_thread=False)
    def live() -> dict[str, str]:
        return {"status": "live"}

    @get("/health/ready")
    async def ready() -> Response[dict[str, Any]]:
        try:
            async with services.database.read() as session:
                await session.execute(text("SELECT 1"))
        except Exception:
            return Response({"status": "unavailable", "database": "does not answer"}, status_code=503)
        broken = {plugin.name: plugin.reason for plugin in services.plugins.broken}
        problem = services.compute.problem
        functions = None if problem is None else {"code": problem.code, "message": problem.message}
        return Response({"status": "ready", "broken_plugins": broken, "functions": functions})

    return [live, ready]
