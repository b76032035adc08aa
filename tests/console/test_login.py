"""Login, logout, and who may see which page."""

from __future__ import annotations

import re
from uuid import uuid4

import httpx
import pytest
from tests.console.conftest import ADMINISTRATOR, browser, log_in, password
from tests.serving import Server

PAGES = [
    "",
    "/keys",
    "/keys/new",
    "/playground",
    "/playground/probe/words",
    "/usage",
    "/usage.csv",
    "/billing",
    "/billing/statement",
    "/billing/statement.csv",
    "/billing/prices",
    "/billing/payments",
    "/billing/plan",
    "/billing/cards",
    "/billing/details",
    "/billing/invoices",
    "/billing/invoices/preview",
    "/plugins",
    "/plugins/probe",
    "/jobs",
    "/files",
    "/functions",
    "/functions/probe_functions:Probe",
    "/members",
    "/audit",
    "/audit.csv",
    "/organization",
]


def form_token(client: httpx.Client) -> str:
    page = client.get("/console/account").text
    found = re.search(r'name="form_token" value="(\w+)"', page)
    assert found, page
    return found[1]


def test_whoever_is_not_logged_in_is_asked_to_and_led_back(server: Server) -> None:
    with browser(server) as client:
        asked = client.get("/console/o/first/usage?period=7")
        assert asked.status_code == 303
        assert asked.headers["location"] == "/console/login?next=/console/o/first/usage%3Fperiod%3D7"
        next_page = httpx.URL(asked.headers["location"]).params["next"]
        answer = log_in(client, ADMINISTRATOR, password(server), next=next_page)
        assert answer.headers["location"] == "/console/o/first/usage?period=7"
        assert client.get(answer.headers["location"]).status_code == 200


@pytest.mark.parametrize("address", ["https://evil.example/console", "//evil.example", "/console//evil", "/"])
def test_a_login_leads_nowhere_else(server: Server, address: str) -> None:
    with browser(server) as client:
        answer = log_in(client, ADMINISTRATOR, password(server), next=address)
        assert answer.headers["location"] == "/console"


def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(server: Server) -> None:
    with browser(server) as client:
        cookie = log_in(client, ADMINISTRATOR, password(server)).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_a_wrong_password_and_an_unknown_address_are_told_alike(server: Server) -> None:
    with browser(server) as client:
        wrong = log_in(client, ADMINISTRATOR, "not the password")
        unknown = log_in(client, "nobody@example.com", "not the password")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text == unknown.text.replace("nobody@example.com", ADMINISTRATOR)
    assert "set-cookie" not in wrong.headers


def test_after_ten_failures_even_the_right_password_waits(server: Server) -> None:
    email = f"{uuid4().hex}@example.com"
    with browser(server) as client:
        answers = [log_in(client, email, "guess").status_code for _ in range(12)]
    assert answers == [401] * 10 + [429] * 2


def test_each_login_makes_a_session_of_its_own_and_ends_the_one_before(server: Server) -> None:
    with browser(server) as client:
        log_in(client, ADMINISTRATOR, password(server))
        first = client.cookies["skyhook_session"]
        token = form_token(client)
        log_in(client, ADMINISTRATOR, password(server), form_token=token)
        assert client.cookies["skyhook_session"] != first
        client.cookies.set("skyhook_session", first, domain="127.0.0.1")
    with browser(server) as again:
        again.cookies.set("skyhook_session", first)
        assert again.get("/console").headers["location"].startswith("/console/login")


def test_a_browser_whose_session_has_ended_can_log_in_again(server: Server) -> None:
    with browser(server) as client:
        client.cookies.set("skyhook_session", "of-a-session-that-has-ended", domain="127.0.0.1")
        page = client.get("/console/login").text
        found = re.search(r'name="form_token" value="(\w+)"', page)
        assert found, page
        again = log_in(client, ADMINISTRATOR, password(server), form_token=found[1])
        assert again.status_code == 303
        assert client.get("/console/account").status_code == 200


def test_a_session_can_be_ended_from_another_browser(server: Server, client: httpx.Client) -> None:
    with browser(server) as other:
        log_in(other, ADMINISTRATOR, password(server))
        page = client.get("/console/account").text
        for session_id in re.findall(r"/console/account/sessions/([\w-]+)/end", page):
            client.post(
                f"/console/account/sessions/{session_id}/end", data={"form_token": form_token(client)}
            )
        assert other.get("/console/account").status_code == 303
        assert client.get("/console/account").status_code == 200


def test_logging_out_ends_the_session(server: Server, client: httpx.Client) -> None:
    token = client.cookies["skyhook_session"]
    client.post("/console/logout", data={"form_token": form_token(client)})
    client.cookies.set("skyhook_session", token)
    assert client.get("/console/account").status_code == 303


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "", "Origin": "https://evil.example"}],
)
def test_a_form_of_another_site_is_refused(client: httpx.Client, headers: dict[str, str]) -> None:
    data = {"form_token": form_token(client)}
    assert client.post("/console/logout", data=data, headers=headers).status_code == 403


def test_a_form_without_the_sessions_token_is_refused(client: httpx.Client) -> None:
    for token in ("", "0" * 64):
        answer = client.post(
            "/console/o/first/keys", data={"name": "stolen", "scopes": "*", "form_token": token}
        )
        assert answer.status_code == 403
    assert "stolen" not in client.get("/console/o/first/keys").text


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_another_organization_does_not_exist(
    server: Server, client: httpx.Client, page: str
) -> None:
    assert client.get(f"/console/o/first{page}").status_code == 200
    assert client.get(f"/console/o/other{page}").status_code == 404


def test_pages_are_strict_about_what_a_browser_may_load(client: httpx.Client) -> None:
    answer = client.get("/console/o/first")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert "<script>" not in answer.text
    assert " style=" not in answer.text
