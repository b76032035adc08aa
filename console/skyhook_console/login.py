"""Login and logout."""

from __future__ import annotations

import re
from typing import Any

from litestar import Response, get, post
from litestar.enums import MediaType

from skyhook.accounts.errors import LoginFailed, LoginThrottled
from skyhook.accounts.sessions import COOKIE
from skyhook.errors import SkyhookError
from skyhook_console.visiting import Http, Visit, go

_OWN = re.compile(r"/console(/[A-Za-z0-9_./-]*)?(\?[A-Za-z0-9_.=&%-]*)?\Z")


@get("/login")
async def login_page(visit: Visit, next: str = "") -> Response[str]:
    """The form; whoever is logged in already goes on."""
    if visit.visitor_or_none is not None:
        return go(visit.request, _own(next))
    return _form(visit, next)


@post("/login", status_code=200)
async def log_in(request: Http, visit: Visit) -> Response[str]:
    """Logs in, in a new session each time."""
    form = await request.form()
    email, after = str(form.get("email") or ""), str(form.get("next") or "")
    try:
        token = await visit.services.sessions.log_in(
            email, str(form.get("password") or ""), visit.address, visit.user_agent
        )
    except (LoginFailed, LoginThrottled) as error:
        return _form(visit, after, email, error)
    return await begin(visit, token, _own(after))


@get("/login/passkey", media_type=MediaType.JSON)
async def passkey_options(visit: Visit) -> dict[str, Any]:
    """What the browser is asked for to log in with a passkey; it knows itself whose it has."""
    return visit.services.passkeys.options_to_log_in()


@post("/login/passkey", status_code=200)
async def log_in_with_passkey(request: Http, visit: Visit) -> Response[str]:
    """Logs in with what a passkey has answered."""
    form = await request.form()
    after = str(form.get("next") or "")
    try:
        token = await visit.services.passkeys.log_in(
            str(form.get("answer") or ""), visit.address, visit.user_agent
        )
    except SkyhookError as error:
        return _form(visit, after, error=error)
    return await begin(visit, token, _own(after))


@post("/logout", status_code=200)
async def log_out(visit: Visit) -> Response[str]:
    """Ends the session."""
    if visit.visitor_or_none is not None:
        await visit.services.sessions.end(visit.visitor.user.id, visit.visitor.session.id)
    response = go(visit.request, "/console/login")
    response.delete_cookie(COOKIE)
    return response


def _form(visit: Visit, after: str, email: str = "", error: SkyhookError | None = None) -> Response[str]:
    return visit.page(
        "login.html",
        status=error.status if error else 200,
        next=after,
        email=email,
        error=error and error.message,
        may_sign_up=visit.services.sign_ups.is_open,
        may_use_passkeys=visit.may_use_passkeys,
    )


async def begin(visit: Visit, token: str, address: str) -> Response[str]:
    """Goes on in a new session, and ends the one before."""
    if visit.visitor_or_none is not None:
        await visit.services.sessions.end(visit.visitor.user.id, visit.visitor.session.id)
    visit.keep(token)
    return go(visit.request, address)


def _own(address: str) -> str:
    """An address within the console, whatever was asked for."""
    return address if _OWN.match(address) and "//" not in address else "/console"


HANDLERS: list[Any] = [login_page, log_in, passkey_options, log_in_with_passkey, log_out]
