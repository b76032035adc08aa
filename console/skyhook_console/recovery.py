"""A forgotten password: a form, a mail, and a new password by its link."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post

from skyhook.errors import SkyhookError
from skyhook_console.visiting import Http, Visit


@get("/reset")
async def ask_page(visit: Visit) -> Response[str]:
    """The form that asks for a link."""
    return visit.page("reset_ask.html", email="", error=None)


@post("/reset", status_code=200)
async def ask(request: Http, visit: Visit) -> Response[str]:
    """Sends a link, if the address has an account; the answer does not tell."""
    email = str((await request.form()).get("email") or "").strip()
    try:
        await visit.services.recovery.ask(email, visit.address)
    except SkyhookError as error:
        return visit.page("reset_ask.html", status=error.status, email=email, error=error.message)
    return visit.page(
        "notice.html",
        title="Look into your mail",
        text=f"If {email} has an account, we wrote to it. The link in the mail works for an hour.",
    )


@get("/reset/{token:str}")
async def reset_page(visit: Visit, token: str) -> Response[str]:
    """The form of the new password."""
    user = await visit.services.recovery.user_of(token)
    return visit.page("reset.html", email=user.email, error=None)


@post("/reset/{token:str}", status_code=200)
async def reset(request: Http, visit: Visit, token: str) -> Response[str]:
    """Sets the new password and ends every session."""
    user = await visit.services.recovery.user_of(token)
    password = str((await request.form()).get("password") or "")
    try:
        await visit.services.recovery.reset(token, password)
    except SkyhookError as error:
        return visit.page("reset.html", status=error.status, email=user.email, error=error.message)
    return visit.page(
        "notice.html",
        title="Your password is changed",
        text="You are logged out everywhere. Log in with the new password.",
    )


HANDLERS: list[Any] = [ask_page, ask, reset_page, reset]
