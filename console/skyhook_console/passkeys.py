"""Passkeys in a visitor's account: add one, remove one, and what their browser is asked for."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.enums import MediaType

from skyhook.errors import SkyhookError
from skyhook_console.visiting import Http, Visit, go


@post("/account/passkeys/new", status_code=200)
async def new_passkey_page(visit: Visit) -> Response[str]:
    """Where a passkey is made, once it is known who asks."""
    if (asked := await visit.ask_again()) is not None:
        return asked
    return visit.page("passkey_new.html", name="", error=None)


@get("/account/passkeys/options", media_type=MediaType.JSON)
async def options_to_add(visit: Visit) -> dict[str, Any]:
    """What the browser is asked for to make a passkey."""
    return await visit.services.passkeys.options_to_add(visit.visitor)


@get("/account/passkeys/again", media_type=MediaType.JSON)
async def options_again(visit: Visit) -> dict[str, Any]:
    """What the browser is asked for before a dangerous act."""
    return await visit.services.passkeys.options_again(visit.visitor)


@post("/account/passkeys", status_code=200)
async def add_passkey(request: Http, visit: Visit) -> Response[str]:
    """Keeps a passkey that the browser has made."""
    if (asked := await visit.ask_again()) is not None:
        return asked
    form = await request.form()
    name = str(form.get("name") or "")
    try:
        await visit.services.passkeys.add(visit.visitor, name, str(form.get("answer") or ""))
    except SkyhookError as error:
        return visit.page("passkey_new.html", status=error.status, name=name, error=error.message)
    return go(request, "/console/account")


@post("/account/passkeys/{passkey_id:uuid}/remove", status_code=200)
async def remove_passkey(visit: Visit, passkey_id: UUID) -> Response[str]:
    """Forgets a passkey."""
    if (asked := await visit.ask_again()) is not None:
        return asked
    await visit.services.passkeys.remove(visit.visitor, passkey_id)
    return go(visit.request, "/console/account")


HANDLERS: list[Any] = [new_passkey_page, options_to_add, options_again, add_passkey, remove_passkey]
