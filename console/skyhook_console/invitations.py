"""An invitation's link: what it is for, and how to accept it."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post

from skyhook.errors import SkyhookError
from skyhook_console.login import begin
from skyhook_console.visiting import Http, Visit, go


@get("/invitations/{token:str}")
async def invitation_page(visit: Visit, token: str) -> Response[str]:
    """Who invites, as what; a button for who is known, a form for who is new."""
    return await _page(visit, token, {})


@post("/invitations/{token:str}", status_code=200)
async def accept(request: Http, visit: Visit, token: str) -> Response[str]:
    """Makes the reader a member, and leads into the organization."""
    form = {name: str(value) for name, value in (await request.form()).items()}
    services = visit.services
    try:
        if visit.visitor_or_none is not None:
            organization = await services.invitations.accept(token, visit.visitor.user)
            return go(request, f"/console/o/{organization.slug}")
        user, organization = await services.invitations.accept_new(
            token, form.get("name", ""), form.get("password", "")
        )
    except SkyhookError as error:
        return await _page(visit, token, form, error)
    session = await services.sessions.open(user, visit.address, visit.user_agent)
    return await begin(visit, session, f"/console/o/{organization.slug}")


async def _page(
    visit: Visit, token: str, form: dict[str, str], error: SkyhookError | None = None
) -> Response[str]:
    invitation, user = await visit.services.invitations.of_token(token)
    return visit.page(
        "invitation.html",
        status=error.status if error else 200,
        invitation=invitation,
        is_known=user is not None,
        form=form,
        error=error and error.message,
        field=error and error.field,
    )


HANDLERS: list[Any] = [invitation_page, accept]
