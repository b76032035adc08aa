"""Who looks at a page, and which requests are refused before any page sees them."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

from litestar import Request, Response
from litestar.datastructures import Cookie
from litestar.enums import MediaType
from litestar.exceptions import HTTPException

from skyhook.accounts.models import Member, Organization
from skyhook.accounts.sessions import LONGEST, Sessions, Visitor
from skyhook.errors import Forbidden, SkyhookError
from skyhook.graphql.errors import internal_error
from skyhook.operations.caller import Caller
from skyhook_console.rendering import Pages

COOKIE = "skyhook_session"
FORM_TOKEN = "form_token"  # noqa: S105
HEADER = "x-form-token"
SAFE = frozenset({"GET", "HEAD"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
Http: TypeAlias = Request[Any, Any, Any]


class FormRefused(Forbidden):
    """A form came from another site, or from a page of before the login."""

    code = "FORM_REFUSED"


class LoginNeeded(Exception):
    """Nobody is logged in."""


@dataclass(frozen=True, slots=True)
class Visiting:
    """What every request of the console needs."""

    sessions: Sessions
    pages: Pages


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody, or of nobody yet."""

    request: Http
    pages: Pages
    token: str
    form_token: str
    visitor_or_none: Visitor | None
    member: Member | None = None
    """The visitor's place in the organization whose page it is."""

    @property
    def visitor(self) -> Visitor:
        """Who is logged in. Raises LoginNeeded."""
        if self.visitor_or_none is None:
            raise LoginNeeded
        return self.visitor_or_none

    @property
    def organization(self) -> Organization:
        """The organization whose page it is."""
        assert self.member is not None
        return self.member.organization

    def at(self, slug: str, scope: str) -> tuple[Visit, Caller]:
        """The visit of an organization's page, which needs a scope. Raises NotFound, or ScopeMissing."""
        member = self.visitor.member_of(slug)
        caller = self.visitor.caller(member)
        caller.require(scope)
        return replace(self, member=member), caller

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response[str]:
        """A page, with who is logged in around it."""
        content = self.pages.render(
            template,
            visitor=self.visitor_or_none,
            member=self.member,
            form_token=self.form_token,
            path=self.request.url.path,
            **values,
        )
        return Response(content, status_code=status, media_type=MediaType.HTML)

    def cookie(self, token: str) -> Cookie:
        """The session's cookie, which no script can read."""
        return Cookie(
            COOKIE,
            token,
            httponly=True,
            samesite="lax",
            secure=self.request.url.scheme == "https",
            max_age=int(LONGEST.total_seconds()),
        )


async def provide_visit(request: Http) -> Visit:
    """Who asks."""
    visiting = _visiting(request)
    token = request.cookies.get(COOKIE, "")
    visitor = await visiting.sessions.visitor(token)
    form_token = visiting.sessions.form_token(token) if visitor else ""
    return Visit(request, visiting.pages, token, form_token, visitor)


def go(request: Http, address: str) -> Response[str]:
    """Sends the browser to another page, also from a request that HTMX made."""
    if request.headers.get("hx-request"):
        return Response("", headers={"HX-Redirect": address}, media_type=MediaType.HTML)
    return Response("", status_code=303, headers={"Location": address}, media_type=MediaType.HTML)


async def check_form(request: Http) -> None:
    """Refuses what another site sent in the visitor's name. Raises FormRefused."""
    if request.method in SAFE:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    is_own = site == "same-origin" if site else urlsplit(origin or "").netloc == request.headers.get("host")
    if not is_own:
        raise FormRefused("This form was sent by another site. Open the page again and send it from there.")
    token = request.cookies.get(COOKIE)
    if token is None:
        return
    given = request.headers.get(HEADER) or (await request.form()).get(FORM_TOKEN) or ""
    expected = _visiting(request).sessions.form_token(token)
    if not hmac.compare_digest(str(given).encode(), expected.encode()):
        raise FormRefused("This page is of before your last login. Load it again and send the form once more.")


def secure(response: Response[Any]) -> Response[Any]:
    """Adds what tells a browser to be careful with a page."""
    response.headers.setdefault("Content-Security-Policy", POLICY)
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def answer_error(request: Http, error: Exception) -> Response[Any]:
    """The page of an error; whoever is not logged in is asked to."""
    if isinstance(error, LoginNeeded):
        there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        is_page = request.method in SAFE
        return secure(go(request, f"/console/login?next={quote(there)}" if is_page else "/console/login"))
    if isinstance(error, SkyhookError):
        status, message = error.status, error.message
    elif isinstance(error, HTTPException) and error.status_code < 500:
        status, message = error.status_code, "There is nothing at this address."
    else:
        status, (message, _) = 500, internal_error(error, request.headers.get("x-request-id", ""))
    pages = _visiting(request).pages
    content = pages.render(
        "error.html", visitor=None, member=None, form_token="", path="", status=status, message=message
    )
    return secure(Response(content, status_code=status, media_type=MediaType.HTML))


def _visiting(request: Http) -> Visiting:
    visiting: Visiting = request.route_handler.opt["visiting"]
    return visiting
