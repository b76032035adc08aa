"""`POST /webhooks/stripe`: where Stripe sends its events."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler

from skyhook.errors import SkyhookError
from skyhook.payments.service import Payments

MOST_BYTES = 1_048_576


def stripe_routes(payments: Payments) -> list[HTTPRouteHandler]:
    """The address, whether cards are taken or not: Stripe tries again, so nothing is lost meanwhile."""

    @post("/webhooks/stripe", status_code=200, request_max_body_size=MOST_BYTES)
    async def receive(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        body = await request.body()
        try:
            payments.gateway.verified(body, request.headers.get("stripe-signature"))
            await payments.inbox.receive(body)
        except SkyhookError as error:
            return Response({"code": error.code, "message": error.message}, status_code=error.status)
        return Response({"received": True})

    return [receive]
