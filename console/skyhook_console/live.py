"""The counter of the current hour: a stream of events for as long as its reader may see them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
from litestar import get
from litestar.response import Stream

from skyhook.accounts.errors import SessionEnded
from skyhook.accounts.sessions import Place
from skyhook.operations.caller import Caller
from skyhook.scopes import USAGE_READ
from skyhook.services import Services
from skyhook.usage.activity import CurrentHour
from skyhook_console.formats import count, dollars
from skyhook_console.visiting import KEEPS_SESSION, Visit

CHECK_S = 30.0
"""How soon a stream ends after its session, or the reader's membership, did."""


@get("/o/{slug:str}/usage/live", opt={KEEPS_SESSION: False})
async def live_usage(visit: Visit, slug: str) -> Stream:
    """The current hour, now and whenever it changes."""
    visit, caller = visit.at(slug, USAGE_READ)
    told = events(visit.services, caller, visit.visitor.place(slug))
    return Stream(told, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def events(services: Services, caller: Caller, place: Place) -> AsyncGenerator[bytes, None]:
    clock = asyncio.get_running_loop().time
    check_at = clock() + CHECK_S
    async with aclosing(services.activity.watch(caller.organization_id, services.draining)) as hours:
        async for hour in hours:
            if clock() >= check_at:
                try:
                    await services.sessions.check(place)
                except SessionEnded:
                    yield b"event: ended\ndata:\n\n"
                    return
                check_at = clock() + CHECK_S
            yield b"data: %b\n\n" % msgspec.json.encode(_words(hour))


def _words(hour: CurrentHour) -> dict[str, str]:
    return {
        "since": f"{hour.hour:%H:%M} UTC",
        "calls": count(hour.calls),
        "cost": dollars(hour.cost),
        "failed": count(hour.failed),
        "running": count(hour.running),
    }


HANDLERS: list[Any] = [live_usage]
