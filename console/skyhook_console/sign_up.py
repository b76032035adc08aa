"""Sign-up: a form, a mail, and the account once its link is followed."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post

from skyhook.errors import SkyhookError
from skyhook_console.login import begin
from skyhook_console.visiting import Http, Visit


@get("/signup")
async def sign_up_page(visit: Visit) -> Response[str]:
    """The form, or that there is none here."""
    return _form(visit, {})


@post("/signup", status_code=200)
async def sign_up(request: Http, visit: Visit) -> Response[str]:
    """Sends the mail; the answer is the same whether the address is known or not."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    email = form.get("email", "").strip()
    try:
        await visit.services.sign_ups.ask(
            email, form.get("password", ""), form.get("organization", ""), visit.address
        )
    except SkyhookError as error:
        return _form(visit, form, error)
    return visit.page(
        "notice.html",
        title="Look into your mail",
        text=f"We wrote to {email}. Follow the link in it to go on.",
    )


@get("/signup/{token:str}")
async def confirm_page(visit: Visit, token: str) -> Response[str]:
    """Asks for the password, which tells who follows the link from who has merely asked for it."""
    found = await visit.services.sign_ups.pending(token)
    return visit.page("sign_up_confirm.html", email=found.email, error=None)


@post("/signup/{token:str}", status_code=200)
async def confirm(request: Http, visit: Visit, token: str) -> Response[str]:
    """Makes the account, and leads into its organization."""
    found = await visit.services.sign_ups.pending(token)
    password = str((await request.form()).get("password") or "")
    try:
        user, organization = await visit.services.sign_ups.confirm(token, password)
    except SkyhookError as error:
        return visit.page("sign_up_confirm.html", status=error.status, email=found.email, error=error.message)
    session = await visit.services.sessions.open(user, visit.address, visit.user_agent)
    return await begin(visit, session, f"/console/o/{organization.slug}")


def _form(visit: Visit, form: dict[str, str], error: SkyhookError | None = None) -> Response[str]:
    return visit.page(
        "sign_up.html",
        status=error.status if error else 200,
        is_open=visit.services.sign_ups.is_open,
        form=form,
        error=error and error.message,
        field={"name": "organization"}.get(error.field or "", error.field) if error else None,
    )


HANDLERS: list[Any] = [sign_up_page, sign_up, confirm_page, confirm]
