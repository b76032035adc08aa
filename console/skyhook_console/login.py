"""Login and logout."""

from __future__ import annotations

import re
from typing import Any

from litestar import Response, get, post

from skyhook.accounts.errors import LoginFailed, LoginThrottled
from skyhook_console.visiting import COOKIE, Http, Visit, go

_OWN = re.compile(r"/console(/[A-Za-z0-9_./-]*)?(\?[A-Za-z0-9_.=&%-]*)?\Z")


@get("/login")
async def login_page(visit: Visit, next: str = "") -> Response[str]:
    """The form; whoever is logged in already goes on."""
    if visit.visitor_or_none is not None:
        return go(visit.request, _own(next))
    return visit.page("login.html", next=next, email="", error=None)


@post("/login", status_code=200)
async def log_in(request: Http, visit: Visit) -> Response[str]:
    """Logs in, in a new session each time."""
    form = await request.form()
    email, after = str(form.get("email") or ""), str(form.get("next") or "")
    address = request.client.host if request.client else ""
    agent = request.headers.get("user-agent", "")
    try:
        token = await visit.services.sessions.log_in(email, str(form.get("password") or ""), address, agent)
    except (LoginFailed, LoginThrottled) as error:
        return visit.page("login.html", status=error.status, next=after, email=email, error=error.message)
    if visit.visitor_or_none is not None:
        await visit.services.sessions.end(visit.visitor.user.id, visit.visitor.session.id)
    response = go(request, _own(after))
    response.set_cookie(visit.cookie(token))
    return response


@post("/logout", status_code=200)
async def log_out(visit: Visit) -> Response[str]:
    """Ends the session."""
    if visit.visitor_or_none is not None:
        await visit.services.sessions.end(visit.visitor.user.id, visit.visitor.session.id)
    response = go(visit.request, "/console/login")
    response.delete_cookie(COOKIE)
    return response


def _own(address: str) -> str:
    """An address within the console, whatever was asked for."""
    return address if _OWN.match(address) and "//" not in address else "/console"


HANDLERS: list[Any] = [login_page, log_in, log_out]
