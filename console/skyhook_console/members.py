"""Members: who they are, what they may do, and who is invited."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post

from skyhook.accounts.models import Role
from skyhook.accounts.roles import MAY, POWERFUL
from skyhook.clock import now
from skyhook.errors import InvalidInput, SkyhookError
from skyhook.operations.caller import Caller
from skyhook.scopes import ACCOUNT_READ, ACCOUNT_WRITE
from skyhook_console.visiting import Http, Visit, go


@get("/o/{slug:str}/members")
async def members_page(visit: Visit, slug: str) -> Response[str]:
    """Members, invitations and roles."""
    visit, caller = visit.at(slug, ACCOUNT_READ)
    return await _page(visit, caller)


@post("/o/{slug:str}/members/{member_id:uuid}/role", status_code=200)
async def set_role(request: Http, visit: Visit, slug: str, member_id: UUID) -> Response[str]:
    """Gives a member another role."""
    visit, caller = visit.at(slug, ACCOUNT_WRITE)
    if (asked := await visit.ask_again()) is not None:
        return asked
    try:
        role = _role((await request.form()).get("role"))
        await visit.services.accounts.set_role(caller, member_id, role)
    except SkyhookError as error:
        return await _page(visit, caller, error)
    return go(request, f"/console/o/{slug}/members")


@post("/o/{slug:str}/members/{member_id:uuid}/remove", status_code=200)
async def remove(request: Http, visit: Visit, slug: str, member_id: UUID) -> Response[str]:
    """Takes a member out."""
    visit, caller = visit.at(slug, ACCOUNT_WRITE)
    if (asked := await visit.ask_again()) is not None:
        return asked
    try:
        await visit.services.accounts.remove_member(caller, member_id)
    except SkyhookError as error:
        return await _page(visit, caller, error)
    return go(request, f"/console/o/{slug}/members")


@post("/o/{slug:str}/invitations", status_code=200)
async def invite(request: Http, visit: Visit, slug: str) -> Response[str]:
    """Invites somebody by mail."""
    visit, caller = visit.at(slug, ACCOUNT_WRITE)
    form = {name: str(value) for name, value in (await request.form()).items()}
    try:
        role = _role(form.get("role"))
        if role in POWERFUL and (asked := await visit.ask_again()) is not None:
            return asked
        await visit.services.invitations.create(caller, form.get("email", ""), role)
    except SkyhookError as error:
        return await _page(visit, caller, error, form)
    return go(request, f"/console/o/{slug}/members")


@post("/o/{slug:str}/invitations/{invitation_id:uuid}/resend", status_code=200)
async def resend(request: Http, visit: Visit, slug: str, invitation_id: UUID) -> Response[str]:
    """Sends a new link."""
    visit, caller = visit.at(slug, ACCOUNT_WRITE)
    try:
        await visit.services.invitations.resend(caller, invitation_id)
    except SkyhookError as error:
        return await _page(visit, caller, error)
    return go(request, f"/console/o/{slug}/members")


@post("/o/{slug:str}/invitations/{invitation_id:uuid}/revoke", status_code=200)
async def revoke(request: Http, visit: Visit, slug: str, invitation_id: UUID) -> Response[str]:
    """Ends an invitation."""
    visit, caller = visit.at(slug, ACCOUNT_WRITE)
    try:
        await visit.services.invitations.revoke(caller, invitation_id)
    except SkyhookError as error:
        return await _page(visit, caller, error)
    return go(request, f"/console/o/{slug}/members")


async def _page(
    visit: Visit, caller: Caller, error: SkyhookError | None = None, form: dict[str, str] | None = None
) -> Response[str]:
    assert visit.member is not None
    ranks = list(Role)
    own = ranks.index(Role(visit.member.role))
    may_write = caller.has_scope(ACCOUNT_WRITE)
    return visit.page(
        "members.html",
        status=error.status if error else 200,
        members=await visit.services.accounts.members(caller),
        invitations=await visit.services.invitations.of_organization(caller) if may_write else [],
        roles=MAY,
        may_give=[str(role) for role in ranks[own:]] if may_write else [],
        now=now(),
        form=form or {},
        error=error and error.message,
    )


def _role(text: object) -> Role:
    try:
        return Role(str(text))
    except ValueError as error:
        raise InvalidInput(f"Choose one of {', '.join(Role)}.", field="role") from error


HANDLERS: list[Any] = [members_page, set_role, remove, invite, resend, revoke]
