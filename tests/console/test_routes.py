"""Who may do what, on every route of the console. A route that is not in the table fails the tests."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from tests.console.conftest import browser, log_in
from tests.console.test_login import form_token
from tests.serving import Server

from skyhook import scopes
from skyhook.accounts.models import Member, Role
from skyhook.accounts.roles import scopes_of
from skyhook.accounts.service import Accounts
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.plugins.host import PluginHost
from skyhook.services import Services
from skyhook_console.routes import routes

ANYBODY, LOGGED_IN = "anybody", "whoever is logged in"
OF_VISITORS = {
    "GET /console": LOGGED_IN,
    "GET /console/account": LOGGED_IN,
    "POST /console/account/passkeys": LOGGED_IN,
    "GET /console/account/passkeys/again": LOGGED_IN,
    "POST /console/account/passkeys/new": LOGGED_IN,
    "GET /console/account/passkeys/options": LOGGED_IN,
    "POST /console/account/passkeys/{passkey_id:uuid}/remove": LOGGED_IN,
    "POST /console/account/password": LOGGED_IN,
    "POST /console/account/sessions/end-others": LOGGED_IN,
    "POST /console/account/sessions/{session_id:uuid}/end": LOGGED_IN,
    "GET /console/invitations/{token:str}": ANYBODY,
    "POST /console/invitations/{token:str}": ANYBODY,
    "GET /console/login": ANYBODY,
    "POST /console/login": ANYBODY,
    "GET /console/login/passkey": ANYBODY,
    "POST /console/login/passkey": ANYBODY,
    "POST /console/logout": ANYBODY,
    "POST /console/organizations": LOGGED_IN,
    "GET /console/organizations/new": LOGGED_IN,
    "GET /console/reset": ANYBODY,
    "POST /console/reset": ANYBODY,
    "GET /console/reset/{token:str}": ANYBODY,
    "POST /console/reset/{token:str}": ANYBODY,
    "GET /console/signup": ANYBODY,
    "POST /console/signup": ANYBODY,
    "GET /console/signup/{token:str}": ANYBODY,
    "POST /console/signup/{token:str}": ANYBODY,
    "GET /console/static/{version:str}/{name:str}": ANYBODY,
}
INSTANCE = "/console/instance"
OF_INSTANCE = {
    f"POST {INSTANCE}/changes",
    f"GET {INSTANCE}/changes/{{change_id:str}}",
    f"POST {INSTANCE}/changes/{{change_id:str}}/agree",
    f"POST {INSTANCE}/changes/{{change_id:str}}/drop",
    f"GET {INSTANCE}/changes/{{change_id:str}}/events",
    f"GET {INSTANCE}/functions",
    f"GET {INSTANCE}/functions/{{name:str}}",
    f"GET {INSTANCE}/plugins",
    f"GET {INSTANCE}/plugins/{{name:str}}",
    f"POST {INSTANCE}/plugins/{{name:str}}/switch",
}
"""For its administrators; for everybody else they are not there."""
HOME = "/console/o/{slug:str}"
OF_ORGANIZATIONS = {
    f"GET {HOME}": scopes.USAGE_READ,
    f"GET {HOME}/audit": scopes.ACCOUNT_WRITE,
    f"GET {HOME}/audit.csv": scopes.ACCOUNT_WRITE,
    f"GET {HOME}/billing": scopes.BILLING_READ,
    f"POST {HOME}/billing/alerts": scopes.BILLING_WRITE,
    f"POST {HOME}/billing/alerts/{{alert_id:uuid}}/delete": scopes.BILLING_WRITE,
    f"POST {HOME}/billing/automatic": scopes.BILLING_WRITE,
    f"POST {HOME}/billing/automatic/stop": scopes.BILLING_WRITE,
    f"GET {HOME}/billing/cards": scopes.BILLING_READ,
    f"POST {HOME}/billing/cards": scopes.BILLING_WRITE,
    f"GET {HOME}/billing/details": scopes.BILLING_READ,
    f"POST {HOME}/billing/details": scopes.BILLING_WRITE,
    f"GET {HOME}/billing/invoices": scopes.BILLING_READ,
    f"GET {HOME}/billing/invoices/preview": scopes.BILLING_READ,
    f"GET {HOME}/billing/invoices/{{document_id:uuid}}": scopes.BILLING_READ,
    f"GET {HOME}/billing/invoices/{{document_id:uuid}}/pdf": scopes.BILLING_READ,
    f"GET {HOME}/billing/payments": scopes.BILLING_READ,
    f"POST {HOME}/billing/payments": scopes.BILLING_WRITE,
    f"GET {HOME}/billing/payments/{{payment_id:uuid}}": scopes.BILLING_READ,
    f"GET {HOME}/billing/plan": scopes.BILLING_READ,
    f"POST {HOME}/billing/plan": scopes.BILLING_WRITE,
    f"POST {HOME}/billing/plan/cancel": scopes.BILLING_WRITE,
    f"POST {HOME}/billing/plan/change": scopes.BILLING_WRITE,
    f"POST {HOME}/billing/plan/resume": scopes.BILLING_WRITE,
    f"GET {HOME}/billing/prices": scopes.BILLING_READ,
    f"GET {HOME}/billing/statement": scopes.BILLING_READ,
    f"GET {HOME}/billing/statement.csv": scopes.BILLING_READ,
    f"GET {HOME}/files": scopes.ARTIFACTS_READ,
    f"GET {HOME}/files/{{artifact_id:uuid}}": scopes.ARTIFACTS_READ,
    f"POST {HOME}/files/{{artifact_id:uuid}}/delete": scopes.ARTIFACTS_WRITE,
    f"GET {HOME}/functions": scopes.ACCOUNT_READ,
    f"GET {HOME}/functions/{{name:str}}": scopes.ACCOUNT_READ,
    f"POST {HOME}/invitations": scopes.ACCOUNT_WRITE,
    f"POST {HOME}/invitations/{{invitation_id:uuid}}/resend": scopes.ACCOUNT_WRITE,
    f"POST {HOME}/invitations/{{invitation_id:uuid}}/revoke": scopes.ACCOUNT_WRITE,
    f"GET {HOME}/jobs": scopes.JOBS_READ,
    f"GET {HOME}/jobs/{{job_id:str}}": scopes.JOBS_READ,
    f"POST {HOME}/jobs/{{job_id:str}}/cancel": scopes.JOBS_WRITE,
    f"POST {HOME}/jobs/{{job_id:str}}/retry": scopes.JOBS_WRITE,
    f"GET {HOME}/keys": scopes.KEYS_READ,
    f"POST {HOME}/keys": scopes.KEYS_WRITE,
    f"GET {HOME}/keys/new": scopes.KEYS_WRITE,
    f"POST {HOME}/keys/{{key_id:uuid}}/revoke": scopes.KEYS_WRITE,
    f"POST {HOME}/keys/{{key_id:uuid}}/rotate": scopes.KEYS_WRITE,
    f"POST {HOME}/leave": scopes.ACCOUNT_READ,
    f"GET {HOME}/members": scopes.ACCOUNT_READ,
    f"POST {HOME}/members/{{member_id:uuid}}/remove": scopes.ACCOUNT_WRITE,
    f"POST {HOME}/members/{{member_id:uuid}}/role": scopes.ACCOUNT_WRITE,
    f"GET {HOME}/organization": scopes.ACCOUNT_READ,
    f"POST {HOME}/organization": scopes.ACCOUNT_WRITE,
    f"GET {HOME}/playground": scopes.ACCOUNT_READ,
    f"GET {HOME}/playground/{{name:str}}/{{example:str}}": scopes.ACCOUNT_READ,
    f"GET {HOME}/playground/{{name:str}}/{{example:str}}/{{variable:str}}": scopes.ACCOUNT_READ,
    f"GET {HOME}/plugins": scopes.ACCOUNT_READ,
    f"GET {HOME}/plugins/{{name:str}}": scopes.ACCOUNT_READ,
    f"GET {HOME}/plugins/{{name:str}}/pages/{{page:str}}": scopes.ACCOUNT_READ,
    f"POST {HOME}/plugins/{{name:str}}/pages/{{page:str}}/{{form:str}}": scopes.ACCOUNT_READ,
    f"POST {HOME}/plugins/{{name:str}}/disable": scopes.ACCOUNT_WRITE,
    f"POST {HOME}/plugins/{{name:str}}/enable": scopes.ACCOUNT_WRITE,
    f"POST {HOME}/plugins/{{name:str}}/settings": scopes.ACCOUNT_READ,
    f"GET {HOME}/usage": scopes.USAGE_READ,
    f"GET {HOME}/usage.csv": scopes.USAGE_READ,
    f"GET {HOME}/usage/live": scopes.USAGE_READ,
}
"""With what the visitor's role must have."""
DANGEROUS = {
    "POST /console/account/passkeys",
    "POST /console/account/passkeys/new",
    "POST /console/account/passkeys/{passkey_id:uuid}/remove",
    "POST /console/account/sessions/end-others",
    *(route for route in OF_INSTANCE if route.startswith("POST ")),
    f"POST {HOME}/billing/automatic",
    f"POST {HOME}/billing/plan/change",
    f"POST {HOME}/invitations",
    f"POST {HOME}/keys",
    f"POST {HOME}/keys/{{key_id:uuid}}/rotate",
    f"POST {HOME}/leave",
    f"POST {HOME}/members/{{member_id:uuid}}/remove",
    f"POST {HOME}/members/{{member_id:uuid}}/role",
    f"POST {HOME}/plugins/{{name:str}}/disable",
    f"POST {HOME}/plugins/{{name:str}}/enable",
    f"POST {HOME}/plugins/{{name:str}}/settings",
}
"""What a login that is a while ago is not enough for."""
TABLE = OF_VISITORS | dict.fromkeys(OF_INSTANCE, LOGGED_IN) | OF_ORGANIZATIONS
KNOWN = frozenset(scope.name for scope in scopes.CORE_SCOPES)


def is_refused(route: str, role: Role) -> bool:
    """Whether a role has less than a route needs."""
    held = scopes_of(role, KNOWN)
    return "*" not in held and OF_ORGANIZATIONS[route] not in held


POSTS = sorted(route for route in TABLE if route.startswith("POST "))
POSTS_OF_MEMBERS = [route for route in POSTS if TABLE[route] is not ANYBODY]
NEED_LOGIN = sorted(route for route, need in TABLE.items() if need is not ANYBODY)
REFUSED = [(route, role) for route in sorted(OF_ORGANIZATIONS) for role in Role if is_refused(route, role)]
SECRET = "a sparrow in the hand"


class People:
    """Browsers of a member for each role of the organization `first`, and of the owner of another one."""

    def __init__(self, server: Server, open_browsers: ExitStack) -> None:
        self.tokens: dict[httpx.Client, str] = {}
        self._database = server.data / "skyhook.db"
        emails = asyncio.run(_make_people(f"sqlite:///{self._database}"))
        for email in emails.values():
            client = open_browsers.enter_context(browser(server))
            assert log_in(client, email, SECRET).status_code == 303
            self.tokens[client] = form_token(client)
        self._clients = dict(zip(emails, self.tokens, strict=True))

    def ask(self, role: Role | None, route: str, *, token: str | None = None) -> tuple[int, str]:
        """The answer of a route to a member with a role, or to the owner of another organization."""
        client = self._clients[role]
        return ask(client, route, self.tokens[client] if token is None else token)

    def browser(self, role: Role | None) -> httpx.Client:
        """That of a member with a role, or of the owner of another organization."""
        return self._clients[role]

    def wait_long(self) -> None:
        """Puts the login of everybody long ago."""
        with closing(sqlite3.connect(self._database)) as rows, rows:
            rows.execute("UPDATE sessions SET authenticated_at = '2020-01-01 00:00:00.000000'")


async def _make_people(database_url: str) -> dict[Role | None, str]:
    """The e-mail addresses of a member for each role, and of the owner of another organization."""
    database = Database(database_url)
    accounts = Accounts(database)
    first = await accounts.organization_named("first")
    emails: dict[Role | None, str] = {role: f"{uuid4().hex}@example.com" for role in (*Role, None)}
    for role, email in emails.items():
        is_owner = role is Role.OWNER  # who may do everything
        user = await accounts.create_user(email, "Somebody", SECRET, is_instance_administrator=is_owner)
        if role is None:
            await accounts.create_organization("Other", f"other-{user.id.hex[-8:]}", user.id)
        else:
            async with database.write() as session:
                session.add(Member(organization_id=first.id, user_id=user.id, role=role))
    await database.close()
    return emails


def ask(who: httpx.Client, route: str, token: str) -> tuple[int, str]:
    """The status of a route, and where it leads or what it says; an event stream is not waited for."""
    method, _, path = route.partition(" ")
    path = path.replace("{slug:str}", "first").replace("{name:str}", "probe")
    path = re.sub(r"\{\w+:uuid\}", str(uuid4()), path)
    path = re.sub(r"\{\w+:str\}", "anything", path)
    data = {"form_token": token, "role": "owner", "name": ""} if method == "POST" else None
    with who.stream(method, path, data=data) as answer:
        is_stream = answer.headers.get("content-type", "").startswith("text/event-stream")
        text = "" if is_stream else answer.read().decode()
        return answer.status_code, answer.headers.get("location", text)


@pytest.fixture(scope="module")
def people(server: Server) -> Iterator[People]:
    with ExitStack() as open_browsers:
        yield People(server, open_browsers)


@pytest.mark.filterwarnings("ignore::litestar.exceptions.LitestarDeprecationWarning")
def test_the_table_has_every_route(tmp_path: Path) -> None:
    configuration = Configuration(tmp_path, 1, "localhost", f"sqlite:///{tmp_path}/none.db")
    console = Litestar(routes(Services.build(configuration, PluginHost())), openapi_config=None)
    assert all(isinstance(route, HTTPRoute) for route in console.routes), "others need a test of their own"
    found = {
        f"{method} {route.path}"
        for route in console.routes
        if isinstance(route, HTTPRoute)
        for method in route.methods - {"OPTIONS"}
    }
    assert found == set(TABLE)
    assert {route for route in TABLE if HOME in route} == set(OF_ORGANIZATIONS)


@pytest.mark.parametrize("route", sorted(OF_ORGANIZATIONS))
def test_a_member_of_another_organization_finds_nothing(people: People, route: str) -> None:
    status, page = people.ask(None, route)
    assert status == 404
    assert "There is no such organization, or you are not a member of it." in page


@pytest.mark.parametrize("route", NEED_LOGIN)
def test_nobody_is_sent_to_the_login(server: Server, route: str) -> None:
    with browser(server) as nobody:
        status, location = ask(nobody, route, "")
    assert status == 303
    assert location.startswith("/console/login")


@pytest.mark.parametrize(("route", "role"), REFUSED)
def test_a_role_is_refused_what_it_may_not(people: People, route: str, role: Role) -> None:
    status, page = people.ask(role, route)
    assert status == 403
    assert OF_ORGANIZATIONS[route] in page


@pytest.mark.parametrize("route", [route for route in sorted(OF_ORGANIZATIONS) if route.startswith("GET ")])
def test_a_role_sees_what_it_may(people: People, route: str) -> None:
    may = [role for role in Role if not is_refused(route, role)]
    needs_more = re.search(r"\{\w+:uuid\}|\{job_id:|\{example:|\{page:", route)  # of what is not there
    wanted = {404 if needs_more else 200}
    if "/functions/{" in route:
        wanted = {403, 404}  # of what is not there, and only administrators of the instance would see it
    assert {people.ask(role, route)[0] for role in may} <= wanted


@pytest.mark.parametrize("route", sorted(OF_INSTANCE))
def test_only_administrators_of_the_instance_find_its_pages(people: People, route: str) -> None:
    for role in (*Role, None):
        if role is not Role.OWNER:
            status, page = people.ask(role, route)
            assert status == 404
            assert "There is nothing at this address." in page
    status, page = people.ask(Role.OWNER, route)
    assert "There is nothing at this address." not in page
    if route in (f"GET {INSTANCE}/plugins", f"GET {INSTANCE}/plugins/{{name:str}}"):
        assert status == 200


@pytest.mark.parametrize("route", POSTS)
@pytest.mark.parametrize("token", ["", "0" * 64], ids=["none", "wrong"])
def test_a_form_without_the_sessions_token_is_refused(people: People, route: str, token: str) -> None:
    status, page = people.ask(Role.OWNER, route, token=token)
    assert status == 403
    assert "This page is of before your last login." in page


@pytest.mark.parametrize("route", POSTS)
def test_a_form_of_another_site_is_refused(server: Server, route: str) -> None:
    with browser(server) as nobody:
        nobody.headers["Sec-Fetch-Site"] = "cross-site"
        status, page = ask(nobody, route, "")
    assert status == 403
    assert "This form was sent by another site." in page


@pytest.mark.parametrize("route", POSTS_OF_MEMBERS)
def test_what_is_dangerous_and_nothing_else_asks_again_after_a_while(people: People, route: str) -> None:
    people.wait_long()
    status, page = people.ask(Role.OWNER, route)
    assert ("<h1>Is it you?</h1>" in page) == (route in DANGEROUS)
    if route in DANGEROUS:
        assert status == 200
        assert 'name="role" value="owner"' in page
