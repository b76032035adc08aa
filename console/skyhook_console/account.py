"""What belongs to the visitor alone: the browsers they are logged in with."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post

from skyhook_console.visiting import Visit, go


@get("/account")
async def account_page(visit: Visit) -> Response[str]:
    """The visitor's sessions."""
    sessions = await visit.services.sessions.of_user(visit.visitor.user.id)
    return visit.page("account.html", sessions=sessions)


@post("/account/sessions/{session_id:uuid}/end", status_code=200)
async def end_session(visit: Visit, session_id: UUID) -> Response[str]:
    """Logs the visitor out of one of their browsers."""
    await visit.services.sessions.end(visit.visitor.user.id, session_id)
    return go(visit.request, "/console/account")


HANDLERS: list[Any] = [account_page, end_session]
