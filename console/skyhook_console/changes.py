"""The page of one change of what is installed: its steps as they come, the proposal, and how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.response import Stream

from skyhook.errors import NotFound
from skyhook.plugins.installation.changes import Change
from skyhook.plugins.installation.folders import Folders
from skyhook_console.instance import administrator, changes_of, home_of
from skyhook_console.visiting import KEEPS_SESSION, Http, Visit, go

POLL_S = 0.2
STREAM_S = 10.0
"""A stream ends after so long, and the browser opens another: each is for somebody who may still see it."""


@get("/instance/changes/{change_id:str}")
async def change_page(visit: Visit, change_id: str) -> Response[str]:
    """A change as it stands now."""
    administrator(visit)
    change = changes_of(visit.services).get(change_id)
    installed = Folders(visit.services.configuration.data).current_generation.plugins
    names = {plugin.name for plugin in installed}
    return visit.page("instance_change.html", change=change, home=home_of(visit), installed=names)


@get("/instance/changes/{change_id:str}/events", opt={KEEPS_SESSION: False})
async def change_events(request: Http, visit: Visit, change_id: str) -> Stream:
    """Each step as it begins, from the one after `Last-Event-ID` or `after`, and each new state."""
    administrator(visit)
    changes = changes_of(visit.services)
    changes.get(change_id)
    text = request.headers.get("last-event-id") or request.query_params.get("after") or "0"
    after = int(text) if text.isdecimal() and len(text) < 10 else 0
    told = events(lambda: changes.get(change_id), after, visit.services.draining)
    return Stream(told, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


@post("/instance/changes/{change_id:str}/agree", status_code=200)
async def agree_to_change(request: Http, visit: Visit, change_id: str) -> Response[str]:
    """Lets what was proposed be applied."""
    return await _answer(request, visit, change_id, is_agreed=True)


@post("/instance/changes/{change_id:str}/drop", status_code=200)
async def drop_change(request: Http, visit: Visit, change_id: str) -> Response[str]:
    """Drops what was proposed."""
    return await _answer(request, visit, change_id, is_agreed=False)


async def _answer(request: Http, visit: Visit, change_id: str, *, is_agreed: bool) -> Response[str]:
    user = administrator(visit)
    if (asked := await visit.ask_again()) is not None:
        return asked
    await changes_of(visit.services).answer(user, change_id, is_agreed)
    return go(request, f"/console/instance/changes/{change_id}")


async def events(
    read: Callable[[], Change], after: int, draining: asyncio.Event
) -> AsyncGenerator[bytes, None]:
    clock = asyncio.get_running_loop().time
    ends_at, state = clock() + STREAM_S, None
    yield b"retry: 500\n\n"
    while clock() < ends_at and not draining.is_set():
        try:
            change = read()
        except NotFound:
            return
        for number, step in enumerate(change.steps[after:], after + 1):
            yield b"id: %d\nevent: step\ndata: %b\n\n" % (number, msgspec.json.encode(step.text))
        after = max(after, len(change.steps))
        if change.state != state:
            state = change.state
            yield b"event: state\ndata: %b\n\n" % state.encode()
        if change.ended is not None:
            return
        await asyncio.sleep(POLL_S)


HANDLERS: list[Any] = [change_page, change_events, agree_to_change, drop_change]
