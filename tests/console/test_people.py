"""Sign-up, reset, members, invitations, re-authentication and the audit log, over HTTP and by mail."""

from __future__ import annotations

import csv
import email
import email.policy
import io
import re
import sqlite3
import time
from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from tests.console.conftest import browser, log_in
from tests.console.test_login import form_token
from tests.serving import Server

SECRET = "correct horse battery"


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("people"), environment={"SKYHOOK_SIGNUP": "open"})
    server.prepare()
    server.start()
    yield server
    server.stop()
    log = server.log()
    assert "Traceback" not in log, log


def address() -> str:
    return f"{uuid4().hex[:12]}@example.com"


def letters(server: Server, to: str) -> list[str]:
    """The texts of what was mailed to an address, oldest first."""
    found = []
    for path in sorted((server.data / "mail").glob("*.eml")):
        message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        body = message.get_body(("plain",))
        if message["To"] == to and body is not None:
            found.append(body.get_content())
    return found


def link(server: Server, to: str) -> str:
    """The path of the link in the last mail to an address."""
    found = re.search(r"http://localhost:\d+(/console/\S+)", letters(server, to)[-1])
    assert found
    return found[1]


def forget_throttling(server: Server) -> None:
    with sqlite3.connect(server.data / "skyhook.db") as database:
        database.execute("DELETE FROM mail_requests")
    database.close()


def sign_up(server: Server, client: httpx.Client, to: str, name: str = "Acme") -> str:
    """A confirmed account; the address of its organization's page."""
    forget_throttling(server)
    form = {"email": to, "password": SECRET, "organization": name}
    assert client.post("/console/signup", data=form).status_code == 200
    answer = client.post(link(server, to), data={"password": SECRET})
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


@pytest.fixture
def owner(open_server: Server) -> Iterator[tuple[httpx.Client, str]]:
    """Somebody who has just signed up, and their organization's page."""
    with browser(open_server) as client:
        yield client, sign_up(open_server, client, address(), f"Acme {uuid4().hex[:6]}")


def post(client: httpx.Client, path: str, **form: str) -> httpx.Response:
    return client.post(path, data={"form_token": form_token(client)} | form)


def join(server: Server, owner: tuple[httpx.Client, str], client: httpx.Client, role: str) -> str:
    """Invites somebody new, who accepts; their address."""
    forget_throttling(server)
    to = address()
    assert post(owner[0], f"{owner[1]}/invitations", email=to, role=role).status_code == 303
    answer = client.post(link(server, to), data={"name": "Somebody", "password": SECRET})
    assert answer.headers["location"] == owner[1]
    return to


def make_old(server: Server, to: str) -> None:
    """Puts the logins of a user long ago."""
    with sqlite3.connect(server.data / "skyhook.db") as database:
        database.execute(
            "UPDATE sessions SET authenticated_at = '2020-01-01 00:00:00.000000' "
            "WHERE user_id = (SELECT id FROM users WHERE email = ?)",
            (to,),
        )
    database.close()


def of_member(client: httpx.Client, home: str, to: str, act: str) -> str:
    """Where the form of an act on a member goes to."""
    row = re.search(rf"<tr>(?:(?!</tr>).)*{re.escape(to)}.*?</tr>", client.get(f"{home}/members").text, re.S)
    assert row
    found = re.search(rf'action="([^"]+/{act})"', row[0])
    assert found, row[0]
    return found[1]


def test_sign_up_leads_by_mail_into_an_organization_with_credit(owner: tuple[httpx.Client, str]) -> None:
    page = owner[0].get(owner[1]).text
    assert "$5.00" in page
    assert "Make your first call" in page


def test_a_known_and_an_unknown_address_get_the_same_answer(open_server: Server) -> None:
    known, unknown = address(), address()
    with browser(open_server) as client:
        sign_up(open_server, client, known)
    with browser(open_server) as client:
        forms = [{"email": to, "password": SECRET, "organization": "B"} for to in (known, unknown)]
        answers = [client.post("/console/signup", data=form) for form in forms]
        resets = [client.post("/console/reset", data={"email": to}) for to in (known, unknown)]
    for one, other in (answers, resets):
        assert one.status_code == other.status_code == 200
        assert one.text.replace(known, unknown) == other.text
    assert any("has an account already" in text for text in letters(open_server, known))
    assert len(letters(open_server, unknown)) == 1


def test_a_link_without_the_password_of_the_sign_up_makes_no_account(open_server: Server) -> None:
    to = address()
    with browser(open_server) as client:
        forget_throttling(open_server)
        client.post("/console/signup", data={"email": to, "password": SECRET, "organization": "A"})
        assert log_in(client, to, SECRET).status_code == 401
        assert client.post(link(open_server, to), data={"password": "of another one"}).status_code == 401
        assert log_in(client, to, SECRET).status_code == 401
        assert client.post(link(open_server, to), data={"password": SECRET}).status_code == 303
        used = client.post(link(open_server, to), data={"password": SECRET, "form_token": form_token(client)})
        assert used.status_code == 404


def test_a_wrong_sign_up_is_shown_again_with_what_was_written(open_server: Server) -> None:
    with browser(open_server) as client:
        answer = client.post(
            "/console/signup", data={"email": "a@example.com", "password": "short", "organization": "<Kept>"}
        )
    assert answer.status_code == 400
    assert "at least 10" in answer.text
    assert "&lt;Kept&gt;" in answer.text
    assert "short" not in answer.text


def test_sign_up_is_closed_unless_it_is_opened(server: Server) -> None:
    with browser(server) as client:
        form = {"email": address(), "password": SECRET, "organization": "A"}
        assert client.post("/console/signup", data=form).status_code == 403
        assert "<form" not in client.get("/console/signup").text


def test_a_reset_works_once_and_ends_every_session(open_server: Server) -> None:
    to = address()
    with browser(open_server) as client, browser(open_server) as other:
        home = sign_up(open_server, client, to)
        other.post("/console/reset", data={"email": to})
        path = _wait_for_link(open_server, to)
        assert other.post(path, data={"password": "short"}).status_code == 400
        assert other.post(path, data={"password": "another horse battery"}).status_code == 200
        assert other.post(path, data={"password": "a third horse battery"}).status_code == 404
        assert client.get(home).status_code == 303
        assert log_in(other, to, SECRET).status_code == 401
        assert log_in(other, to, "another horse battery").status_code == 303


def _wait_for_link(server: Server, to: str) -> str:
    """The reset's link; the mail is written after the answer."""
    for _ in range(600):
        if any("/console/reset/" in text for text in letters(server, to)):
            return link(server, to)
        time.sleep(0.05)
    raise AssertionError("no mail came")


def test_mails_to_an_address_are_few(open_server: Server) -> None:
    to = address()
    with browser(open_server) as client:
        forget_throttling(open_server)
        answers = [client.post("/console/reset", data={"email": to}).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 429, 429]


def test_a_password_is_changed_by_who_knows_the_old_one(
    open_server: Server, owner: tuple[httpx.Client, str]
) -> None:
    client, home = owner
    path = "/console/account/password"
    wrong = post(client, path, password="wrong", new_password="another horse battery")
    assert wrong.status_code == 400
    assert "This is not your password" in wrong.text
    before = client.cookies["skyhook_session"]
    assert post(client, path, password=SECRET, new_password="another horse battery").status_code == 200
    assert client.cookies["skyhook_session"] != before
    assert client.get(home).status_code == 200
    assert "password.changed" in client.get(f"{home}/audit").text


def test_an_old_login_is_asked_again_and_what_was_typed_goes_on(
    open_server: Server, owner: tuple[httpx.Client, str]
) -> None:
    client, home = owner
    with browser(open_server) as other:
        to = join(open_server, owner, other, "viewer")
    path = of_member(client, home, to, "role")
    mine = re.search(r"\S+@example.com", client.get("/console/account").text.split("<p>")[1])
    assert mine
    make_old(open_server, mine[0].removesuffix("</p>"))
    asked = post(client, path, role="developer")
    assert 'name="role" value="developer"' in asked.text
    assert post(client, path, role="developer", password_again="wrong").status_code == 400
    before = client.cookies["skyhook_session"]
    assert post(client, path, role="developer", password_again=SECRET).status_code == 303
    assert client.cookies["skyhook_session"] != before
    row = re.search(rf"{to}.*?</tr>", client.get(f"{home}/members").text, re.S)
    assert row
    assert "<td>developer" in row[0]


def test_an_invitation_makes_a_member_once_and_can_be_withdrawn(
    open_server: Server, owner: tuple[httpx.Client, str]
) -> None:
    client, home = owner
    with browser(open_server) as other:
        to = join(open_server, owner, other, "developer")
        used = link(open_server, to)
        assert other.get(used).status_code == 404
        assert other.get(home).status_code == 200
        assert other.get(f"{home}/audit").status_code == 403
    withdrawn = address()
    post(client, f"{home}/invitations", email=withdrawn, role="viewer")
    path = re.search(r'action="([^"]+/revoke)"', client.get(f"{home}/members").text)
    assert path
    assert post(client, path[1]).status_code == 303
    with browser(open_server) as other:
        assert other.get(link(open_server, withdrawn)).status_code == 404


def test_an_invitation_is_for_its_address_alone(open_server: Server, owner: tuple[httpx.Client, str]) -> None:
    client, home = owner
    to = address()
    post(client, f"{home}/invitations", email=to, role="viewer")
    with browser(open_server) as stranger:
        sign_up(open_server, stranger, address())
        assert post(stranger, link(open_server, to)).status_code == 403
        assert stranger.get(home).status_code == 404


def test_nobody_gives_or_takes_a_role_above_their_own(
    open_server: Server, owner: tuple[httpx.Client, str]
) -> None:
    client, home = owner
    with browser(open_server) as admin, browser(open_server) as other:
        join(open_server, owner, admin, "admin")
        second = join(open_server, owner, other, "owner")
        assert post(admin, f"{home}/invitations", email=address(), role="owner").status_code == 403
        path = of_member(client, home, second, "remove")
        assert post(admin, path).status_code == 403
        assert other.get(home).status_code == 200


def test_the_last_owner_stays(owner: tuple[httpx.Client, str]) -> None:
    client, home = owner
    answer = post(client, f"{home}/leave")
    assert answer.status_code == 400
    assert "needs an owner" in answer.text


def test_an_organization_is_made_renamed_and_found_in_the_menu(owner: tuple[httpx.Client, str]) -> None:
    client, _ = owner
    home = post(client, "/console/organizations", name=f"Second {uuid4().hex[:6]}").headers["location"]
    assert post(client, f"{home}/organization", name="  ").status_code == 400
    assert post(client, f"{home}/organization", name="Renamed").status_code == 303
    assert f'<a href="{home}" aria-current="true">Renamed' in client.get(home).text


def test_the_audit_log_is_filtered_and_downloaded(owner: tuple[httpx.Client, str]) -> None:
    client, home = owner
    post(client, f"{home}/organization", name="Renamed")
    page = client.get(f"{home}/audit?action=organization.renamed").text
    assert page.count("<code>organization.renamed") == 1
    assert "<code>organization.created" not in page
    table = list(csv.DictReader(io.StringIO(client.get(f"{home}/audit.csv").text)))
    assert [row["action"] for row in table] == ["organization.renamed", "organization.created"]
    for query, shown in (("actor=nobody", False), ("until=2020-01-01", False), ("since=2020-01-01", True)):
        assert ("<code>organization" in client.get(f"{home}/audit?{query}").text) == shown
    assert client.get(f"{home}/audit?since=soon").status_code == 400
    assert client.get(f"{home}/audit.csv?target=none").status_code == 400


POSTS = [
    "/members/{id}/role",
    "/members/{id}/remove",
    "/invitations",
    "/invitations/{id}/resend",
    "/invitations/{id}/revoke",
    "/organization",
]


def test_forms_refuse_roles_strangers_and_missing_tokens(
    open_server: Server, owner: tuple[httpx.Client, str]
) -> None:
    client, home = owner
    with browser(open_server) as developer, browser(open_server) as stranger:
        join(open_server, owner, developer, "developer")
        sign_up(open_server, stranger, address())
        form = {"role": "viewer", "email": "x@example.com", "name": "Stolen"}
        for path in POSTS:
            there = home + path.format(id=uuid4())
            assert post(developer, there, **form).status_code == 403, path
            assert post(stranger, there, **form).status_code == 404, path
            assert client.post(there, data=form).status_code == 403, path
        assert post(stranger, f"{home}/leave").status_code == 404
        for path in ("/console/organizations", "/console/account/password", f"{home}/leave"):
            assert client.post(path, data=form).status_code == 403, path
