"""Organizations: make another, rename, leave."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post

from skyhook.accounts.errors import SlugTaken
from skyhook.accounts.service import slugs_of
from skyhook.errors import SkyhookError
from skyhook.scopes import ACCOUNT_READ, ACCOUNT_WRITE
from skyhook_console.visiting import Http, Visit, go


@get("/organizations/new")
async def new_page(visit: Visit) -> Response[str]:
    """The form of a new organization."""
    _ = visit.visitor
    return visit.page("organization_new.html", name="", error=None)


@post("/organizations", status_code=200)
async def create(request: Http, visit: Visit) -> Response[str]:
    """A new organization that the visitor owns; it has no credit."""
    user_id, name = visit.visitor.user.id, str((await request.form()).get("name") or "")
    accounts, (slug, other) = visit.services.accounts, slugs_of(name)
    try:
        try:
            organization = await accounts.create_organization(name, slug, user_id)
        except SlugTaken:
            organization = await accounts.create_organization(name, other, user_id)
    except SkyhookError as error:
        return visit.page("organization_new.html", status=error.status, name=name, error=error.message)
    return go(request, f"/console/o/{organization.slug}")


@get("/o/{slug:str}/organization")
async def organization_page(visit: Visit, slug: str) -> Response[str]:
    """The organization's name, and the way out."""
    visit, caller = visit.at(slug, ACCOUNT_READ)
    return visit.page("organization.html", may_write=caller.has_scope(ACCOUNT_WRITE), name=None, error=None)


@post("/o/{slug:str}/organization", status_code=200)
async def rename(request: Http, visit: Visit, slug: str) -> Response[str]:
    """Another name; the address stays."""
    visit, caller = visit.at(slug, ACCOUNT_WRITE)
    name = str((await request.form()).get("name") or "")
    try:
        await visit.services.accounts.rename(caller, name)
    except SkyhookError as error:
        return visit.page(
            "organization.html", status=error.status, may_write=True, name=name, error=error.message
        )
    return go(request, f"/console/o/{slug}/organization")


@post("/o/{slug:str}/leave", status_code=200)
async def leave(request: Http, visit: Visit, slug: str) -> Response[str]:
    """The visitor is no member any more."""
    visit, caller = visit.at(slug, ACCOUNT_READ)
    if (asked := await visit.ask_again()) is not None:
        return asked
    assert visit.member is not None
    try:
        await visit.services.accounts.leave(caller, visit.member.id)
    except SkyhookError as error:
        may_write = caller.has_scope(ACCOUNT_WRITE)
        return visit.page(
            "organization.html", status=error.status, may_write=may_write, name=None, error=error.message
        )
    return go(request, "/console")


HANDLERS: list[Any] = [new_page, create, organization_page, rename, leave]
