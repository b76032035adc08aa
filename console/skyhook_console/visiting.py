"""Who looks at a page, and which requests are refused before any page sees them."""

from __future__ import annotations

import hmac
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

from litestar import Request, Response
from litestar.datastructures import Cookie, FormMultiDict
from litestar.enums import MediaType
from litestar.exceptions import HTTPException
from litestar.status_codes import HTTP_413_REQUEST_ENTITY_TOO_LARGE

from skyhook.accounts.errors import LoginThrottled, PasskeyRefused, PasskeyTooLate, WrongPassword
from skyhook.accounts.models import Member
from skyhook.accounts.sessions import COOKIE, LONGEST, Visitor
from skyhook.errors import Forbidden, SkyhookError
from skyhook.graphql.errors import internal_error
from skyhook.operations.caller import Caller
from skyhook.plugins.manifest import Plugin
from skyhook.services import Services
from skyhook_console.navigation import Link, pages_of
from skyhook_console.rendering import Pages

FORM_TOKEN = "form_token"  # noqa: S105
HEADER = "x-form-token"
PASSWORD_AGAIN = "password_again"  # noqa: S105
PASSKEY_AGAIN = "passkey_again"
SAFE = frozenset({"GET", "HEAD"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
KEEPS_SESSION = "keeps_session"
"""The option of a route: false for what a browser asks for by itself, while nobody may be there."""
Http: TypeAlias = Request[Any, Any, Any]


class FormRefused(Forbidden):
    """A form came from another site, or from a page of before the login."""

    code = "FORM_REFUSED"


class LoginNeeded(Exception):
    """Nobody is logged in."""


class Visit:
    """One request of somebody, or of nobody yet.

    Not a dataclass: Litestar would look through the fields of one, and through theirs.
    """

    def __init__(
        self,
        request: Http,
        services: Services,
        pages: Pages,
        visitor: Visitor | None = None,
        form_token: str = "",
        member: Member | None = None,
    ) -> None:
        self.request = request
        self.services = services
        self.visitor_or_none = visitor
        self.member = member
        """The visitor's place in the organization whose page it is."""
        self._pages = pages
        self.form_token = form_token

    @property
    def visitor(self) -> Visitor:
        """Who is logged in. Raises LoginNeeded."""
        if self.visitor_or_none is None:
            raise LoginNeeded
        return self.visitor_or_none

    def at(self, slug: str, scope: str) -> tuple[Visit, Caller]:
        """The visit of an organization's page, which needs a scope. Raises NotFound, or ScopeMissing."""
        member = self.visitor.member_of(slug)
        caller = self.visitor.caller(member)
        caller.require(scope)
        visit = Visit(self.request, self.services, self._pages, self.visitor, self.form_token, member)
        return visit, caller

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response[str]:
        """A page, with who is logged in around it."""
        content = self._pages.render(
            template,
            status=status,
            visitor=self.visitor_or_none,
            member=self.member,
            form_token=self.form_token,
            path=self.request.url.path,
            pages_of_plugins=[page for one in self.services.plugins.loaded for page in self.pages_of(one)],
            **values,
        )
        return _with_session(self.request, Response(content, status_code=status, media_type=MediaType.HTML))

    def pages_of(self, plugin: Plugin) -> list[Link]:
        """The pages of a plugin's own that the visitor may see in the organization."""
        if self.visitor_or_none is None or self.member is None:
            return []
        return pages_of(plugin, self.member, self.visitor_or_none.caller(self.member))

    async def ask_again(self) -> Response[str] | None:
        """Whether the visitor must first show once more who they are, before what is dangerous.

        None where they did within the last 15 minutes. Otherwise the page to answer with: it asks for the
        password or a passkey, and sends the same form again, with all that was typed. Call it on the visit
        that `at` gives, before anything is changed, and answer with `page` or `go`, which carry the session's
        new cookie.
        """
        if self.visitor.is_recent:
            return None
        form, error = await self.request.form(), None
        if PASSWORD_AGAIN in form or PASSKEY_AGAIN in form:
            try:
                self.keep(await self._authenticate(form))
            except (WrongPassword, PasskeyRefused, PasskeyTooLate, LoginThrottled) as refused:
                error = refused
            else:
                return None
        kept = [
            (name, value)
            for name, value in form.multi_items()
            if isinstance(value, str) and name not in {FORM_TOKEN, PASSWORD_AGAIN, PASSKEY_AGAIN}
        ]
        return self.page(
            "ask_again.html",
            status=error.status if error else 200,
            kept=kept,
            error=error and error.message,
            has_passkeys=self.may_use_passkeys
            and bool(await self.services.passkeys.of_user(self.visitor.user.id)),
        )

    async def _authenticate(self, form: FormMultiDict) -> str:
        """The session's new token, after the visitor gave their password or showed a passkey again."""
        if answer := form.get(PASSKEY_AGAIN):
            return await self.services.passkeys.authenticate(self.visitor, str(answer), self.address)
        password = str(form.get(PASSWORD_AGAIN) or "")
        return await self.services.sessions.authenticate(self.visitor, password, self.address)

    @property
    def may_use_passkeys(self) -> bool:
        """Whether the browser knows passkeys of the address at which it has the console open."""
        passkeys = self.services.passkeys
        return passkeys.are_possible and urlsplit(passkeys.origin).netloc == self.request.headers.get("host")

    def keep(self, token: str) -> None:
        """Gives the browser a session's token with the answer, and its pages the token of their forms."""
        self.request.state.session_token = token
        self.form_token = self.services.sessions.form_token(token)

    @property
    def address(self) -> str:
        """The network address that the request came from."""
        return self.request.client.host if self.request.client else ""

    @property
    def user_agent(self) -> str:
        """What the browser says that it is."""
        return self.request.headers.get("user-agent", "")


class Visiting:
    """Tells who asks, before any page is made."""

    def __init__(self, services: Services, pages: Pages) -> None:
        self._services = services
        self._sessions = services.sessions
        self._pages = pages

    async def visit(self, request: Http) -> Visit:
        """Who asks."""
        token = request.cookies.get(COOKIE, "")
        keeps_session = request.route_handler.opt.get(KEEPS_SESSION, True)
        visitor = await (self._sessions.visitor(token) if keeps_session else self._sessions.look(token))
        # Also of a session that has ended, or its browser could not log in again.
        form_token = self._sessions.form_token(token) if token else ""
        return Visit(request, self._services, self._pages, visitor, form_token)

    async def check_form(self, request: Http) -> None:
        """Refuses what another site sent in the visitor's name. Raises FormRefused."""
        if request.method in SAFE:
            return
        site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
        host = request.headers.get("host")
        if not (site == "same-origin" if site else urlsplit(origin or "").netloc == host):
            raise FormRefused(
                "This form was sent by another site. Open the page again and send it from there."
            )
        token = request.cookies.get(COOKIE)
        if token is None:
            return
        given = str(request.headers.get(HEADER) or (await request.form()).get(FORM_TOKEN) or "")
        if not hmac.compare_digest(given.encode(), self._sessions.form_token(token).encode()):
            raise FormRefused("This page is of before your last login. Load it again and send it once more.")

    def answer_error(self, request: Http, error: Exception) -> Response[Any]:
        """The page of an error; whoever is not logged in is asked to."""
        if isinstance(error, LoginNeeded):
            there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            is_page = request.method in SAFE
            return secure(go(request, f"/console/login?next={quote(there)}" if is_page else "/console/login"))
        if isinstance(error, SkyhookError):
            status, message = error.status, error.message
        elif isinstance(error, HTTPException) and error.status_code < 500:
            status, message = error.status_code, "There is nothing at this address."
            if status == HTTP_413_REQUEST_ENTITY_TOO_LARGE:
                message = "What you sent is too large for this page."
        else:
            status, (message, _) = 500, internal_error(error, request.headers.get("x-request-id", ""))
        nobody = Visit(request, self._services, self._pages)
        return secure(nobody.page("error.html", status=status, message=message))


def go(request: Http, address: str) -> Response[str]:
    """Sends the browser to another page, also from a request that HTMX made."""
    if request.headers.get("hx-request"):
        response = Response("", headers={"HX-Redirect": address}, media_type=MediaType.HTML)
    else:
        response = Response("", status_code=303, headers={"Location": address}, media_type=MediaType.HTML)
    return _with_session(request, response)


def _with_session(request: Http, response: Response[str]) -> Response[str]:
    """Adds the cookie of a session that this request began or renewed; no script can read it."""
    if token := request.state.get("session_token"):
        response.set_cookie(
            Cookie(
                COOKIE,
                value=token,
                httponly=True,
                samesite="lax",
                secure=request.url.scheme == "https",
                max_age=int(LONGEST.total_seconds()),
            )
        )
    return response


def secure(response: Response[Any]) -> Response[Any]:
    """Adds what tells a browser to be careful with a page."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
